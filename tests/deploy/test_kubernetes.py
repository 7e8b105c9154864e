from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import (
    NAME,
    PLAIN,
    container,
    needs_helm,
    objects,
    plain_manifest,
    settings_of,
    values_of,
)
from tests.deploy.files import instructions, manifests
from worker.adapters.kafka.producing import FLUSH_TIMEOUT_SECONDS
from worker.adapters.kafka.source import LEAVE_MARGIN_SECONDS
from worker.runner import commits, remembered_offsets

(CONFIG,) = manifests("ConfigMap")
(DEPLOYMENT,) = manifests("Deployment")
(JOB,) = manifests("Job")
PODS = pytest.mark.parametrize("pod", [DEPLOYMENT["spec"]["template"], JOB["spec"]["template"]])


@needs_helm
def test_it_is_the_chart() -> None:
    """The manifest is what the chart renders; `make chart` writes it anew."""
    assert PLAIN.read_text("utf-8") == plain_manifest()


@needs_helm
def test_it_is_whole() -> None:
    """Nothing that the chart makes of these values is missing, but for the pod of `helm test`."""
    kinds = [one["kind"] for one in objects(values_of("plain")) if one["kind"] != "Pod"]
    assert sorted(kinds) == sorted(one["kind"] for one in manifests())


def test_its_settings_load(tmp_path: Path) -> None:
    """The ConfigMap's file has settings alone, with values that they may have."""
    assert settings_of(CONFIG, tmp_path).kafka.bootstrap_servers == "kafka:9092"


def test_it_waits_longer_than_a_drain_takes(tmp_path: Path) -> None:
    """A stopped worker may drain, leave its group and flush before it is killed."""
    grace = DEPLOYMENT["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    writes = commits.LAST_COMMIT_SECONDS + remembered_offsets.LAST_WRITE_SECONDS + FLUSH_TIMEOUT_SECONDS
    assert grace > settings_of(CONFIG, tmp_path).drain_timeout + writes + LEAVE_MARGIN_SECONDS


@PODS
def test_settings_are_read_from_where_they_are_mounted(pod: Any) -> None:
    """The ConfigMap's file and the Secret's keys are where the worker is told to read them."""
    variables = {one["name"]: one["value"] for one in container(pod)["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    (secret,) = [volume["name"] for volume in pod["spec"]["volumes"] if "projected" in volume]
    (config,) = [volume["name"] for volume in pod["spec"]["volumes"] if "configMap" in volume]
    assert variables == {
        "POSTBACK_CONFIG": f"{mounts[config]}/config.toml",
        "POSTBACK_SECRETS_DIR": mounts[secret],
    }


@PODS
def test_it_runs_as_the_image_s_user(pod: Any) -> None:
    """The pods' user and group are those of the image."""
    (user,) = [rest for word, rest in instructions() if word == "USER"]
    context = pod["spec"]["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user


@PODS
def test_its_image_is_of_this_version(pod: Any) -> None:
    """The manifest runs the version that it comes with."""
    assert container(pod)["image"] == f"{NAME}:{version(NAME)}"


def test_liveness_and_readiness_are_not_confused() -> None:
    """Only `/livez` restarts a worker; `/readyz`, which hears of Kafka, does not."""
    worker = container(DEPLOYMENT["spec"]["template"])
    paths = {name: worker[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_the_selectors_find_the_workers_alone() -> None:
    """Deployment, disruption budget and spread count the workers, never the Job's pod."""
    (budget,) = manifests("PodDisruptionBudget")
    spec = DEPLOYMENT["spec"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    labels = spec["selector"]["matchLabels"]
    assert budget["spec"]["selector"]["matchLabels"] == spread["labelSelector"]["matchLabels"] == labels
    assert labels.items() <= spec["template"]["metadata"]["labels"].items()
    assert not labels.items() <= JOB["spec"]["template"]["metadata"]["labels"].items()
