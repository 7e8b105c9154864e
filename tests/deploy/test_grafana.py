"""Grafana beside the worker, as deploy/compose.yaml provisions it: no engine here would run it."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from tests.deploy.files import DEPLOY, document

PROVISIONING = PurePosixPath("/etc/grafana/provisioning")
SERVICES: dict[str, Any] = document("compose.yaml")["services"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "dashboard.json").read_text("utf-8"))
SOURCE_KEYS = {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"}
PROVIDER_KEYS = {
    "name", "type", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds", "options",
}  # fmt: skip


def mounted() -> dict[PurePosixPath, Path]:
    """Each file that the container sees, with the one of ours that it is."""
    pairs = [volume.split(":") for volume in SERVICES["grafana"]["volumes"]]
    assert all(how == ["ro"] for _, _, *how in pairs)
    return {PurePosixPath(there): (DEPLOY / here).resolve() for here, there, *_ in pairs}


def the(kind: str, folder: str) -> Any:
    """The one entry of the one provisioning file that Grafana reads from a folder of this name."""
    (file,) = [ours for there, ours in mounted().items() if there.parent == PROVISIONING / folder]
    read = document(str(file.relative_to(DEPLOY)))
    assert read.pop("apiVersion") == 1
    ((name, (only,)),) = read.items()
    assert name == kind
    return only


def test_every_file_is_there() -> None:
    """What is mounted exists, and a file is mounted as a file: a missing one would become an empty folder."""
    assert [str(file) for file in mounted().values() if not file.is_file()] == []


def test_the_source_is_the_prometheus_beside_it() -> None:
    """The data source has Grafana's own fields, and asks the service and port of the compose file."""
    source = the("datasources", "datasources")
    assert source.keys() <= SOURCE_KEYS
    assert source["type"] == "prometheus"
    assert source["isDefault"] is True
    assert source["url"] == "http://prometheus:9090"
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]


def test_rates_follow_the_scrape() -> None:
    """Grafana knows how often Prometheus scrapes: `$__rate_interval` is four times as long."""
    interval = document("prometheus.yml")["global"]["scrape_interval"]
    assert the("datasources", "datasources")["jsonData"] == {"timeInterval": interval}


def test_the_dashboard_is_found() -> None:
    """The provider looks in the folder where the dashboard is mounted, which is also the first page."""
    provider = the("providers", "dashboards")
    assert provider.keys() <= PROVIDER_KEYS
    assert provider["type"] == "file"
    folder = PurePosixPath(provider["options"]["path"])
    (there,) = [there for there, ours in mounted().items() if ours == DEPLOY / "dashboard.json"]
    assert there.parent == folder
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == str(there)


def test_the_dashboard_takes_the_source() -> None:
    """Panels and variables ask a source of the kind that is provisioned, by the dashboard's variable."""
    kind = the("datasources", "datasources")["type"]
    (chooser,) = [one for one in DASHBOARD["templating"]["list"] if one["type"] == "datasource"]
    assert chooser["query"] == kind
    others = [one for one in DASHBOARD["templating"]["list"] if one is not chooser]
    asked = {tuple(one["datasource"].items()) for one in [*DASHBOARD["panels"], *others]}
    assert asked == {(("type", kind), ("uid", f"${{{chooser['name']}}}"))}


def test_nobody_logs_in() -> None:
    """There is no password to leave at its default: who looks can't change anything."""
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
