from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.deploy.files import document
from tests.support.java import KAFKA_VERSION
from worker.adapters.kafka.producing import FLUSH_TIMEOUT_SECONDS
from worker.adapters.kafka.source import LEAVE_MARGIN_SECONDS
from worker.cli import app
from worker.runner import commits, remembered_offsets
from worker.settings import Settings, load
from worker.settings.values import parse_duration

SERVICES: dict[str, Any] = document("compose.yaml")["services"]


@pytest.mark.parametrize("service", ["worker", "topics"])
def test_its_settings_load(service: str, tmp_path: Path) -> None:
    """Every variable of the compose file is a setting, with a value that it may have."""
    settings = load(environ=SERVICES[service]["environment"], dotenv=tmp_path / "none")
    assert settings.kafka.bootstrap_servers == "kafka:19092"


def test_its_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """What the compose file has the worker do, the command line knows, options included."""
    app([*SERVICES["topics"]["command"], "--help"], standalone_mode=False)
    assert "topics create" in capsys.readouterr().out
    with pytest.raises(typer.TyperException):
        app([*SERVICES["topics"]["command"], "--no-such-option", "--help"], standalone_mode=False)


def test_it_waits_longer_than_a_drain_takes() -> None:
    """A stopped worker may drain, leave its group and flush before it is killed."""
    grace = parse_duration(SERVICES["worker"]["stop_grace_period"])
    writes = commits.LAST_COMMIT_SECONDS + remembered_offsets.LAST_WRITE_SECONDS + FLUSH_TIMEOUT_SECONDS
    assert grace > Settings().drain_timeout + writes + LEAVE_MARGIN_SECONDS


def test_every_image_has_a_version() -> None:
    """No image floats: each names a version, and the worker's is the one of this source."""
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in images.values())
    assert images["worker"] == images["topics"] == f"postback-worker:{version('postback-worker')}"


def test_its_kafka_is_the_one_of_the_tests() -> None:
    """The compose file runs the Kafka that the tests run."""
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_nothing_is_open_to_the_network() -> None:
    """Ports are published on this machine alone."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_worker_is_scraped() -> None:
    """Prometheus asks the name server for each replica, at the port where the worker serves."""
    (job,) = document("prometheus.yml")["scrape_configs"]
    (discovery,) = job["dns_sd_configs"]
    assert discovery["names"] == ["worker"]
    assert discovery["port"] == Settings().http.port
    assert SERVICES["worker"]["deploy"]["replicas"] > 1
