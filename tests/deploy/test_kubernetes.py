from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import instructions, manifests
from worker.adapters.kafka.producer_thread import FLUSH_TIMEOUT_SECONDS
from worker.adapters.kafka.source import LEAVE_MARGIN_SECONDS
from worker.runner import commits, remembered_offsets
from worker.settings import load

(CONFIG,) = manifests("ConfigMap")
(DEPLOYMENT,) = manifests("Deployment")
(JOB,) = manifests("Job")
PODS = pytest.mark.parametrize("pod", [DEPLOYMENT["spec"]["template"], JOB["spec"]["template"]])


def _container(pod: Any) -> Any:
    (only,) = pod["spec"]["containers"]
    return only


def test_its_settings_load(tmp_path: Path) -> None:
    """Every key of the ConfigMap is a setting, with a value that it may have."""
    settings = load(
        environ={**CONFIG["data"], "POSTBACK_SECRETS_DIR": str(tmp_path)}, dotenv=tmp_path / "none"
    )
    assert settings.kafka.bootstrap_servers == "kafka:9092"


def test_it_waits_longer_than_a_drain_takes(tmp_path: Path) -> None:
    """A stopped worker may drain, leave its group and flush before it is killed."""
    settings = load(
        environ={**CONFIG["data"], "POSTBACK_SECRETS_DIR": str(tmp_path)}, dotenv=tmp_path / "none"
    )
    grace = DEPLOYMENT["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    writes = commits.LAST_COMMIT_SECONDS + remembered_offsets.LAST_WRITE_SECONDS + FLUSH_TIMEOUT_SECONDS
    assert grace > settings.drain_timeout + writes + LEAVE_MARGIN_SECONDS


@PODS
def test_secrets_are_read_from_where_they_are_mounted(pod: Any) -> None:
    """The Secret's keys are files in the directory that the worker reads settings from."""
    mounts = {mount["name"]: mount["mountPath"] for mount in _container(pod)["volumeMounts"]}
    (secret,) = [volume for volume in pod["spec"]["volumes"] if "secret" in volume]
    assert mounts[secret["name"]] == CONFIG["data"]["POSTBACK_SECRETS_DIR"]


@PODS
def test_it_runs_with_no_rights(pod: Any) -> None:
    """No root, no capability, no writable root, no token of the cluster, no variables of other services."""
    spec, container = pod["spec"], _container(pod)
    (user,) = [rest for word, rest in instructions() if word == "USER"]
    assert f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}" == user
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not spec["automountServiceAccountToken"]
    assert not spec["enableServiceLinks"]


@PODS
def test_its_image_is_of_this_version(pod: Any) -> None:
    """The manifest runs the version that it comes with."""
    assert _container(pod)["image"] == f"postback-worker:{version('postback-worker')}"


def test_liveness_and_readiness_are_not_confused() -> None:
    """Only `/livez` restarts a worker; `/readyz`, which hears of Kafka, does not."""
    container = _container(DEPLOYMENT["spec"]["template"])
    paths = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    }
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
