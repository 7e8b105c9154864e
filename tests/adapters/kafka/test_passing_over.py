"""What is made of a message by a reader that passes over what is another destination's."""

from __future__ import annotations

import json

import pytest

from tests.adapters.kafka.messages import AT, FakeMessage
from worker.adapters.kafka.passing_over import MOST_PARSED_BYTES, PassedOver, PassingOver
from worker.core.routing import Router, When, sorted_routes


def passing(when: When) -> PassingOver:
    """The reader of a destination that takes what fits, beside another that takes the rest."""
    return PassingOver(Router("binom", sorted_routes({"binom": when, "other": {}})))


BY_FIELD: When = {"network": frozenset({"binom"})}
BY_HEADER: When = {"header.network": frozenset({"binom"})}


def test_parsed_once() -> None:
    """What is taken by a field of its value has its fields with it."""
    record = passing(BY_FIELD).taken(FakeMessage(5, b'{"network":"binom","payout":"1.00"}'), AT)
    assert record is not None
    assert record.fields == {"network": "binom", "payout": "1.00"}
    assert (record.offset, record.value) == (5, b'{"network":"binom","payout":"1.00"}')


@pytest.mark.parametrize(("more", "kept"), [(0, True), (MOST_PARSED_BYTES, False)])
def test_the_parsed_are_small(more: int, kept: bool) -> None:
    """A large record is not held a second time as what it was parsed to."""
    value = json.dumps({"network": "binom", "order_id": "7" * more}).encode()
    record = passing(BY_FIELD).taken(FakeMessage(5, value), AT)
    assert record is not None
    assert (record.fields is not None) == kept


def test_a_header_decides() -> None:
    """What a header passes over is not parsed, nor is its value fetched."""
    reader = passing(BY_HEADER)
    assert reader.taken(FakeMessage(5, None, [("network", b"voluum")], closed=True), AT) is None


def test_no_object() -> None:
    """What is no JSON object is passed over by all but the one that catches it, whatever its headers."""
    assert passing(BY_HEADER).taken(FakeMessage(5, b"[", [("network", b"binom")]), AT) is None
    catching = PassingOver(Router("other", sorted_routes({"binom": BY_HEADER, "other": {}})))
    record = catching.taken(FakeMessage(5, b"[", [("network", b"binom")]), AT)
    assert record is not None
    assert record.fields is None


def test_told_once() -> None:
    """What was passed over is told once: how many of each topic, and behind which offset."""
    reader = passing(BY_FIELD)
    assert reader.tell() is None
    for offset in (7, 8, 11):
        assert reader.taken(FakeMessage(offset, b"{}"), AT) is None
    assert reader.tell() == PassedOver({AT.topic: 3}, {AT: 12})
    assert reader.tell() is None


def test_one_that_takes_all() -> None:
    """The one destination of a deployment parses nothing here, and passes over replays for another alone."""
    reader = PassingOver(Router("only"))
    record = reader.taken(FakeMessage(5, b"{", [("postback-for", b"only")]), AT)
    assert record is not None
    assert record.fields is None
    assert reader.taken(FakeMessage(6, b"{"), AT) is not None
    assert reader.tell() is None
    assert reader.taken(FakeMessage(7, b"{", [("postback-for", b"voluum")]), AT) is None
    assert reader.tell() == PassedOver({AT.topic: 1}, {AT: 8})
