"""What the topics of a worker must be, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core import topics
from worker.core.record_size import ROOM_BYTES
from worker.core.topics import FOREVER, Finding, NeededTopics, OwnTopic, Severity, Topic, image, judge

SOURCE = Topic("s", 6, 3, 1_000_000, 2, 604_800.0, False, "producer", FOREVER)
TIER = OwnTopic("w.retry.1h", 3600.0)
DEAD = OwnTopic("w.dlq")
CONTROL = OwnTopic("w.control", control=True)
JOURNAL = OwnTopic("w.journal", window=86_400.0)
KEPT = Topic(JOURNAL.name, 6, 3, 1_000_000, 2, 172_800.0, False)
GOOD = Topic(TIER.name, 6, 3, 1_000_000 + ROOM_BYTES, 2, 7200.0, False)
UNKNOWN = Topic(TIER.name)
NEEDED = NeededTopics("s", [TIER, DEAD, CONTROL], 1_000_000 + ROOM_BYTES)


def judged(own: OwnTopic, found: Topic | None, source: Topic | None = SOURCE) -> list[Finding]:
    """What is said of one of the worker's topics beside its source."""
    there = [one for one in (source, found) if one is not None]
    return judge(NEEDED._replace(own=[own]), {one.name: one for one in there})


def wrong(own: OwnTopic, found: Topic) -> Sequence[str]:
    """What is wrong with a topic, in lines; nothing else may be said of it."""
    findings = judged(own, found)
    assert {one.severity for one in findings} <= {Severity.WRONG}
    return [one.line for one in findings]


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (GOOD._replace(partitions=5), "has 5 partitions, the source 6"),
        (GOOD._replace(retention=3600.0), "keeps records 3600 s"),
        (GOOD._replace(retention=7199.0), "its delay takes a retention.ms of 7200000 or more"),
        (GOOD._replace(retention_bytes=1_000_000), "retention.bytes is 1000000, "),
        (GOOD._replace(retention_bytes=1), "it must be -1"),
        (GOOD._replace(compacted=True), "cleanup.policy is compact"),
        (GOOD._replace(max_message_bytes=1_000_000), "max.message.bytes is 1000000, not 1065536 or more"),
        (GOOD._replace(compression="uncompressed"), "compression.type is uncompressed"),
        (GOOD._replace(compression="lz4"), "it must be producer"),
    ],
)
def test_wrong(found: Topic, problem: str) -> None:
    """A topic that is narrow, forgetful or tight is wrong, and the line says in what."""
    (line,) = wrong(TIER, found)
    assert line.startswith(f"{TIER.name}: ")
    assert problem in line


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        GOOD._replace(retention=FOREVER),
        GOOD._replace(retention_bytes=FOREVER),
        GOOD._replace(partitions=7),
    ],
)
def test_nothing_to_say(good: Topic) -> None:
    """Of a topic with enough of everything nothing is said, nor of one with more partitions."""
    assert judged(TIER, good) == []


@pytest.mark.parametrize(
    ("own", "severity", "line"),
    [
        (TIER, Severity.NOT_READY, "topic w.retry.1h does not exist"),
        (DEAD, Severity.NOT_READY, "topic w.dlq does not exist"),
        (CONTROL, Severity.WRONG, "topic w.control does not exist: should the broker lose the group's "),
    ],
)
def test_missing(own: OwnTopic, severity: Severity, line: str) -> None:
    """Without a tier or the dead letters no worker is ready; without its memory it works."""
    (finding,) = judged(own, None)
    assert finding.severity is severity
    assert finding.line.startswith(line)
    assert finding.line == f"topic {own.name} {finding.text}"


def test_missing_source() -> None:
    """Without the source the rest is judged by what it must be all the same."""
    assert NEEDED.names == ["s", TIER.name, DEAD.name, CONTROL.name]
    findings = judged(TIER, GOOD._replace(retention=1.0, partitions=1), None)
    assert [(one.topic, one.severity) for one in findings] == [
        ("s", Severity.NOT_READY),
        (TIER.name, Severity.WRONG),
    ]
    assert findings[1].text.startswith("keeps records 1 s")


def test_hidden() -> None:
    """A topic that this user may not see is not said to be missing; one that is seen is judged."""
    found = {"s": SOURCE, TIER.name: GOOD._replace(partitions=1)}
    findings = judge(NEEDED, found, hidden=[DEAD.name, TIER.name, CONTROL.name])
    assert [one.line for one in findings] == [f"{TIER.name}: has 1 partitions, the source 6"]


