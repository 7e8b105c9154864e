"""What the topics of a worker must be, and what is wrong with them: the one place where that is judged.

The rule: what is not known of a topic (None) is not said to be wrong. A record as large as the source allows
still fits with the worker's headers, and outlives its delay.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from worker.core.journal import MOST_STEP_BYTES
from worker.core.record_size import ROOM_BYTES

FOREVER = math.inf
"""A retention without an end, in seconds or in bytes."""

DAY_SECONDS = 24 * 3600
RETENTION_SLACK_SECONDS = 7 * DAY_SECONDS
"""Seconds that a tier keeps a record beyond twice its delay: a worker may stand still for days."""

SPARE_SECONDS = 3600
"""Seconds beyond its delay that a tier must keep a record at least: a worker may stand still."""

DLQ_RETENTION_SECONDS = 90 * DAY_SECONDS
"""Seconds that dead letters are kept: the window of a conversion, and twice as long to look into it."""


class Topic(NamedTuple):
    """A topic as it is; None is what the broker does not say.

    `retention` is in seconds and `retention_bytes` in bytes of a partition, FOREVER without an end;
    `compacted` where later records replace earlier ones; `compression` is the topic's `compression.type`;
    `unsaid` is why something is unknown, if that was said.
    """

    name: str
    partitions: int | None = None
    replication: int | None = None
    max_message_bytes: int | None = None
    min_insync_replicas: int | None = None
    retention: float | None = None
    compacted: bool | None = None
    compression: str | None = None
    retention_bytes: float | None = None
    unsaid: str | None = None


class Own(NamedTuple):
    """A topic of the worker: a tier with its delay in seconds, dead letters, the journal, or control."""

    name: str
    delay: float | None = None
    control: bool = False
    """Whether it keeps the last record of each key for ever, in one partition."""
    window: float | None = None
    """Of a journal, for how many seconds its conversions count."""

    @property
    def retention(self) -> float:
        """How long it should keep a record, in seconds."""
        if self.control:
            return FOREVER
        if self.window is not None:
            return self.window + DAY_SECONDS
        return DLQ_RETENTION_SECONDS if self.delay is None else self.delay * 2 + RETENTION_SLACK_SECONDS


class Needed(NamedTuple):
    """The topics that a worker needs, and the largest record in bytes that its client hands on."""

    source: str
    own: Sequence[Own]
    client_limit: int

    @property
    def names(self) -> list[str]:
        """The source's name, and those of the worker's own topics."""
        return [self.source, *(own.name for own in self.own)]


class Severity(Enum):
    """How grave a finding is."""

    NOT_READY = auto()
    """Without this topic the worker is not ready."""
    WRONG = auto()
    """The worker runs; but records, or what the group remembers, will be lost or refused."""
    RISK = auto()
    """Nothing is wrong by now; it may not be meant."""


class Finding(NamedTuple):
    """What was found of a topic: what is said beside its name, and a whole line that names it."""

    severity: Severity
    topic: str
    text: str
    line: str


def judge(
    needed: Needed, found: Mapping[str, Topic], *, hidden: Collection[str] = (), former: Iterable[str] = ()
) -> list[Finding]:
    """What is to be said of the source and of the worker's own topics, in this order.

    `found` holds those that exist; a topic that is `hidden` may exist all the same, for this user may not see
    it; `former` are the delay topics that the settings no longer have.
    """
    source = found.get(needed.source)
    findings = list(_of_source(needed, source))
    for own in needed.own:
        findings += _of_own(own, found.get(own.name), source or Topic(needed.source))
    seen = [one for one in findings if one.topic in found or one.topic not in hidden]
    return [*seen, *(_former(name) for name in former)]


def is_smaller(own: Own, found: Topic, source: Topic) -> bool:
    """Whether a topic is known to have fewer partitions than it should: as many as the source at least."""
    return not own.control and _is_less(found.partitions, source.partitions)


def image(source: Topic, own: Own) -> Topic:
    """One of the worker's topics as it is made: nothing is wrong with it.

    What is unknown of the source stays unknown: the broker's own settings hold there.
    """
    like_source = Topic(
        own.name,
        replication=source.replication,
        min_insync_replicas=source.min_insync_replicas,
        retention=own.retention,
    )
    if own.control:
        return like_source._replace(partitions=1, compacted=True)
    return like_source._replace(
        partitions=source.partitions,
        max_message_bytes=None if own.window is not None else _with_headers(source.max_message_bytes),
        compacted=False,
        compression=source.compression and "producer",  # else the broker may not know the setting
        retention_bytes=None if source.retention_bytes is None else FOREVER,  # its default may be a limit
    )


# --- each topic ------------------------------------------------------------------------------------


def _of_source(needed: Needed, source: Topic | None) -> Iterator[Finding]:
    if source is None:
        yield _missing(needed.source)
        return
    wanted = _with_headers(source.max_message_bytes)
    if _is_less(needed.client_limit, wanted):
        # The client's own limit counts before a record is compressed.
        yield _wrong(
            source.name,
            f"max.message.bytes is {source.max_message_bytes}, and what is as large can't be handed on: "
            f"POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES is {needed.client_limit}, not {wanted} or more",
        )
    yield from _unsaid(source)


def _of_own(own: Own, found: Topic | None, source: Topic) -> Iterator[Finding]:
    if found is None:
        yield _without_memory(own.name) if own.control else _missing(own.name)
        return
    if own.control:
        yield from _of_control(own, found)
    else:
        yield from _of_partitions(own, found, source)
        yield from _of_lifetime(own, found)
        yield from _of_size(own, found, source) if own.window is None else _of_steps(own, found)
    yield from _of_replicas(own, found)
    yield from _unsaid(found)


def _of_control(own: Own, found: Topic) -> Iterator[Finding]:
    if found.partitions not in {None, 1}:
        yield _wrong(own.name, f"has {found.partitions} partitions, and must have 1")
    if found.compacted is False or (found.compacted and _is_less(found.retention, FOREVER)):
        yield _wrong(own.name, "cleanup.policy must be compact alone: what the group remembers would expire")


def _of_partitions(own: Own, found: Topic, source: Topic) -> Iterator[Finding]:
    if is_smaller(own, found, source):
        yield _wrong(own.name, f"has {found.partitions} partitions, the source {source.partitions}")


def _of_lifetime(own: Own, found: Topic) -> Iterator[Finding]:
    """What makes the broker remove records of this topic before they are sent, or looked at."""
    if own.delay is not None and _is_less(found.retention, own.delay + SPARE_SECONDS):
        yield _wrong(
            own.name,
            f"keeps records {found.retention:g} s, and those that wait longer are lost: "
            f"its delay takes a retention.ms of {(own.delay + SPARE_SECONDS) * 1000:.0f} or more",
        )
    if own.window is not None and _is_less(found.retention, own.retention):
        yield _wrong(
            own.name,
            f"keeps steps {found.retention:g} s, and what became of a conversion is forgotten before its "
            f"window ends: it takes a retention.ms of {own.retention * 1000:.0f} or more",
        )
    if _is_less(found.retention_bytes, FOREVER):
        yield _wrong(
            own.name,
            f"retention.bytes is {found.retention_bytes:.0f}, and what a partition holds beyond "
            "it is removed before its time, the oldest first: it must be -1",
        )
    if found.compacted:
        yield _wrong(
            own.name,
            "cleanup.policy is compact, and of one key's records only the last is kept: it must be delete",
        )


def _of_steps(own: Own, found: Topic) -> Iterator[Finding]:
    """What makes the broker refuse a step."""
    if _is_less(found.max_message_bytes, MOST_STEP_BYTES):
        text = f"max.message.bytes is {found.max_message_bytes}, not {MOST_STEP_BYTES} or more"
        yield _wrong(own.name, text)


def _of_size(own: Own, found: Topic, source: Topic) -> Iterator[Finding]:
    """What makes the broker refuse records that the source takes."""
    wanted = _with_headers(source.max_message_bytes)
    if _is_less(found.max_message_bytes, wanted):
        yield _wrong(own.name, f"max.message.bytes is {found.max_message_bytes}, not {wanted} or more")
    if _packs_looser(source, found):
        yield _wrong(
            own.name,
            f"compression.type is {found.compression}: the broker packs anew what it is given, "
            "and refuses what a producer had packed tighter to fit: it must be producer",
        )


def _of_replicas(own: Own, found: Topic) -> Iterator[Finding]:
    replicas, least = found.replication, found.min_insync_replicas
    if replicas is None or least is None or replicas == 1 or least > 1:
        return
    what = "a step" if own.window is not None else "a dead letter" if own.delay is None else "a retry"
    yield _risk(
        own.name,
        f"min.insync.replicas is {least} of {replicas} replicas: {what} counts as kept when one "
        "broker has it, and the loss of that broker may lose it: set 2",
    )


def _unsaid(found: Topic) -> Iterator[Finding]:
    if found.unsaid is not None:
        yield _risk(found.name, f"the broker does not say all of it: {found.unsaid}")


def _packs_looser(source: Topic, found: Topic) -> bool:
    """Whether the broker's own packing of a topic may make a record larger than it was on the source."""
    as_it_comes = {None, "producer", "zstd", source.compression}
    return found.compression not in as_it_comes and source.compression != "uncompressed"


def _with_headers(record_bytes: int | None) -> int | None:
    return None if record_bytes is None else record_bytes + ROOM_BYTES


def _is_less(one: float | None, than: float | None) -> bool:
    """Whether one number is known to be below another."""
    return one is not None and than is not None and one < than


# --- how it is said ----------------------------------------------------------------------------------


def _missing(name: str) -> Finding:
    return _whole(Severity.NOT_READY, name, "does not exist")


def _without_memory(name: str) -> Finding:
    text = "does not exist: should the broker lose the group's offsets, none is remembered"
    return _whole(Severity.WRONG, name, text)


def _former(name: str) -> Finding:
    text = (
        "is a delay tier that POSTBACK_RETRY__DELAYS no longer has: what is left in it is sent when due; "
        "delete it once it is empty"
    )
    return _whole(Severity.RISK, name, text)


def _whole(severity: Severity, name: str, text: str) -> Finding:
    return Finding(severity, name, text, f"topic {name} {text}")


def _wrong(name: str, text: str) -> Finding:
    return Finding(Severity.WRONG, name, text, f"{name}: {text}")


def _risk(name: str, text: str) -> Finding:
    return Finding(Severity.RISK, name, text, f"{name}: {text}")
