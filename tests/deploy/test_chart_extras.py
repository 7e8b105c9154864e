"""What a cluster may want besides: accounts, volumes, variables, neighbours of the workers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.deploy.chart import NAME, container, needs_helm, objects, pods, texts, values_of

pytestmark = needs_helm

EXTRAS = values_of("extras")
CONSOLE = {"enabled": True, "token": {"fromSecret": "postback-console", "key": "token"}}


def _rendered(**values: Any) -> list[Any]:
    return objects({**EXTRAS, "console": CONSOLE, **values})


def _one(kind: str, name: str = NAME, **values: Any) -> Any:
    (found,) = [one for one in _rendered(**values) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def _worker(**values: Any) -> Any:
    return _one("Deployment", **values)["spec"]["template"]["spec"]


def _containers(rendered: list[Any]) -> list[Any]:
    """All that read the settings, in whichever pod."""
    found = [
        one
        for pod in pods(rendered)
        for one in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    ]
    return [one for one in found if any(env["name"] == "POSTBACK_CONFIG" for env in one.get("env", []))]


def test_what_reads_the_settings_has_volumes_and_variables() -> None:
    """Workers, console, the Job and the test have further files and variables: each reads the settings."""
    rendered = _rendered()
    reading = _containers(rendered)
    assert len(reading) == 4
    for one in reading:
        assert one["envFrom"] == EXTRAS["envFrom"]
        assert one["volumeMounts"][-1] == EXTRAS["extraVolumeMounts"][0]
    for pod in pods(rendered):
        assert EXTRAS["extraVolumes"][0] in pod["spec"]["volumes"]


def test_every_pod_may_run_where_the_workers_may() -> None:
    """Where nodes, priority, names and registry are chosen, they are for all pods of the release."""
    chosen: dict[str, Any] = {
        "nodeSelector": {"pool": "ads"},
        "tolerations": [{"key": "ads", "operator": "Exists"}],
        "priorityClassName": "high",
        "hostAliases": EXTRAS["hostAliases"],
        "dnsConfig": EXTRAS["dnsConfig"],
    }
    found = pods(_rendered(**chosen, image={"pullSecrets": ["registry"]}))
    assert len(found) == 4
    for pod in found:
        assert chosen.items() <= pod["spec"].items()
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_the_account_is_made_before_it_is_used() -> None:
    """An account of the chart is the pods', but for the Job, which runs before anything else is there."""
    account = _one("ServiceAccount")
    assert account["metadata"]["annotations"] == EXTRAS["serviceAccount"]["annotations"]
    assert account["automountServiceAccountToken"] is False
    rendered = _rendered()
    accounts = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in pods(rendered)}
    named = {name: pod["spec"].get("serviceAccountName") for name, pod in accounts.items()}
    assert named == {"worker": NAME, "console": NAME, "test": NAME, "topics": None}
    theirs = {"serviceAccount": {"create": False, "name": "ours", "annotations": {}}}
    assert {pod["spec"]["serviceAccountName"] for pod in pods(_rendered(**theirs))} == {"ours"}


@pytest.mark.parametrize(("given", "ids"), [(None, set()), (4711, {4711})])
def test_who_the_pods_run_as(given: int | None, ids: set[int]) -> None:
    """The user is the one that is given, or whom the platform chooses; never root."""
    for pod in pods(_rendered(userId=given)):
        context = pod["spec"]["securityContext"]
        assert {
            value for key, value in context.items() if key in ("runAsUser", "runAsGroup", "fsGroup")
        } == ids
        assert context["runAsNonRoot"]


def test_containers_beside_and_before() -> None:
    """Further containers run before the worker or beside it, which is the first, with its handlers."""
    spec = _worker()
    assert [one["name"] for one in spec["initContainers"]] == ["wait"]
    assert [one["name"] for one in spec["containers"]] == ["worker", "beside"]
    assert spec["containers"][0]["lifecycle"] == EXTRAS["lifecycle"]


def test_labels_and_annotations() -> None:
    """Every object of the chart has the common labels, and no selector asks for them."""
    label = EXTRAS["commonLabels"].items()
    for one in _rendered():
        if one["metadata"]["name"] != f"{NAME}-note":
            assert label <= one["metadata"]["labels"].items()
    workers = _one("Deployment")
    assert workers["metadata"]["annotations"] == EXTRAS["annotations"]
    assert not label & workers["spec"]["selector"]["matchLabels"].items()


def test_further_objects() -> None:
    """An object of the values is one of the release, with what its templates say."""
    assert _one("ConfigMap", f"{NAME}-note")["data"] == {"release": NAME}


def test_a_handler_takes_nothing_from_the_defaults() -> None:
    """Nothing of all this is there unless it is asked for."""
    spec = next(one for one in objects({}) if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert not {"initContainers", "hostAliases", "dnsConfig", "serviceAccountName"} & spec.keys()
    assert not {"envFrom", "lifecycle"} & container({"spec": spec}).keys()


def test_the_notes_know_servers_of_a_secret() -> None:
    """Where the servers are in a Secret the notes say so."""
    assert "from the servers that a Secret names" in texts(EXTRAS)["NOTES.txt"]


def test_a_pod_s_annotation_is_given_once() -> None:
    """An annotation that the values name stands in the place of the chart's: no key is there twice."""
    text = texts({"podAnnotations": {"prometheus.io/scrape": "false", "example.com/team": "ads"}})[
        "worker.yaml"
    ]
    assert re.findall(r"prometheus.io/scrape: .*", text) == ['prometheus.io/scrape: "false"']
    assert text.count("example.com/team: ads") == 1
    assert 'prometheus.io/port: "8080"' in text


def test_a_large_user_is_a_whole_number() -> None:
    """A user's number as OpenShift gives them out is written as one, without an exponent."""
    assert "runAsUser: 1000720000\n" in texts({"userId": 1000720000})["worker.yaml"]
