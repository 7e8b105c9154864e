"""The worker's own topics: made, let grow, and judged, a row for each.

The rule: nothing is deleted or narrowed, and the source topic is left as it is. What is wrong with a topic is
said in one place, `worker/adapters/kafka/own_topics.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from worker.adapters.kafka import admin_config, own_topics, producer_config
from worker.adapters.kafka.admin import BROKERS_DEFAULT, create_topic, grow
from worker.adapters.kafka.config import Config, message_limit, unique_client_id
from worker.adapters.kafka.own_topics import Own, client_problems, describe, is_less, problems, risks
from worker.adapters.kafka.topic_descriptions import Topic
from worker.compiled import own_topics as own_topics_of
from worker.ops.errors import CannotDo
from worker.settings import Settings


class Row(NamedTuple):
    """A topic: what is known of it, what became of it, and what is wrong with it; None is unknown.

    `is_there` tells whether it exists. `result` is `exists`, `created` or `grown from N`.
    """

    topic: str
    is_there: bool = True
    partitions: int | None = None
    retention: float | None = None
    max_message_bytes: int | None = None
    result: str = "exists"
    problems: Sequence[str] = ()


class Judged(NamedTuple):
    """The rows, the source first, and a line for each thing that may not be meant."""

    rows: Sequence[Row]
    warnings: Sequence[str]


class New(NamedTuple):
    """How a source topic is made where it is missing; None is the broker's default."""

    partitions: int | None = None
    replication: int | None = None


class _Needed(NamedTuple):
    """How to ask the broker, the topics that the settings need, and the largest record that may be sent."""

    config: Config
    source: str
    own: Sequence[Own]
    client_limit: int


def create(settings: Settings, there: Mapping[str, int | None], new: New | None) -> Judged:
    """Make what is missing of the worker's topics, and let grow what has fewer partitions than the source.

    `there` is what exists by now, with its partitions; `new` has a missing source made, too. Raises CannotDo
    without the source, KafkaUnavailable where the broker does not answer, or refuses.
    """
    needed, warnings = _needed(settings), list[str]()
    source = _ensure_source(needed, there, new, warnings) if new is not None else "exists"
    if source == "exists" and needed.source not in there:
        raise CannotDo([f"the source topic {needed.source} does not exist"], "--with-source makes it, too")
    first, *rows = _create_own(needed, warnings)
    return Judged([first._replace(result=source), *rows], warnings)


def check(settings: Settings) -> Judged:
    """Judge the source and the worker's topics. Raises KafkaUnavailable where the broker does not answer."""
    warnings = list[str]()
    return Judged(list(_check_all(_needed(settings), warnings)), warnings)


def _needed(settings: Settings) -> _Needed:
    kafka = settings.kafka
    asking, sending = (
        make(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
        for make in (admin_config, producer_config)
    )
    return _Needed(asking, kafka.topic, own_topics_of(settings), message_limit(sending))


def _ensure_source(needed: _Needed, there: Mapping[str, int | None], new: New, warnings: list[str]) -> str:
    """Make the source topic where it is missing, and say what became of it."""
    name = needed.source
    if name not in there:
        create_topic(
            needed.config, name, new.partitions or BROKERS_DEFAULT, new.replication or BROKERS_DEFAULT
        )
        return "created"
    if new.partitions not in {None, there[name]}:
        warnings.append(f"topic {name} exists with {there[name]} partitions and is left as it is")
    return "exists"


def _create_own(needed: _Needed, warnings: list[str]) -> Iterator[Row]:
    """Make what is missing, let grow what is too small, warn of what has to be changed by hand."""
    config, name, own, _ = needed
    before = describe(config, [name, *(topic.name for topic in own)])
    source = before.pop(name)
    created = own_topics.create(config, name, own)
    small = [one.name for one in own if one.name in before and _is_small(one, before[one.name], source)]
    grow(config, dict.fromkeys(small, source.partitions or 0))
    yield Row(name, True, source.partitions, source.retention)
    for topic in own:
        found = before.get(topic.name)
        warnings += risks(topic, found or source)  # a new one has as many replicas as the source
        if found is None:  # where it was not created, somebody else was faster
            result = "created" if topic.name in created else "exists"
            partitions = 1 if topic.control else source.partitions
            yield Row(topic.name, True, partitions, topic.retention, result=result)
        else:
            yield _kept(source, topic, found, warnings)


def _is_small(own: Own, found: Topic, source: Topic) -> bool:
    return not own.control and is_less(found.partitions, source.partitions)


def _kept(source: Topic, own: Own, found: Topic, warnings: list[str]) -> Row:
    """Say of a topic that was there before whether it grew; warn of what else is not as it should be."""
    grown = _is_small(own, found, source)
    result = f"grown from {found.partitions}" if grown else "exists"
    partitions = source.partitions if grown else found.partitions
    warnings += problems(source, own, found._replace(partitions=partitions))
    return Row(own.name, True, partitions, found.retention, result=result)


def _check_all(needed: _Needed, warnings: list[str]) -> Iterator[Row]:
    config, name, own, client_limit = needed
    found = describe(config, [name, *(topic.name for topic in own)])
    unsaid = [one for one in found.values() if one.unsaid is not None]
    warnings += [f"{one.name}: the broker does not say all of it: {one.unsaid}" for one in unsaid]
    source = found.get(name)
    yield _checked(name, source, client_problems(source, client_limit) if source else ["does not exist"])
    for topic in own:
        is_now = found.get(topic.name)
        warnings += risks(topic, is_now) if is_now else []
        if source is not None:
            yield _checked(topic.name, is_now, problems(source, topic, is_now))
        else:
            yield _checked(topic.name, is_now, [] if is_now else ["does not exist"])


def _checked(name: str, found: Topic | None, lines: Sequence[str]) -> Row:
    told = [line.removeprefix(f"{name}: ") for line in lines]
    if found is None:
        return Row(name, False, problems=told)
    return Row(name, True, found.partitions, found.retention, found.max_message_bytes, problems=told)
