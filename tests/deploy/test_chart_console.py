"""The console in the chart: off by default, closed, with a token of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.chart import Refused, container, needs_helm, objects, values_of

pytestmark = needs_helm


def _of_console(values: dict[str, Any]) -> dict[str, Any]:
    """The objects of the console, by their kinds."""
    rendered = [one for one in objects(values) if one["metadata"]["name"].endswith("-console")]
    return {one["kind"]: one for one in rendered}


def test_there_is_no_console_unless_it_is_asked_for() -> None:
    """By default nothing of the console is made; without a token it is refused in one line."""
    assert _of_console({}) == {}
    with pytest.raises(Refused, match=r"console\.token: must be set"):
        objects({"console": {"enabled": True}})
    with pytest.raises(Refused, match=r"settings\.console: leave it out"):
        objects({"settings": {"console": {"port": 9}}})


def test_the_console_is_closed() -> None:
    """Nobody reaches the console but whom the values name, and it reaches Kafka and name servers alone."""
    token = {"fromSecret": "postback-console", "key": "token"}
    made = _of_console({"console": {"enabled": True, "token": token}, "networkPolicy": {"enabled": True}})
    assert made.keys() == {"Deployment", "Service", "NetworkPolicy"}
    policy = made["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == []
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{53}, {9092}]
    pod = made["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert made["Service"]["spec"]["selector"].items() <= labels.items()
    env = {one["name"]: one for one in container(pod)["env"]}
    assert env["POSTBACK_CONSOLE__TOKEN"]["valueFrom"] == {
        "secretKeyRef": {"name": "postback-console", "key": "token"}
    }
    assert env["POSTBACK_CONSOLE__ALLOW_ACTIONS"]["value"] == "false"
    (first, *_) = _of_console(values_of("all-on"))["NetworkPolicy"]["spec"]["ingress"]
    assert first["from"] == values_of("all-on")["console"]["from"]


def test_the_workers_policy_is_not_the_console_s() -> None:
    """What the workers may reach the console may not: their policy does not choose its pod."""
    values = {**values_of("all-on"), "networkPolicy": {"enabled": True}}
    workers, *_ = [
        one
        for one in objects(values)
        if one["kind"] == "NetworkPolicy" and "console" not in one["metadata"]["name"]
    ]
    (rule,) = workers["spec"]["podSelector"]["matchExpressions"]
    assert rule == {"key": "app.kubernetes.io/component", "operator": "NotIn", "values": ["console"]}
