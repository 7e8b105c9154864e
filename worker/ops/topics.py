"""Creates, grows and checks the topics of a worker, with a row for each.

The rule: nothing is deleted or reduced, and an existing source topic is left alone. `worker/core/topics.py`
alone decides what is wrong with a topic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from worker.adapters.kafka import own_topics
from worker.adapters.kafka.admin import BROKERS_DEFAULT, create_topic, grow
from worker.adapters.kafka.own_topics import describe
from worker.compiled import needed_topics
from worker.core.topics import Finding, NeededTopics, Severity, Topic, image, is_smaller, judge
from worker.ops.access import DENIED
from worker.ops.broker import answering, asking, former_tiers, hidden_topics, partitions_by_topic
from worker.ops.errors import CannotDo
from worker.settings import Deployment, Settings


class TopicRow(NamedTuple):
    """A topic: its properties (None: unknown), what was done, and what is wrong with it.

    `is_there` says whether it exists. `result` is `exists`, `created` or `grown from N`.
    """

    topic: str
    is_there: bool = True
    partitions: int | None = None
    retention: float | None = None
    max_message_bytes: int | None = None
    result: str = "exists"
    problems: Sequence[str] = ()


class TopicsReport(NamedTuple):
    """The rows, the source first, and warnings."""

    rows: Sequence[TopicRow]
    warnings: Sequence[str]


class NewSourceTopic(NamedTuple):
    """How to create a missing source topic; None means the broker's default."""

    partitions: int | None = None
    replication: int | None = None


def create_all(deployment: Deployment, new: NewSourceTopic | None = None) -> TopicsReport:
    """Create the topics of every destination, as `create` does; the source appears once."""
    return _joined([create(settings, new) for settings in deployment.destinations])


def check_all(deployment: Deployment) -> TopicsReport:
    """Check the topics of every destination, as `check` does; the source appears once."""
    return _joined([check(settings) for settings in deployment.destinations])


def create(settings: Settings, new: NewSourceTopic | None = None) -> TopicsReport:
    """Create the worker's missing topics, and grow those with fewer partitions than the source.

    With `new`, a missing source is created, too. Raises CannotDo without the source, BrokerUnavailable if the
    broker does not answer or refuses.
    """
    with answering(settings):
        there = partitions_by_topic(settings)
        needed = needed_topics(settings)
        result, warnings = _ensure_source(settings, needed.source, there, new)
        before = describe(asking(settings), needed.names)
        if needed.source not in before:
            raise _no_source(settings, needed.source)
        _refuse_hidden(settings, [own.name for own in needed.own if own.name not in before])
        after, results = _make(settings, needed, before)
    findings = judge(needed, after, former=former_tiers(settings, there))
    rows = [_row(one, result if one.name == needed.source else results[one.name]) for one in after.values()]
    return TopicsReport(rows, [*warnings, *(one.line for one in findings)])


def check(settings: Settings) -> TopicsReport:
    """Check the source and the worker's topics. Raises BrokerUnavailable."""
    with answering(settings):
        there = partitions_by_topic(settings)
        needed = needed_topics(settings)
        found = describe(asking(settings), needed.names)
        hidden = {} if found.keys() >= {*needed.names} else hidden_topics(settings, "topics check")
    findings = judge(needed, found, hidden=hidden, former=former_tiers(settings, there))
    rows = [_checked(name, found.get(name), findings, hidden) for name in needed.names]
    return TopicsReport(rows, [one.line for one in findings if one.severity is Severity.RISK])


def _joined(found: Sequence[TopicsReport]) -> TopicsReport:
    """Join results that share their source, with each line once."""
    rows = {row.topic: row for judgement in reversed(found) for row in judgement.rows}
    names = dict.fromkeys(row.topic for judgement in found for row in judgement.rows)
    warnings = dict.fromkeys(line for judgement in found for line in judgement.warnings)
    return TopicsReport([rows[name] for name in names], list(warnings))


# --- making ----------------------------------------------------------------------------------------


def _ensure_source(
    settings: Settings, name: str, there: Mapping[str, int | None], new: NewSourceTopic | None
) -> tuple[str, list[str]]:
    """Create the source topic if it is missing and may be created; return the result and warnings."""
    if name in there:
        ignored = new is not None and new.partitions not in {None, there[name]}
        line = f"topic {name} exists with {there[name]} partitions and is left as it is"
        return "exists", [line] if ignored else []
    if new is None:
        raise _no_source(settings, name)
    create_topic(
        asking(settings), name, new.partitions or BROKERS_DEFAULT, new.replication or BROKERS_DEFAULT
    )
    return "created", []


def _no_source(settings: Settings, name: str) -> CannotDo:
    """The error for a missing source, as far as this user may see."""
    hidden = hidden_topics(settings, "topics create")
    if name in hidden:
        return CannotDo([hidden[name]], DENIED)
    return CannotDo([f"the source topic {name} does not exist"], "--with-source makes it, too")


def _refuse_hidden(settings: Settings, missing: Sequence[str]) -> None:
    """Raise CannotDo if a topic only looks missing: this user could not see it once created, either."""
    hidden = hidden_topics(settings, "topics create") if missing else {}
    if lines := [hidden[name] for name in missing if name in hidden]:
        raise CannotDo(lines, DENIED)


def _make(
    settings: Settings, needed: NeededTopics, before: Mapping[str, Topic]
) -> tuple[Mapping[str, Topic], Mapping[str, str]]:
    """Create what is missing, and grow what is too small.

    Return all topics as they are then, and the result for each of the worker's own, by name.
    """
    config, source = asking(settings), before[needed.source]
    created = own_topics.create(config, needed.source, needed.own)
    small = [
        own.name for own in needed.own if own.name in before and is_smaller(own, before[own.name], source)
    ]
    grow(config, dict.fromkeys(small, source.partitions or 0))
    made = {own.name: image(source, own) for own in needed.own if own.name not in before}
    grown = {name: before[name]._replace(partitions=source.partitions) for name in small}
    topics = {**before, **made, **grown}
    results = {own.name: "exists" for own in needed.own}  # also if somebody else was faster
    results |= dict.fromkeys(created, "created")
    results |= {name: f"grown from {before[name].partitions}" for name in small}
    return {name: topics[name] for name in needed.names}, results


# --- rows ------------------------------------------------------------------------------------------


def _row(found: Topic, result: str = "exists", problems: Sequence[str] = ()) -> TopicRow:
    return TopicRow(
        found.name, True, found.partitions, found.retention, found.max_message_bytes, result, problems
    )


def _checked(
    name: str, found: Topic | None, findings: Sequence[Finding], hidden: Mapping[str, str]
) -> TopicRow:
    of_it = [one.text for one in findings if one.topic == name and one.severity is not Severity.RISK]
    if found is not None:
        return _row(found, problems=of_it)
    if name in hidden:
        of_it = [hidden[name].removeprefix(f"topic {name}: ")]
    return TopicRow(name, False, problems=of_it)
