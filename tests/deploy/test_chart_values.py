from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.deploy.chart import CHART, Refused, needs_helm, objects

pytestmark = needs_helm

URL = "https://partner.example/?click_id={click_id}"
WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "a value that is not there": ({"replicaCount": 3}, "'replicaCount' not allowed"),
    "text for a number": ({"replicas": "two"}, "'/replicas': got string, want integer"),
    "fewer than none": ({"replicas": -1}, "'/replicas': minimum: got -1, want 0"),
    "a tag in the repository": ({"image": {"repository": "postback-worker:1"}}, "'/image/repository'"),
    "a label that finds the pods": (
        {"podLabels": {"app.kubernetes.io/name": "x"}},
        "podLabels: app.kubernetes.io/name is set by the chart",
    ),
    "a label of the chart's": (
        {"commonLabels": {"helm.sh/chart": "x"}},
        "commonLabels: helm.sh/chart is set by the chart",
    ),
    "half a digest": ({"image": {"digest": "sha256:12"}}, "'/image/digest'"),
    "an unknown pull policy": (
        {"image": {"pullPolicy": "Sometimes"}},
        "'/image/pullPolicy': value must be one of",
    ),
    "more at least than at most": (
        {"autoscaling": {"kind": "hpa", "minWorkers": 5, "maxWorkers": 4}},
        "autoscaling.minWorkers: 5 is more than autoscaling.maxWorkers, 4",
    ),
    "an autoscaler that asks nobody": (
        {"autoscaling": {"kind": "keda"}},
        "autoscaling.prometheusAddress: KEDA asks Prometheus",
    ),
    "an autoscaler that is none": (
        {"autoscaling": {"kind": "vpa"}},
        "'/autoscaling/kind': value must be one of",
    ),
    "a group of settings that is not there": (
        {"settings": {"kafak": {"topic": "x"}}},
        "'/settings': additional properties 'kafak' not allowed",
    ),
    "a setting in another spelling": (
        {"settings": {"kafka": {"bootstrapServers": "kafka:9092"}}},
        "'/settings/kafka': additional properties 'bootstrapServers' not allowed",
    ),
    "a drain without a unit": (
        {"settings": {"drain_timeout": 25}},
        "'/settings/drain_timeout': got number, want string",
    ),
    "a destination with a name that is none": (
        {"settings": {"destinations": {"Big One": {"rate": 1}}}},
        "'/settings/destinations': additional properties 'Big One' not allowed",
    ),
    "a destination of which nothing is said": (
        {"settings": {"destinations": {"voluum": {}}}},
        "'/settings/destinations/voluum': minProperties: got 0, want 1",
    ),
    "one destination's address beside several": (
        {"settings": {"destination": {"url": URL}, "destinations": {"voluum": {"url": URL}}}},
        "settings.destination.url: can't stand beside settings.destinations",
    ),
    "a destination without an address": (
        {"settings": {"destinations": {"voluum": {"rate": 1}}}},
        "settings.destinations.voluum: has no url",
    ),
    "two that take what no other takes": (
        {"settings": {"destinations": {"binom": {"url": URL}, "voluum": {"url": URL}}}},
        "settings.destinations: binom and voluum have no `when`",
    ),
    "a destination to serve that is not there": (
        {"only": ["binom"], "settings": {"destinations": {"voluum": {"url": URL}}}},
        "only: binom is none of settings.destinations (voluum)",
    ),
    "a secret in plain text": (
        {"settings": {"destinations": {"voluum": {"secrets": {"token": "hunter2"}}}}},
        "'/settings/destinations/voluum/secrets/token': got string, want object",
    ),
    "a password in plain text": (
        {"settings": {"kafka": {"properties": {"sasl.password": "hunter2"}}}},
        "settings.kafka.properties: sasl.password is a secret",
    ),
    "a password in plain text, in the other spelling": (
        {"settings": {"kafka": {"properties": {"SASL_PASSWORD": "hunter2"}}}},
        "settings.kafka.properties: SASL_PASSWORD is a secret",
    ),
    "a token's secret in plain text": (
        {"settings": {"kafka": {"properties": {"sasl.oauthbearer.client.secret": "hunter2"}}}},
        "settings.kafka.properties: sasl.oauthbearer.client.secret is a secret",
    ),
    "a proxy's login in plain text": (
        {"settings": {"destination": {"proxy": "http://user:hunter2@proxy:3128"}}},
        "settings.destination.proxy: has a login",
    ),
    "one destination's proxy with its login in plain text": (
        {"settings": {"destinations": {"voluum": {"url": URL, "proxy": "http://user:hunter2@proxy:3128"}}}},
        "settings.destinations.voluum.proxy: has a login",
    ),
    "a reference without a key": (
        {"settings": {"destination": {"proxy": {"fromSecret": "proxy"}}}},
        "'/settings/destination/proxy': missing property 'key'",
    ),
    "one name for all static workers": (
        {"settings": {"kafka": {"properties": {"group.instance.id": "one"}}}},
        "group.instance.id would be the same for all workers; set staticMembership.enabled",
    ),
    "a grace below the drain": (
        {"terminationGracePeriodSeconds": 30},
        "terminationGracePeriodSeconds: 30 is too short for a drain of 25s; set 80 at least",
    ),
    "metrics that no probe reaches": (
        {"settings": {"http": {"host": "127.0.0.1"}}},
        "settings.http.host: leave it out",
    ),
    "a session longer than a broker allows": (
        {"staticMembership": {"enabled": True, "sessionTimeout": "5m"}},
        "'/staticMembership/sessionTimeout'",
    ),
    "a budget that lets nothing go": (
        {"podDisruptionBudget": {"maxUnavailable": 0}},
        "'/podDisruptionBudget/maxUnavailable'",
    ),
    "a size without a unit": ({"temporarySize": "256"}, "'/temporarySize': '256' does not match"),
    "a port that is none": (
        {"networkPolicy": {"partnerPorts": [80, 70000]}},
        "'/networkPolicy/partnerPorts/1'",
    ),
    "ports of servers that nobody sees": (
        {
            "networkPolicy": {"enabled": True},
            "settings": {"kafka": {"bootstrap_servers": {"fromSecret": "kafka", "key": "servers"}}},
        },
        "networkPolicy.kafkaPorts: must be set",
    ),
    "a path of the node": (
        {"extraVolumes": [{"name": "host", "hostPath": {"path": "/"}}]},
        "extraVolumes: host is a path of the node",
    ),
    "a volume of which nothing is said": ({"extraVolumes": [{"name": "none"}]}, "'/extraVolumes/0'"),
    "annotations of somebody else's account": (
        {"serviceAccount": {"name": "ours", "annotations": {"a": "b"}}},
        "serviceAccount.annotations: are of an account that the chart makes",
    ),
    "root": ({"userId": 0}, "'/userId': minimum: got 0, want 1"),
    "a spread over nothing": ({"spread": {"topologyKeys": []}}, "'/spread/topologyKeys': minItems"),
    "a handler that is none": (
        {"lifecycle": {"preStart": {}}},
        "'/lifecycle': additional properties 'preStart'",
    ),
    "an object without a kind": ({"extraObjects": [{"apiVersion": "v1"}]}, "'/extraObjects/0': missing"),
    "a variable that the chart sets": (
        {"env": [{"name": "POSTBACK_CONFIG", "value": "/x"}]},
        "env: POSTBACK_CONFIG is set by the chart",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused(case: str) -> None:
    """A wrong value is refused before anything is made, by a line that names it, and shows no secret."""
    values, line = WRONG[case]
    with pytest.raises(Refused) as refused:
        objects(values)
    assert line in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_what_is_common_may_stand_beside_several() -> None:
    """What each destination has where it says nothing stands beside them."""
    settings = {"destination": {"timeout": "5s"}, "destinations": {"voluum": {"url": URL}}}
    assert objects({"settings": settings})


def test_what_is_no_secret_may_stand_in_the_open() -> None:
    """Who logs in to Kafka with a token says in plain text where it is got, and as whom."""
    properties = {
        "sasl.oauthbearer.token.endpoint.url": "https://issuer.example/token",
        "sasl.oauthbearer.client.credentials.client.id": "postback-worker",
        "sasl.oauthbearer.client.secret": {"fromSecret": "kafka-user", "key": "secret"},
    }
    assert objects({"settings": {"kafka": {"properties": properties}}})


def test_several_are_told_at_once() -> None:
    """Whoever has two values wrong hears of both."""
    values = {"terminationGracePeriodSeconds": 1, "settings": {"http": {"host": "::1"}}}
    with pytest.raises(Refused) as refused:
        objects(values)
    assert "terminationGracePeriodSeconds:" in str(refused.value)
    assert "settings.http.host:" in str(refused.value)


def test_every_value_may_be_left_out() -> None:
    """The schema takes the chart's own defaults."""
    from helm_python import Chart

    with Chart.load(CHART) as chart:
        chart.validate_schema({})
