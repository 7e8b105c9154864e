"""Routing: which destinations take a record, and that somebody always does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.record import Header, Partition, Record
from worker.core.routing import FIELDS, MOST_NOBODYS, Route, Router, sorted_routes

WHENS = {
    "binom": {"network": frozenset({"binom"}), "event": frozenset({"purchase", "lead"})},
    "meta": {"attributes.site": frozenset({"shop"})},
    "voluum": {"network": frozenset({"voluum", "voluum-eu"})},
    "yen": {"currency": frozenset({"JPY", "USD"}), "network": frozenset({"yen"})},
    "zeta": {"header.network": frozenset({"zeta"})},
}


def record(fields: object, *headers: Header, topic: str = "conversions") -> Record:
    """A record of the source whose value is this, as JSON unless it is bytes."""
    value = fields if fields is None or isinstance(fields, bytes) else json.dumps(fields).encode()
    return Record(Partition(topic, 0), 7, b"key", value, list(headers), 0.0)


def takers(one: Record, whens: dict[str, Any] | None = None) -> list[str]:
    """The destinations that take it."""
    routes = sorted_routes(WHENS if whens is None else whens)
    return [route.name for route in routes if Router(route.name, routes).takes(one)]


def test_single() -> None:
    """The one destination of a deployment takes everything, undecodable or not."""
    values: list[object] = [{}, b"\xff", None, [1]]
    assert all(Router("only").takes(record(value)) for value in values)


@pytest.mark.parametrize(
    ("fields", "headers", "wanted"),
    [
        ({"network": "voluum-eu"}, (), ["voluum"]),
        ({"network": "binom", "event": "lead"}, (), ["binom"]),
        ({"network": "voluum", "attributes": {"site": "shop"}}, (), ["meta", "voluum"]),
        ({"network": "binom", "event": "lead", "attributes": {"site": "shop"}}, (), ["binom", "meta"]),
        (rb'{"network": "vol\u0075um"}', (), ["voluum"]),
        (rb'{"netw\u006frk": "voluum"}', (), ["voluum"]),
        ({"network": "yen"}, (), ["yen"]),
        ({"network": "yen", "currency": "JPY"}, (), ["yen"]),
        ({}, [("network", b"zeta")], ["zeta"]),
        ({}, [("network", b"other"), ("network", b"zeta")], ["zeta"]),
        ({}, [("other", b"binom"), ("network", b"zeta"), ("other", b"meta")], ["zeta"]),
    ],
)
def test_all_match(fields: object, headers: tuple[Header, ...], wanted: list[str]) -> None:
    """A destination takes what matches all that its `when` names, and several may take the same."""
    assert takers(record(fields, *headers)) == wanted


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"network": "nobody"}, ()),
        ({"network": "binom", "event": "signup"}, ()),
        ({"network": ["voluum"]}, ()),
        ({"network": 5}, ()),
        ({"network": "yen", "currency": "EUR"}, ()),
        ({"attributes": "shop"}, ()),
        ({"attributes": {"site": {}}}, ()),
        ({"attributes": {"site": "other"}}, ()),
        ({}, [("network", b"\xff")]),
        ({}, [("network", None)]),
    ],
)
def test_unrouted(fields: object, headers: tuple[Header, ...]) -> None:
    """What fits nobody is the first destination's by name, which knows that it must not send it."""
    one = record(fields, *headers)
    routes = sorted_routes(WHENS)
    assert takers(one) == ["binom"]
    assert Router("binom", routes).is_unrouted(one)


def test_not_unrouted() -> None:
    """What the first destination takes for its own `when` is sent."""
    assert not Router("binom", sorted_routes(WHENS)).is_unrouted(
        record({"network": "binom", "event": "lead"})
    )


def test_currency() -> None:
    """An event that names no currency is taken as one in US dollars."""
    whens = {"a": {"currency": frozenset({"USD"})}, "b": {}}
    assert takers(record({}), whens) == ["a"]
    assert takers(record({"currency": "JPY"}), whens) == ["b"]


def test_topic() -> None:
    """`topic` asks of the source's name."""
    whens = {"a": {"topic": frozenset({"refunds"})}, "b": {"topic": frozenset({"conversions"})}}
    assert takers(record({}), whens) == ["b"]


