"""What a worker's topics must be like, and what is wrong with them.

The rule: an unknown property of a topic (None) is not called wrong. A record as large as the source allows
must still fit with the worker's headers, and must outlive its delay.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from worker.core.journal import MOST_STEP_BYTES
from worker.core.record_size import ROOM_BYTES

FOREVER = math.inf
"""Unlimited retention, in seconds or in bytes."""

DAY_SECONDS = 24 * 3600
RETENTION_SLACK_SECONDS = 7 * DAY_SECONDS
"""Seconds that a tier keeps a record beyond twice its delay, because workers may be down for days."""

SPARE_SECONDS = 3600
"""Least seconds beyond its delay that a tier must keep a record, because workers may be down."""

DLQ_RETENTION_SECONDS = 90 * DAY_SECONDS
"""Seconds that dead letters are kept: the window of a conversion, and twice as long to investigate."""


class Topic(NamedTuple):
    """A topic as it is; None means unknown.

    `retention` is in seconds, `retention_bytes` in bytes per partition, FOREVER if unlimited; `compression`
    is the topic's `compression.type`; `unsaid` is why something is unknown, if that was said.
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


class OwnTopic(NamedTuple):
    """A topic of the worker: a tier with its delay in seconds, dead letters, the journal, or control."""

    name: str
    delay: float | None = None
    control: bool = False
    """Whether it keeps the last record of each key for ever, in one partition."""
    window: float | None = None
    """For a journal: the seconds for which its conversions count."""

    @property
    def retention(self) -> float:
        """Seconds that it should keep a record."""
        if self.control:
            return FOREVER
        if self.window is not None:
            return self.window + DAY_SECONDS
        return DLQ_RETENTION_SECONDS if self.delay is None else self.delay * 2 + RETENTION_SLACK_SECONDS


class NeededTopics(NamedTuple):
    """The topics that a worker needs, and the largest record in bytes that its client sends."""

    source: str
    own: Sequence[OwnTopic]
    client_limit: int

    @property
    def names(self) -> list[str]:
        """The source's name, and those of the worker's own topics."""
        return [self.source, *(own.name for own in self.own)]


class Severity(Enum):
    """The severity of a finding."""

    NOT_READY = auto()
    """Without this topic the worker is not ready."""
    WRONG = auto()
    """The worker runs; but records, or what the group remembers, will be lost or refused."""
    RISK = auto()
    """Nothing is wrong yet, but it may not be intended."""


class Finding(NamedTuple):
    """A finding about a topic: the text to show beside its name, and a whole line that names it."""

    severity: Severity
    topic: str
    text: str
    line: str


def judge(
    need: NeededTopics, found: Mapping[str, Topic], *, hidden: Container[str] = (), former: Iterable[str] = ()
) -> list[Finding]:
    """The findings about the source and the worker's own topics, in this order.

    `found` holds those that exist. A `hidden` topic may exist, but this user may not see it. `former` are
    delay topics that the settings no longer have.
    """
    source = found.get(need.source)
    findings = list(_of_source(need, source))
    for own in need.own:
        findings += _of_own(own, found.get(own.name), source or Topic(need.source))
    shown = [one for one in findings if one.topic in found or one.topic not in hidden]
    return [*shown, *(_former(name) for name in former)]


def is_smaller(own: OwnTopic, found: Topic, source: Topic) -> bool:
    """Whether a topic is known to have fewer partitions than the source."""
    return not own.control and _is_less(found.partitions, source.partitions)


def image(source: Topic, own: OwnTopic) -> Topic:
    """One of the worker's topics as it should be created.

    What is unknown of the source stays unknown, so that the broker's defaults apply. No limit in bytes and no
    compression are asked for even so, unless the broker describes the source without them: it may not know
    these settings.
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
        compression="producer" if source.compression or source.unsaid else None,
        retention_bytes=FOREVER if source.retention_bytes is not None or source.unsaid else None,
    )


# --- each topic ------------------------------------------------------------------------------------


def _of_source(needed: NeededTopics, source: Topic | None) -> Iterator[Finding]:
    if source is None:
        yield _missing(needed.source)
        return
    wanted = _with_headers(source.max_message_bytes)
    if _is_less(needed.client_limit, wanted):
        # The client's own limit applies before compression.
        yield _wrong(
            source.name,
            f"max.message.bytes is {source.max_message_bytes}, and what is as large can't be handed on: "
            f"POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES is {needed.client_limit}, not {wanted} or more",
        )
    if source.compacted:
        text = "cleanup.policy is compact: of events with one key only the last is kept, sent or not"
        yield _risk(source.name, text)
    yield from _unsaid(source)


def _of_own(own: OwnTopic, found: Topic | None, source: Topic) -> Iterator[Finding]:
    if found is None:
        yield _without_memory(own.name) if own.control else _missing(own.name)
        return
    if own.control:
        yield from _of_control(own, found)
    else:
        if is_smaller(own, found, source):
            yield _wrong(own.name, f"has {found.partitions} partitions, the source {source.partitions}")
        yield from _of_lifetime(own, found)
        yield from _of_size(own, found, source) if own.window is None else _of_steps(own, found)
    yield from _of_replicas(own, found)
    yield from _unsaid(found)


def _of_control(own: OwnTopic, found: Topic) -> Iterator[Finding]:
    if found.partitions not in {None, 1}:
        yield _wrong(own.name, f"has {found.partitions} partitions, and must have 1")
    if found.compacted is False or (found.compacted and _is_less(found.retention, FOREVER)):
        yield _wrong(own.name, "cleanup.policy must be compact alone: what the group remembers would expire")


def _of_lifetime(own: OwnTopic, found: Topic) -> Iterator[Finding]:
    """Reasons why the broker may remove records before they are sent or looked at."""
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


def _of_steps(own: OwnTopic, found: Topic) -> Iterator[Finding]:
    """Reasons why the broker may refuse a step."""
    if _is_less(found.max_message_bytes, MOST_STEP_BYTES):
        text = f"max.message.bytes is {found.max_message_bytes}, not {MOST_STEP_BYTES} or more"
        yield _wrong(own.name, text)


def _of_size(own: OwnTopic, found: Topic, source: Topic) -> Iterator[Finding]:
    """Reasons why the broker may refuse records that the source takes."""
    wanted = _with_headers(source.max_message_bytes)
    if _is_less(found.max_message_bytes, wanted):
        yield _wrong(own.name, f"max.message.bytes is {found.max_message_bytes}, not {wanted} or more")
    if _packs_looser(source, found):
        yield _wrong(
            own.name,
            f"compression.type is {found.compression}: the broker packs anew what it is given, "
            "and refuses what a producer had packed tighter to fit: it must be producer",
        )


def _of_replicas(own: OwnTopic, found: Topic) -> Iterator[Finding]:
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
    """Whether the broker's own compression may make a record larger than it was on the source."""
    as_it_comes = {None, "producer", "zstd", source.compression}
    return found.compression not in as_it_comes and source.compression != "uncompressed"


def _with_headers(record_bytes: int | None) -> int | None:
    return None if record_bytes is None else record_bytes + ROOM_BYTES


def _is_less(one: float | None, than: float | None) -> bool:
    """Whether one number is known to be less than another."""
    return one is not None and than is not None and one < than


# --- the lines ---------------------------------------------------------------------------------------


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