def test_former() -> None:
    """A delay topic that the settings no longer have is no fault, and is named in the end."""
    (missing, former) = judge(NEEDED._replace(own=[DEAD]), {"s": SOURCE}, former=["w.retry.7m"])
    assert (missing.topic, former.severity) == (DEAD.name, Severity.RISK)
    assert former.line.startswith(
        "topic w.retry.7m is a delay tier that POSTBACK_RETRY__DELAYS no longer has"
    )


@pytest.mark.parametrize(("own", "what"), [(TIER, "a retry"), (DEAD, "a dead letter")])
def test_one_replica_is_enough(own: OwnTopic, what: str) -> None:
    """A topic where one of several replicas is enough is a risk: what it means, and what is right."""
    (risk,) = judged(own, GOOD._replace(name=own.name, min_insync_replicas=1))
    assert risk.severity is Severity.RISK
    assert risk.line.startswith(f"{own.name}: min.insync.replicas is 1 of 3 replicas: {what} ")
    assert risk.line.endswith("set 2")


@pytest.mark.parametrize(
    "found",
    [
        GOOD._replace(min_insync_replicas=1, replication=1),
        GOOD._replace(min_insync_replicas=1, replication=None),
        GOOD._replace(min_insync_replicas=None),
    ],
)
def test_no_choice_of_replicas(found: Topic) -> None:
    """One replica alone is what was chosen, and of what is unknown nothing is said."""
    assert judged(TIER, found) == []


@pytest.mark.parametrize(
    ("source", "own"),
    [
        ("producer", "producer"),
        ("producer", "zstd"),
        ("producer", None),
        ("lz4", "lz4"),
        ("uncompressed", "lz4"),
        ("uncompressed", "uncompressed"),
    ],
)
def test_packing_that_fits(source: str, own: str | None) -> None:
    """A topic that keeps records as they come, or as tightly as the source does, is right."""
    packs = SOURCE._replace(compression=source)
    assert judged(TIER, GOOD._replace(compression=own), packs) == []


def test_client_limit() -> None:
    """A client that takes less than the source does is wrong, and the line has the number that is right."""
    alone = NEEDED._replace(own=[])
    assert judge(alone, {"s": SOURCE}) == []
    assert judge(alone._replace(client_limit=1), {"s": SOURCE._replace(max_message_bytes=None)}) == []
    (finding,) = judge(alone._replace(client_limit=1_000_000), {"s": SOURCE})
    assert finding.severity is Severity.WRONG
    assert finding.line.startswith("s: max.message.bytes is 1000000, ")
    assert finding.line.endswith("MESSAGE_MAX_BYTES is 1000000, not 1065536 or more")


def test_a_compacted_source() -> None:
    """A source whose broker may remove an event before it is sent, because its key has another, is a risk."""
    (finding,) = judge(NEEDED._replace(own=[]), {"s": SOURCE._replace(compacted=True)})
    assert finding.severity is Severity.RISK
    assert finding.line.startswith("s: cleanup.policy is compact: ")


def test_unknown_is_not_wrong() -> None:
    """What the broker does not say of either topic is not said to be wrong; a reason is told."""
    assert judged(TIER, UNKNOWN) == []
    assert judged(TIER, GOOD, Topic("s")) == []
    (finding,) = judged(TIER, UNKNOWN._replace(unsaid="Broker: Topic authorization failed"))
    assert finding.severity is Severity.RISK
    assert finding.text == "the broker does not say all of it: Broker: Topic authorization failed"


def test_dead_letters_have_no_delay() -> None:
    """The dead-letter topic may keep its records as briefly as the operator likes, but each of them."""
    found = GOOD._replace(name=DEAD.name)
    assert wrong(DEAD, found._replace(retention=60.0)) == []
    assert len(wrong(DEAD, found._replace(compacted=True))) == 1


def test_the_control_topic() -> None:
    """The control topic must have one partition, and keep the last record of each key for ever."""
    expires = f"{CONTROL.name}: cleanup.policy must be compact alone: what the group remembers would expire"
    assert wrong(CONTROL, Topic(CONTROL.name, 1, compacted=True, retention=FOREVER)) == []
    assert wrong(CONTROL, Topic(CONTROL.name, 1, compacted=True, retention=60.0)) == [expires]
    assert wrong(CONTROL, Topic(CONTROL.name)) == []
    assert wrong(CONTROL, Topic(CONTROL.name, 2, compacted=False)) == [
        f"{CONTROL.name}: has 2 partitions, and must have 1",
        expires,
    ]