def test_fallback() -> None:
    """The destination without a `when` takes what no other took, and sends it."""
    whens = {**WHENS, "nova": {}}
    assert takers(record({"network": "nobody"}), whens) == ["nova"]
    assert takers(record({"network": "voluum"}), whens) == ["voluum"]
    routes = sorted_routes(whens)
    assert not any(Router(route.name, routes).is_unrouted(record({})) for route in routes)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{", b"[1]", b"7", b'{"a": NaN}'])
def test_no_object(value: bytes | None) -> None:
    """What is no JSON object goes to the fallback, else to the first by name, whatever its headers."""
    one = record(value, ("network", b"zeta"))
    assert takers(one) == ["binom"]
    assert takers(one, {**WHENS, "nova": {}}) == ["nova"]
    assert not Router("binom", sorted_routes(WHENS)).is_unrouted(one)


def test_replayed_for() -> None:
    """A replay is for the destination that it names, whatever its `when`; the others pass over it."""
    one = record({"network": "voluum"}, ("postback-for", b"meta"))
    assert takers(one) == ["meta"]
    assert not Router("other").takes(one)
    assert Router("meta").takes(one)


def test_replayed_for_the_first() -> None:
    """What is replayed for the destination that takes the unrouted is sent, fit or not."""
    one = record({"network": "nobody"}, ("postback-for", b"binom"))
    assert not Router("binom", sorted_routes(WHENS)).is_unrouted(one)


def test_replayed_for_nobody() -> None:
    """Names that no destination has are kept by the one that takes the unrouted, as many as are bounded."""
    routes = sorted_routes(WHENS)
    first, other = Router("binom", routes), Router("meta", routes)
    for name in ("meta", "former", *(f"former-{number}" for number in range(MOST_NOBODYS))):
        one = record({"network": "voluum"}, ("postback-for", name.encode()))
        assert (first.takes(one), other.takes(one)) == (False, name == "meta")
    assert "former" in first.nobodys
    assert len(first.nobodys) == MOST_NOBODYS
    assert not other.nobodys


def test_unreadable_replay_header() -> None:
    """A `postback-for` that can't be read counts as absent."""
    assert takers(record({"network": "voluum"}, ("postback-for", b"\xff"))) == ["voluum"]


NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.frozensets(st.sampled_from(["x", "y", "z"]), min_size=1)
ASKED = st.sampled_from([*FIELDS, "attributes.site", "header.site", "topic"])
CONFIGURED = st.dictionaries(NAMES, st.dictionaries(ASKED, VALUES, min_size=1), min_size=1)
TEXT = st.sampled_from(["x", "y", "z", "w", 1, None])
EVENT = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(FIELDS, TEXT), "attributes": st.dictionaries(st.just("site"), TEXT)}
)
HEADERS = st.lists(st.tuples(st.just("site"), st.sampled_from([b"x", b"y", None])), max_size=2)


@given(CONFIGURED, st.booleans(), EVENT, HEADERS)
def test_somebody(whens: dict[str, Any], with_fallback: bool, fields: object, headers: list[Header]) -> None:
    """Every record is taken: by those whose `when` fits, read one by one, or else by exactly one."""
    configured = {**whens, "e": {}} if with_fallback else whens
    one = record(fields, *headers, topic="x")
    fitting = [name for name, when in sorted(whens.items()) if _fits(when, fields, headers)]
    assert takers(one, configured) == (fitting or ["e" if with_fallback else min(whens)])


SPELT = st.sampled_from(
    ['"x"', '"y"', r'"\u0078"', r'"x\n"', r'"\"x\""', '{"network":"x"}', '["x"]', "1", "null", '"xx"', '"é"']
)
NAMED = st.sampled_from(["network", "event", "netw\\u006frk", "currency", "attributes", "order_id", "x"])
MEMBERS = st.lists(st.tuples(NAMED, SPELT), max_size=4)
BROKEN = st.sampled_from(["{}", "{}", "{}", "[{}]", "{},", " {}", "\ufeff{}", "{}}}"])


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "attributes.network"]),
        st.frozensets(
            st.sampled_from(["x", "y", "é", "USD", '"x"', "1", "z1", "z2", "z3", "z4"]), min_size=1
        ),
        min_size=1,
    ),
    MEMBERS,
    BROKEN,
)
def test_as_parsed(when: dict[str, frozenset[str]], members: list[tuple[str, str]], around: str) -> None:
    """However an event is spelt, nested, repeated or broken, it is routed by what a whole parser reads."""
    text = around.format("{" + ",".join(f'"{name}": {value}' for name, value in members) + "}")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    fits = isinstance(fields, dict) and _fits(when, {**fields, "attributes": _table(fields)}, [])
    routes = sorted_routes({"a": {}, "b": when})
    assert Router("b", routes).takes(record(text.encode())) == fits


def _table(fields: dict[str, Any]) -> dict[str, Any]:
    found = fields.get("attributes")
    return found if isinstance(found, dict) else {}


def _fits(when: dict[str, frozenset[str]], fields: Any, headers: list[Header]) -> bool:
    """The second reading: a field at a time, as the contract says it."""

    def value(name: str) -> object:
        if name == "topic":
            return "x"
        if name == "header.site":
            last = [text for _, text in headers][-1:]
            return last[0].decode() if last and last[0] is not None else None
        if name.startswith("attributes."):
            return fields.get("attributes", {}).get(name.removeprefix("attributes."))
        found = fields.get(name)
        return "USD" if found is None and name == "currency" else found

    found = ((value(name), values) for name, values in when.items())
    return all(isinstance(one, str) and one in values for one, values in found)


def test_sorted() -> None:
    """Destinations are looked at by name, however they were written down."""
    assert [route.name for route in sorted_routes({"b": {}, "a": {}})] == ["a", "b"]
    assert sorted_routes({"a": {}}) == [Route("a", {})]
