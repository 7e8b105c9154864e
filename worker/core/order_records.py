"""Writes and reads standing orders as records of the control topic.

The rule: what is written is read back the same. Records with other keys are no orders.

| key | value's `order` | says |
| --- | --- | --- |
| `pause` | `pause`, `end` | nothing is sent, until it ends |
| `rate` | `rate`, `end` | at most `per_second` attempts of the whole group, instead of the setting |
| `cancel/{id}` | `cancel`, `end` | what matches `filter` ends as `cancelled`; if `waiting`, below `tiers` |
| `now/{id}` | `now`, `end` | what matches `filter` below `tiers` is due |

`tiers` has the end offset of each partition of each tier when the order was given, as a list for each topic,
and `logs` the topics' ids, as far as they were known.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from schemas.moment import format_time, parse_time
from worker.core.event_filter import EventFilter
from worker.core.orders import (
    CANCEL,
    NOW,
    PAUSE,
    RATE,
    CancelOrder,
    HurryOrder,
    Order,
    OrderEnd,
    PauseOrder,
    Provenance,
    RateOrder,
    TierEnds,
)
from worker.core.record import CONTROL_PARTITION, Outgoing, Partition

MOST_CHARACTERS = 512
"""Characters that are kept of what a person wrote."""


class UnreadableOrder(ValueError):
    """A record is an order by its key, but can't be read."""


def write(order: Order | OrderEnd, topic: str) -> Outgoing:
    """Make the record of an order."""
    fields: dict[str, Any] = {"order": _NAMES[type(order)], "at": format_time(order.provenance.at)}
    fields["by"] = order.provenance.by[:MOST_CHARACTERS]
    if order.provenance.because is not None:
        fields["because"] = order.provenance.because[:MOST_CHARACTERS]
    if isinstance(order, RateOrder):
        fields["per_second"] = order.per_second
    if isinstance(order, CancelOrder | HurryOrder):
        fields["filter"] = dict(order.filter.wanted)
    if isinstance(order, CancelOrder) and order.waiting:
        fields["waiting"] = True
    if isinstance(order, CancelOrder | HurryOrder) and order.ends is not None:
        fields["tiers"], fields["logs"] = _by_topic(order.ends), dict(order.logs)
    if not isinstance(order, OrderEnd) and order.until is not None:
        fields["until"] = format_time(order.until)
    return Outgoing(topic, order.key.encode(), json.dumps(fields).encode(), (), CONTROL_PARTITION)


def key_of(key: bytes | None) -> str | None:
    """The key of an order; None for any other record."""
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        return None
    return text if text in {PAUSE, RATE} or text.startswith((CANCEL, NOW)) else None


def read(key: str, value: bytes | None) -> Order | OrderEnd | None:
    """Read the value of an order's record; None for a tombstone. Raises UnreadableOrder."""
    if value is None:
        return None
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UnreadableOrder("it is no JSON") from error
    if not isinstance(fields, dict):
        raise UnreadableOrder("it is no JSON object")
    provenance = Provenance(_time(fields, "at"), _text(fields, "by"), _optional(fields, "because", _text))
    kind = fields.get("order")
    if kind == "end":
        return OrderEnd(provenance, key)
    make = _READERS.get(key.partition("/")[0]) if kind == key.partition("/")[0] else None
    if make is None:
        raise UnreadableOrder(f"its order is {kind!r}, which this version does not know")
    return make(provenance, key.partition("/")[2], fields)


_NAMES: Mapping[type[Order | OrderEnd], str] = {
    PauseOrder: "pause",
    RateOrder: "rate",
    CancelOrder: "cancel",
    HurryOrder: "now",
    OrderEnd: "end",
}
_Fields = Mapping[str, Any]


def _pause(provenance: Provenance, _id: str, fields: _Fields) -> PauseOrder:
    return PauseOrder(provenance, _optional(fields, "until", _time))


def _rate(provenance: Provenance, _id: str, fields: _Fields) -> RateOrder:
    rate = fields.get("per_second")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= sys.float_info.max:
        raise UnreadableOrder(f"its per_second is {rate!r}, no number above 0")
    return RateOrder(provenance, float(rate), _optional(fields, "until", _time))


def _cancel(provenance: Provenance, id_: str, fields: _Fields) -> CancelOrder:
    waiting = fields.get("waiting", False)
    if not isinstance(waiting, bool):
        raise UnreadableOrder(f"its waiting is {waiting!r}, neither true nor false")
    until, ends = _optional(fields, "until", _time), _optional(fields, "tiers", _ends)
    return CancelOrder(provenance, id_, _filter(fields), until, waiting, ends, _logs(fields))


def _now(provenance: Provenance, id_: str, fields: _Fields) -> HurryOrder:
    until, ends = _optional(fields, "until", _time), _optional(fields, "tiers", _ends)
    return HurryOrder(provenance, id_, _filter(fields), until, ends, _logs(fields))


_READERS: Mapping[str, Callable[[Provenance, str, _Fields], Order]] = {
    "pause": _pause,
    "rate": _rate,
    "cancel": _cancel,
    "now": _now,
}


def _filter(fields: _Fields) -> EventFilter:
    wanted = fields.get("filter")
    if not isinstance(wanted, dict) or not all(isinstance(text, str) for text in wanted.values()):
        raise UnreadableOrder("its filter is no object of texts")
    try:
        return EventFilter.of(wanted)
    except ValueError as error:
        raise UnreadableOrder(f"its filter: {error}") from error


def _by_topic(ends: TierEnds) -> dict[str, list[int]]:
    by_topic: dict[str, list[int]] = {}
    for (topic, number), end in sorted(ends.items()):
        there = by_topic.setdefault(topic, [])
        there.extend([0] * (number - len(there)))  # a partition of which nothing is known had nothing
        there.append(end)
    return by_topic


def _ends(fields: _Fields, name: str) -> TierEnds:
    tiers = fields.get(name)
    if not isinstance(tiers, dict) or not all(map(_are_offsets, tiers.values())):
        raise UnreadableOrder(f"its {name} is no object of lists of offsets")
    return {Partition(topic, number): end for topic, ends in tiers.items() for number, end in enumerate(ends)}


def _logs(fields: _Fields) -> Mapping[str, str]:
    logs = fields.get("logs", {})
    if not isinstance(logs, dict) or not all(isinstance(log, str) for log in logs.values()):
        raise UnreadableOrder("its logs is no object of texts")
    return logs


def _are_offsets(ends: object) -> bool:
    return isinstance(ends, list) and all(type(end) is int and end >= 0 for end in ends)


def _time(fields: _Fields, name: str) -> float:
    moment = parse_time(_text(fields, name))
    if moment is None:
        raise UnreadableOrder(f"its {name} is no time")
    return moment


def _text(fields: _Fields, name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str):
        raise UnreadableOrder(f"its {name} is no text")
    return text


_Value = TypeVar("_Value")


def _optional(fields: _Fields, name: str, read_one: Callable[[_Fields, str], _Value]) -> _Value | None:
    return None if fields.get(name) is None else read_one(fields, name)