def maybe(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """A number, or unknown."""
    return st.none() | values


sources = st.builds(
    Topic,
    name=st.just("s"),
    partitions=maybe(st.integers(1, 1000)),
    replication=maybe(st.integers(1, 5)),
    max_message_bytes=maybe(st.integers(1, 1 << 30)),
    min_insync_replicas=st.none() | st.just(2),
    compression=st.none() | st.sampled_from(["producer", "lz4", "zstd", "uncompressed"]),
    retention=st.none() | st.just(1.0) | st.just(FOREVER),
    compacted=st.none() | st.booleans(),
    retention_bytes=st.none() | st.just(1.0) | st.just(FOREVER),
    unsaid=st.none(),
)


@given(sources, st.sampled_from([TIER, DEAD, CONTROL, OwnTopic("w.retry.0s", 0.0)]))
def test_what_is_made_is_right(source: Topic, own: OwnTopic) -> None:
    """Nothing is wrong with a topic that was made after its source's image, and it keeps what it should."""
    made = image(source, own)
    findings = judge(NeededTopics("s", [own], 1 << 31), {"s": source, own.name: made})
    assert [one for one in findings if one.topic == own.name] == []
    assert made.retention == own.retention
    assert made.replication == source.replication


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (KEPT._replace(partitions=5), "has 5 partitions, the source 6"),
        (KEPT._replace(retention=172_799.0), "it takes a retention.ms of 172800000 or more"),
        (KEPT._replace(retention_bytes=1), "it must be -1"),
        (KEPT._replace(compacted=True), "cleanup.policy is compact"),
        (KEPT._replace(max_message_bytes=16_383), "max.message.bytes is 16383, not 16384 or more"),
    ],
)
def test_wrong_journal(found: Topic, problem: str) -> None:
    """A journal that is narrow, forgetful or tight is wrong, and the line says in what."""
    (line,) = wrong(JOURNAL, found)
    assert line.startswith(f"{JOURNAL.name}: ")
    assert problem in line


def test_right_journal() -> None:
    """A journal as it is made is right, and needs no room for records as large as the source's."""
    made = image(SOURCE._replace(max_message_bytes=5_000_000), JOURNAL)
    assert (made.partitions, made.retention, made.max_message_bytes) == (6, 172_800.0, None)
    assert judged(JOURNAL, made) == []
    assert judged(JOURNAL, KEPT) == []
    (finding,) = judged(JOURNAL, None)
    assert (finding.severity, finding.line) == (Severity.NOT_READY, "topic w.journal does not exist")
    (finding,) = judged(JOURNAL, KEPT._replace(min_insync_replicas=1))
    assert "a step counts as kept" in finding.line


@pytest.mark.parametrize(("own", "days"), [(TIER, 7 + 2 / 24), (DEAD, 90), (JOURNAL, 2), (CONTROL, FOREVER)])
def test_how_long_it_keeps(own: OwnTopic, days: float) -> None:
    """A tier keeps twice its delay and a week, dead letters 90 days, a journal its window and a day."""
    assert image(SOURCE, own).retention == days * 86_400


def test_a_tier_is_made_like_its_source() -> None:
    """A tier has the source's partitions and replicas, and room for its largest record with headers."""
    assert image(SOURCE, TIER) == Topic(
        TIER.name, 6, 3, 1_000_000 + ROOM_BYTES, 2, 7 * 86_400 + 7200.0, False, "producer", FOREVER
    )


def test_a_source_that_may_not_be_described() -> None:
    """Where the broker does not say what the source is like, a tier has no limit of the broker's own."""
    hidden = Topic("s", 6, 3, unsaid="grant this user DESCRIBE_CONFIGS")
    made = image(hidden, TIER)
    assert (made.retention_bytes, made.compression, made.max_message_bytes) == (FOREVER, "producer", None)


def test_a_broker_without_these_settings() -> None:
    """Where the broker describes the source without a setting, a tier is made without it."""
    made = image(SOURCE._replace(retention_bytes=None, compression=None), TIER)
    assert (made.retention_bytes, made.compression) == (None, None)


def test_control_is_smaller_than_no_source() -> None:
    """The only partition of control is enough beside a source of many."""
    assert not topics.is_smaller(CONTROL, Topic(CONTROL.name, 1), SOURCE)
    assert topics.is_smaller(TIER, Topic(TIER.name, 1), SOURCE)
