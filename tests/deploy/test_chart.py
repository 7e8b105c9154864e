from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.chart import (
    CHART,
    NAME,
    NAMED_VALUES,
    README,
    container,
    needs_helm,
    objects,
    pods,
    readme,
    settings_of,
    texts,
    values_of,
)
from worker.adapters.kafka.producing import FLUSH_TIMEOUT_SECONDS
from worker.adapters.kafka.source import LEAVE_MARGIN_SECONDS
from worker.cli import app
from worker.runner import commits, remembered_offsets

pytestmark = needs_helm

SUPPORTED = ("1.29", kubernetes_validate.latest_version())
"""The oldest and the newest Kubernetes that a manifest is judged for."""
OF_OPERATORS = {"PodMonitor", "PrometheusRule", "ScaledObject"}
VOLUMES = {"configMap", "projected", "emptyDir"}
each_values = pytest.mark.parametrize("name", NAMED_VALUES)


def _named(name: str) -> list[Any]:
    return objects(values_of(name) if name else {})


def _one(kind: str, rendered: list[Any]) -> Any:
    found = [one for one in rendered if one["kind"] == kind and "helm.sh/hook" not in _annotations(one)]
    return found[0]


def _annotations(one: Any) -> dict[str, str]:
    found: dict[str, str] = one["metadata"].get("annotations", {})
    return found


def test_it_is_of_this_version() -> None:
    """Chart and program have one version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == version(NAME)


def test_the_readme_has_every_value() -> None:
    """The table of values is the one that `make chart` writes, of each value with its default."""
    assert README.read_text("utf-8") == readme()


def test_the_readme_s_install_is_one() -> None:
    """The values that the README has a user set are values, and what it shows of YAML renders."""
    from helm_python import parse_set_string

    text = README.read_text("utf-8")
    given = re.findall(r"--set (\S+)", text)
    shown, console = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(given) == 2
    image = container(_one("Deployment", objects(parse_set_string(",".join(given))))["spec"]["template"])[
        "image"
    ]
    assert image == f"registry.example/postback-worker:{version(NAME)}"
    assert "SCRAM-SHA-512" in texts(yaml.safe_load(shown))["configmap.yaml"]
    assert "postback-console" in texts(yaml.safe_load(console))["console.yaml"]


@pytest.mark.parametrize("name", ["", *NAMED_VALUES])
def test_lint_has_nothing_to_say(name: str) -> None:
    """`helm lint --strict` finds no error and no warning, with the defaults and with each file of values."""
    from helm_python import lint

    report = lint(CHART, values_of(name) if name else None, strict=True)
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("kubernetes", SUPPORTED)
@each_values
def test_kubernetes_takes_it(name: str, kubernetes: str) -> None:
    """Each object has the fields that the oldest and the newest Kubernetes know, and no other."""
    for one in _named(name):
        if one["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(one, kubernetes, strict=True)


def test_the_judge_of_manifests_judges() -> None:
    """A field that Kubernetes does not know is refused by the judge of the test above."""
    deployment = _one("Deployment", _named(""))
    deployment["spec"]["template"]["spec"]["containers"][0]["arguments"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, SUPPORTED[0], strict=True)


@each_values
def test_no_pod_has_rights(name: str) -> None:
    """No root, no capability, no writable root, no token of the cluster, no host: `restricted`."""
    for pod in pods(_named(name)):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec["automountServiceAccountToken"]
        assert not spec["enableServiceLinks"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert {kind for volume in spec["volumes"] for kind in volume} - {"name"} <= VOLUMES
        for one in [*spec["containers"], *spec.get("initContainers", [])]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("drain", ["500ms", "25s", "2m"])
def test_it_waits_longer_than_a_drain_takes(drain: str, tmp_path: Path) -> None:
    """The grace follows the drain: a stopped worker may drain, leave its group and flush."""
    rendered = objects({"settings": {"drain_timeout": drain}})
    grace = _one("Deployment", rendered)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    settings = settings_of(_one("ConfigMap", rendered), tmp_path)
    writes = commits.LAST_COMMIT_SECONDS + remembered_offsets.LAST_WRITE_SECONDS + FLUSH_TIMEOUT_SECONDS
    assert grace > settings.drain_timeout + writes + LEAVE_MARGIN_SECONDS


def test_topics_are_made_before_the_workers() -> None:
    """The Job is a hook of install and upgrade; what it reads is made before it, with the same settings."""
    rendered = _named("five-destinations")
    (job,) = [one for one in rendered if one["kind"] == "Job"]
    volumes = {volume["name"]: volume for volume in job["spec"]["template"]["spec"]["volumes"]}
    copied = volumes["config"]["configMap"]["name"]
    (config,) = [one for one in rendered if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", copied)]
    for hook in (job, config):
        assert _annotations(hook)["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(_annotations(config)["helm.sh/hook-weight"]) < int(_annotations(job)["helm.sh/hook-weight"])
    assert config["data"] == _one("ConfigMap", rendered)["data"]


def test_its_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """What the pods are told to do, the command line knows, options included."""
    for pod in pods(_named("all-on")):
        for one in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
            app([*one["args"], "--help"], standalone_mode=False)
            assert "Usage" in capsys.readouterr().out


@pytest.mark.process
def test_helm_test_delivers_an_event(tmp_path: Path) -> None:
    """What the pod of `helm test` runs last delivers one event to a stand-in, with no settings of ours."""
    (pod,) = [one for one in _named("") if one["kind"] == "Pod"]
    arguments = [*container(pod)["args"], "-o", "json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    records = {line["ending"]: line["records"] for line in json.loads(done.stdout)}
    assert records["delivered at attempt 1"] == 1


def test_some_destinations_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A release may serve some of the destinations, by an option that the command line has."""
    rendered = objects({**values_of("five-destinations"), "only": ["voluum", "binom"]})
    arguments = container(_one("Deployment", rendered)["spec"]["template"])["args"]
    assert arguments == ["run", "--only", "voluum,binom"]
    app([*arguments, "--help"], standalone_mode=False)
    assert "--only" in capsys.readouterr().out


