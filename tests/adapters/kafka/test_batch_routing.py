"""What is made of a message by a reader that passes over what is another destination's."""

from __future__ import annotations

import json

import pytest

from schemas.headers import FOR, REPLAYS
from tests.adapters.kafka.messages import AT, message
from worker.adapters.kafka.batch_routing import BatchRouter, NotTakenCounts, take_all
from worker.adapters.kafka.records import MOST_PARSED_BYTES, ReceivedMessage
from worker.core.record import Partition, Record
from worker.core.routing import Router, When, sorted_routes


def passing(when: When) -> BatchRouter:
    """The reader of a destination that takes what fits, beside another that takes the rest."""
    return BatchRouter(Router("binom", sorted_routes({"binom": when, "other": {}})), print)


def parted(reader: BatchRouter, *messages: ReceivedMessage) -> tuple[list[Record], NotTakenCounts | None]:
    """What it takes of these messages of AT, and what it passes over."""
    return reader.route(messages, [AT] * len(messages))


BY_FIELD: When = {"network": frozenset({"binom"})}
BY_HEADER: When = {"header.network": frozenset({"binom"})}


def test_parsed_once() -> None:
    """What is taken by a field of its value has its fields with it."""
    (record,), passed = parted(passing(BY_FIELD), message(5, b'{"network":"binom","payout":"1.00"}'))
    assert passed is None
    assert record.fields == {"network": "binom", "payout": "1.00"}
    assert (record.offset, record.value) == (5, b'{"network":"binom","payout":"1.00"}')


@pytest.mark.parametrize(("more", "kept"), [(0, True), (MOST_PARSED_BYTES, False)])
def test_the_parsed_are_small(more: int, kept: bool) -> None:
    """A large record is not held a second time as what it was parsed to."""
    value = json.dumps({"network": "binom", "order_id": "7" * more}).encode()
    (record,), _ = parted(passing(BY_FIELD), message(5, value))
    assert (record.fields is not None) == kept


def test_no_object() -> None:
    """What is no JSON object is passed over by all but the one that catches it, whatever its headers."""
    broken = message(5, b"[", [("network", b"binom")])
    assert parted(passing(BY_HEADER), broken) == ([], NotTakenCounts({AT.topic: 1}, {AT: 6}))
    catching = BatchRouter(Router("other", sorted_routes({"binom": BY_HEADER, "other": {}})), print)
    (record,), _ = parted(catching, broken)
    assert record.fields is None


def test_told_by_partition() -> None:
    """What is passed over is told: how many of each topic, and behind which offset of each partition."""
    another, refunds = Partition(AT.topic, 9), Partition("refunds", 0)
    came = [message(offset, b"{}") for offset in (7, 8, 11, 2, 12, 4)]
    taken, passed = passing(BY_FIELD).route(came, [AT, AT, AT, another, AT, refunds])
    assert not taken
    assert passed == NotTakenCounts({AT.topic: 5, "refunds": 1}, {AT: 13, another: 3, refunds: 5})


def test_apart() -> None:
    """What is taken keeps its order, and each record is of its own message and partition."""
    another = Partition(AT.topic, 9)
    own, others = b'{"network":"binom"}', b'{"network":"else"}'
    came = [
        message(1, own, [("a", b"1")]),
        message(2, others),
        message(3, own),
        message(4, own, [("b", None)]),
    ]
    taken, passed = passing(BY_FIELD).route(came, [AT, AT, another, AT])
    assert [(record.at, record.offset, record.headers) for record in taken] == [
        (AT, 1, [("a", b"1")]),
        (another, 3, ()),
        (AT, 4, [("b", None)]),
    ]
    assert passed == NotTakenCounts({AT.topic: 1}, {AT: 3})


def test_one_that_takes_all() -> None:
    """The one destination of a deployment parses nothing here, and passes over replays for another alone."""
    reader = BatchRouter(Router("only"), print)
    (replayed, plain), passed = parted(
        reader, message(5, b"{}", [("postback-for", b"only")]), message(6, b"{}")
    )
    assert (replayed.fields, plain.fields, passed) == (None, None, None)
    another = parted(reader, message(7, b"{}", [("postback-for", b"voluum")]))
    assert another == ([], NotTakenCounts({AT.topic: 1}, {AT: 8}))


def test_nobody_else() -> None:
    """Where nothing is routed nothing is passed over, whatever its headers."""
    taken, passed = take_all([message(7, b"{", [("postback-for", b"voluum")])], [AT])
    assert [record.offset for record in taken] == [7]
    assert passed is None


def test_replays_for_nobody() -> None:
    """A name that replays are for and no destination has is told once, by the one that catches the rest."""
    for name, told_by_it in {"other": 1, "binom": 0}.items():
        told: list[str] = []
        reader = BatchRouter(Router(name, sorted_routes({"binom": BY_FIELD, "other": {}})), told.append)
        for offset, wanted in enumerate([b"former", b"binom", b"other", b"former"]):
            headers: list[tuple[str, bytes | None]] = [(REPLAYS, b"1"), (FOR, wanted)]
            taken, _ = parted(reader, message(offset, b"{}", headers))
            assert len(taken) == (wanted == name.encode())
        assert len(told) == told_by_it
        assert all(line.startswith("replays for former are passed over: ") for line in told)
