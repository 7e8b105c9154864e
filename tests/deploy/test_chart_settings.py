from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deploy.chart import (
    CHART,
    NAMED_VALUES,
    deployment_of,
    needs_helm,
    objects,
    pods,
    settings_of,
    texts,
    values_of,
)
from worker.settings import Settings

pytestmark = needs_helm

_DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["settings"]
# Helm has every number as a float: whole ones are exact up to 2^53.
_PLAIN = st.one_of(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]), max_size=20
    ),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda number: round(number, 3)),
)
_NAMES = st.from_regex(r"\A[A-Za-z0-9_.-]{1,12}\Z").filter(lambda name: name != "fromSecret")
_HEADERS = st.dictionaries(_NAMES, _PLAIN, min_size=1, max_size=4)
_REFERENCE = {"fromSecret": "credentials", "key": "password"}
_SASL = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "worker",
    "sasl.password": _REFERENCE,
}
_HEADER = {"X-Token": {"fromSecret": "partner", "key": "token"}}


def _config(rendered: list[Any]) -> dict[str, Any]:
    found = [one for one in rendered if one["kind"] == "ConfigMap" and "config.toml" in one["data"]]
    return tomllib.loads(found[0]["data"]["config.toml"])


def _resolved(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What the file has to say of these values: a reference as the path of the mounted key."""
    said: dict[str, Any] = {}
    for name, value in tree.items():
        if not isinstance(value, dict):
            said[name] = value
        elif "fromSecret" in value:
            is_path = name.endswith(("_file", ".location"))
            said[name if is_path else f"{name}_file"] = (
                f"/etc/postback-worker/from/{value['fromSecret']}/{value['key']}"
            )
        else:
            said[name] = _resolved(value)
    return said


@pytest.mark.parametrize("name", NAMED_VALUES)
def test_the_file_says_what_the_values_say(name: str) -> None:
    """The file has the very names and values of `settings`, and for a Secret's key the path of it."""
    values = _resolved(_merged(_DEFAULTS, values_of(name).get("settings", {})))
    said = _config(objects(values_of(name)))
    if values_of(name).get("staticMembership"):
        assert said["kafka"]["properties"].pop("session.timeout.ms") == 45000
    assert said == values


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Values over defaults, as Helm has them."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict):
            both[name] = _merged(below[name], above[name])
    return both


@settings(max_examples=40)
@given(headers=_HEADERS)
def test_any_value_arrives_as_it_was(headers: dict[str, Any]) -> None:
    """Whatever text, number or boolean stands in the values, the file's reader gets the same."""
    text = texts({"settings": {"destination": {"headers": headers}}})["configmap.yaml"]
    said = _config([yaml.safe_load(text)])
    assert said["destination"]["headers"] == headers


def test_the_worker_takes_the_file(tmp_path: Path) -> None:
    """The worker starts with the file, secrets included: each name is a setting, each value is one."""
    values = {
        "kafka": {"bootstrap_servers": "kafka-1:9093,kafka-2:9093", "properties": _SASL},
        "destination": {
            "rate": 200.5,
            "concurrency": 100,
            "success_statuses": [200, 201],
            "headers": _HEADER,
        },
        "retry": {"delays": ["10s", "1m"]},
    }
    (config, *_) = [one for one in objects({"settings": values}) if one["kind"] == "ConfigMap"]
    settings = settings_of(config, tmp_path)
    assert settings.kafka.properties["sasl.password"] == "secret"
    assert settings.destination.headers["X-Token"].get_secret_value() == "secret"
    assert settings.destination.rate == 200.5
    assert settings.destination.success_statuses == {200, 201}
    assert [tier.label for tier in settings.tiers] == ["10s", "1m"]


def test_the_worker_takes_five_destinations(tmp_path: Path) -> None:
    """The five destinations of the values are five to the worker, with secrets and rules of their own."""
    (config, *_) = [one for one in objects(values_of("five-destinations")) if one["kind"] == "ConfigMap"]
    deployment = deployment_of(config, tmp_path)
    several = dict(zip(deployment.names, deployment.destinations, strict=True))
    assert several.keys() == values_of("five-destinations")["settings"]["destinations"].keys()
    assert several["binom"].destination.secrets["token"].get_secret_value() == "secret"
    assert several["voluum"].retry.window == 7 * 86400.0
    assert several["momentscience"].retry.max_attempts == 8
    assert several["private-partner"].kafka.group_id == "postback-worker.private-partner"


@pytest.mark.parametrize("name", ["ssl.ca.location", "ssl_ca_location", "SSL_CA_LOCATION"])
def test_a_file_of_the_client_is_a_path_however_it_is_written(name: str, tmp_path: Path) -> None:
    """A property that names a file gets the path of the Secret's key, in each spelling that is taken."""
    kafka = {"properties": {name: {"fromSecret": "kafka", "key": "ca.crt"}}}
    (config, *_) = [one for one in objects({"settings": {"kafka": kafka}}) if one["kind"] == "ConfigMap"]
    path = settings_of(config, tmp_path).kafka.properties["ssl.ca.location"]
    assert path == f"{tmp_path}/from/kafka/ca.crt"


@pytest.mark.parametrize("name", NAMED_VALUES)
def test_every_reference_is_mounted(name: str) -> None:
    """Each path of the file below `from` is a key of a Secret that every pod with the file mounts, once."""
    rendered = objects(values_of(name))
    asked = {text for text in _texts(_config(rendered)) if text.startswith("/etc/postback-worker/from/")}
    for pod in pods(rendered):
        volumes = [one["projected"] for one in pod["spec"]["volumes"] if one["name"] == "from"]
        mounted = [
            item["path"] for one in volumes for source in one["sources"] for item in source["secret"]["items"]
        ]
        assert sorted(f"/etc/postback-worker/from/{path}" for path in mounted) == sorted(asked)


def test_one_key_may_serve_twice() -> None:
    """A key that two settings name is mounted once: Kubernetes refuses a path that is given twice."""
    same = {"fromSecret": "tokens", "key": "token"}
    rendered = objects({"settings": {"destination": {"headers": {"X-A": same, "X-B": same}}}})
    (worker, *_) = [pod for pod in pods(rendered) if "terminationGracePeriodSeconds" in pod["spec"]]
    (volume,) = [one["projected"] for one in worker["spec"]["volumes"] if one["name"] == "from"]
    assert len(volume["sources"]) == 1


def test_a_change_of_settings_rolls_the_workers() -> None:
    """Other settings are another pod; the same ones are the same."""

    def checksum(topic: str) -> str:
        rendered = objects({"settings": {"kafka": {"topic": topic}}})
        (worker,) = [one for one in rendered if one["kind"] == "Deployment"]
        found: str = worker["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum("a") == checksum("a") != checksum("b")


def test_the_schema_knows_every_group_of_settings() -> None:
    """The schema lets through each group of settings, and each setting that has no group."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    assert Settings.model_fields.keys() <= schema["definitions"]["settings"]["properties"].keys()


def _texts(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [text for value in tree.values() for text in _texts(value)]
    return [tree] if isinstance(tree, str) else []
