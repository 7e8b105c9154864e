"""A group's offsets as remembered on its control topic, in case the broker forgets them.

The rule: unreadable records are ignored; the topic holds records of other kinds, too.
"""

from __future__ import annotations

import json

from schemas.moment import format_time, parse_time
from worker.core.binding import LogId
from worker.core.record import CONTROL_PARTITION, Outgoing, Partition
from worker.core.start_offset import RememberedOffset

_KIND = "position"


def remember(topic: str, at: Partition, offset: int, log: LogId, now: float) -> Outgoing:
    """Make the record that says how far a partition was committed at `now`."""
    value = {"offset": offset, "topic_id": log.topic_id, "at": format_time(now)}
    key = f"{_KIND}/{at.topic}/{at.number}"
    return Outgoing(topic, key.encode(), json.dumps(value).encode(), (), CONTROL_PARTITION)


def recall(key: bytes | None, value: bytes | None) -> tuple[Partition, RememberedOffset] | None:
    """Read such a record back; None for any other."""
    at = _partition(key)
    try:
        fields = json.loads(value or b"")
        offset, topic_id, moment = fields["offset"], fields["topic_id"], parse_time(fields["at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_offset = isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0
    if at is None or moment is None or not is_offset or not isinstance(topic_id, str | None):
        return None
    return at, RememberedOffset(offset, topic_id, moment)


def _partition(key: bytes | None) -> Partition | None:
    parts = (key or b"").split(b"/")
    if len(parts) != len(("kind", "topic", "number")) or parts[0] != _KIND.encode():
        return None
    _, topic, number = parts
    if not (topic.isascii() and number.isdigit()):
        return None
    return Partition(topic.decode(), int(number))
