"""What is lacking of what a worker must be allowed."""

from __future__ import annotations

from worker.core.rights import DescribeRefused, Resource, ResourceKind, Said, lacking, needs, unsaid

SOURCE, TIER, DEAD, JOURNAL = (
    Resource(ResourceKind.TOPIC, name) for name in ("s", "g.retry.10s", "g.dlq", "g.journal")
)
GROUP, RETRY = (Resource(ResourceKind.GROUP, name) for name in ("g", "g.retry"))
NEEDED = needs("s", ["g.retry.10s"], ["g.dlq", "g.journal"], ["g", "g.retry"])
ALL = frozenset({"READ", "WRITE", "DESCRIBE"})


def test_needs() -> None:
    """A worker reads the source, reads and writes what is for both, writes the rest, and uses groups."""
    read, write = frozenset({"READ"}), frozenset({"WRITE"})
    topics = {SOURCE: read, TIER: read | write, DEAD: write, JOURNAL: write}
    assert {**topics, GROUP: read, RETRY: read} == NEEDED


def test_nothing_lacks() -> None:
    """Who may do all, and more, lacks nothing."""
    said: Said = dict.fromkeys(NEEDED, ALL)
    assert lacking(NEEDED, said) == {}
    assert unsaid(NEEDED, said) == []


def test_what_lacks() -> None:
    """Each topic and group on which a right lacks is named with just the rights that are to be granted."""
    said: Said = {
        **dict.fromkeys(NEEDED, ALL),
        SOURCE: frozenset({"DESCRIBE"}),
        TIER: frozenset({"READ"}),
        DEAD: frozenset(),
        RETRY: DescribeRefused("Broker: Group authorization failed"),
    }
    assert list(lacking(NEEDED, said).items()) == [
        (SOURCE, "topic s: this user lacks a right: grant it READ"),
        (TIER, "topic g.retry.10s: this user lacks a right: grant it WRITE"),
        (DEAD, "topic g.dlq: this user lacks a right: grant it WRITE"),
        (RETRY, "group g.retry: Broker: Group authorization failed: grant this user READ"),
    ]
    refused: Said = {**said, TIER: DescribeRefused("no")}
    assert lacking(NEEDED, refused)[TIER] == "topic g.retry.10s: no: grant this user READ and WRITE"


def test_unknown() -> None:
    """What the broker does not say is neither lacking nor granted."""
    assert lacking(NEEDED, {}) == {}
    assert unsaid(NEEDED, {SOURCE: ALL, GROUP: DescribeRefused("no")}) == [TIER, DEAD, JOURNAL, RETRY]
