"""The NetworkPolicy of the chart: name servers, Kafka, the partners, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.chart import needs_helm, objects, values_of

pytestmark = needs_helm

SECRET = {"fromSecret": "somewhere", "key": "url"}
ANY = "?click_id={click_id}"


def _egress(**values: Any) -> list[Any]:
    """The rules of egress of the workers' policy, where the values of a file are changed by these."""
    given = {**values, "networkPolicy": {"enabled": True, **values.get("networkPolicy", {})}}
    (policy,) = [one for one in objects(given) if one["kind"] == "NetworkPolicy"]
    rules: list[Any] = policy["spec"]["egress"]
    return rules


def _ports(rule: Any) -> set[tuple[str, int]]:
    return {(port["protocol"], port["port"]) for port in rule["ports"]}


def test_what_is_needed_and_nothing_else() -> None:
    """There are three ways out: to name servers, to Kafka's ports, and by HTTPS to public addresses."""
    names, kafka, partners = _egress(**values_of("minimal"))
    assert _ports(names) == {("UDP", 53), ("TCP", 53)}
    assert _ports(kafka) == {("TCP", 9093), ("TCP", 9092)}
    assert _ports(partners) == {("TCP", 443)}
    assert [block["ipBlock"]["cidr"] for block in partners["to"]] == ["0.0.0.0/0", "::/0"]
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(partners["to"][0]["ipBlock"]["except"])


def test_servers_as_a_list() -> None:
    """Kafka's ports are found in a list of servers as well as in a text, both of which the worker takes."""
    kafka = {"bootstrap_servers": ["a.example:9093", "b.example:9094", "c.example"]}
    assert _ports(_egress(settings={"kafka": kafka})[1]) == {("TCP", 9093), ("TCP", 9094), ("TCP", 9092)}


def test_a_partner_inside() -> None:
    """A private address is reached where a destination may have one."""
    assert "to" not in _egress(**values_of("five-destinations"))[2]


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        ({}, {443}),
        ({"destination": {"url": f"http://partner.example/{ANY}"}}, {80}),
        ({"destination": {"url": f"https://partner.example:8443/p:1/{ANY}"}}, {8443}),
        ({"destination": {"url": f"https://[2001:db8::1]:444{ANY}"}}, {444}),
        ({"destination": {"url": SECRET}}, {443}),
        (
            {
                "destination": {
                    "simple_url": f"http://a.example/{ANY}",
                    "event_url": f"https://a.example:81/{ANY}",
                }
            },
            {80, 81},
        ),
        (
            {
                "destinations": {
                    "binom": {"url": f"https://b.example/{ANY}", "when": {"network": "binom"}},
                    "voluum": {"url": f"https://v.example:9443/{ANY}"},
                }
            },
            {443, 9443},
        ),
    ],
)
def test_the_partners_ports(settings: dict[str, Any], ports: set[int]) -> None:
    """Partners are reached on the ports that their URLs name, and on no other."""
    assert _ports(_egress(settings=settings)[2]) == {("TCP", port) for port in ports}


def test_ports_that_are_named_count() -> None:
    """Ports of partners and name servers that the values name stand in the place of what is derived."""
    policy = {"partnerPorts": [8443], "dnsPorts": [5353], "dnsTo": [{"podSelector": {}}]}
    names, _, partners = _egress(networkPolicy=policy)
    assert _ports(partners) == {("TCP", 8443)}
    assert _ports(names) == {("UDP", 5353), ("TCP", 5353)}
    assert names["to"] == policy["dnsTo"]


@pytest.mark.parametrize(
    ("endpoint", "ports"),
    [
        ("http://collector:4318", [4318]),
        ("http://collector/v1/traces", [80]),
        ("https://[::1]/v1/traces", [443]),
        (SECRET, []),
    ],
)
def test_the_collector(endpoint: object, ports: list[int]) -> None:
    """Where spans are sent a rule leads to the collector's port; one from a Secret is a further rule."""
    values = {**values_of("minimal")}
    values["settings"] = {**values.get("settings", {}), "tracing": {"endpoint": endpoint}}
    assert [_ports(rule) for rule in _egress(**values)[3:]] == [{("TCP", port)} for port in ports]


def test_the_issuer_of_tokens() -> None:
    """Who logs in to Kafka with a token reaches its issuer, the console as well as the workers."""
    properties = {"sasl.oauthbearer.token.endpoint.url": "https://issuer.example:8443/token"}
    token = {"fromSecret": "postback-console", "key": "token"}
    values = {
        "settings": {"kafka": {"properties": properties}},
        "networkPolicy": {"enabled": True},
        "console": {"enabled": True, "token": token},
    }
    policies = [one["spec"]["egress"] for one in objects(values) if one["kind"] == "NetworkPolicy"]
    assert len(policies) == 2
    assert [[rule for rule in rules if ("TCP", 8443) in _ports(rule)] for rules in policies] == [
        [{"ports": [{"protocol": "TCP", "port": 8443}]}]
    ] * 2