def test_a_static_worker_is_named_by_its_pod() -> None:
    """Each worker of the StatefulSet has its pod's name in the group, and the group waits for its restart."""
    stateful = _one("StatefulSet", _named("all-on"))
    (identity,) = [
        one
        for one in container(stateful["spec"]["template"])["env"]
        if one["name"].endswith("GROUP_INSTANCE_ID")
    ]
    assert identity["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (names,) = [
        one for one in _named("all-on") if one["kind"] == "Service" and one["spec"].get("clusterIP") == "None"
    ]
    assert stateful["spec"]["serviceName"] == names["metadata"]["name"]


@pytest.mark.parametrize("given", [{}, {"kafka": {"properties": {"session.timeout.ms": 30000}}}])
def test_the_group_waits_for_a_static_worker(given: dict[str, Any], tmp_path: Path) -> None:
    """The session lasts as long as the chart says, unless the settings say another."""
    rendered = objects({"staticMembership": {"enabled": True}, "settings": given})
    properties = settings_of(_one("ConfigMap", rendered), tmp_path).kafka.properties
    assert properties["session.timeout.ms"] == ("30000" if given else "45000")


def test_two_releases_do_not_meet() -> None:
    """No selector of one release finds a pod of another, or a pod that is no worker."""
    first, second = objects({}, "ours"), objects({}, "theirs")
    selector = _one("Deployment", first)["spec"]["selector"]["matchLabels"]
    found = [pod for pod in pods(first + second) if selector.items() <= pod["metadata"]["labels"].items()]
    assert found == [_one("Deployment", first)["spec"]["template"]]
    names = [(one["kind"], one["metadata"]["name"]) for one in first + second]
    assert len(names) == len(set(names))


def test_names_are_short_enough() -> None:
    """The longest name that a release may have leaves room for what is added to it."""
    for release in ("r" * 53, "postback-worker-" + "x" * 37):
        assert max(len(one["metadata"]["name"]) for one in objects(values_of("plain"), release)) <= 63


def test_the_notes_name_what_is_there() -> None:
    """What is printed after an install names the objects and the commands of this release."""
    notes = texts(values_of("five-destinations"), "shop")["NOTES.txt"]
    assert "deployment/shop-postback-worker" in notes
    assert "appsflyer_s2s, binom, momentscience, private-partner, voluum" in notes
    assert "send --click-id TEST --destination appsflyer_s2s" in notes
    assert "get --raw" not in notes, "kubectl drops what a worker that is not ready answers"
    assert "curl -s http://127.0.0.1:8080/readyz" in notes
