"""What is published twice is sent once, on a real Kafka by the real program, wherever and when it comes."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas import WorkerHeaders
from schemas.journal import JournalStep, StepKind, read_step
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, Write, committed, create_topics, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]

LANES = 16
FAILS_ONCE = 40
"""The clicks below this number are refused once, so that they wait in a tier."""

SLOW_FROM = 100
"""Those from this number on are answered slowly, so that steps get to the journal while others are sent."""


def act(query: Query, nth: int) -> Act:
    """Refuse some once; take time for others."""
    number = int(query["click_id"][2:])
    if number < FAILS_ONCE and nth == 1:
        return 404
    return 200 if number < SLOW_FROM else "slow"


def events(numbers: Sequence[int]) -> list[Write]:
    """Events by number; a number always goes to the same partition."""
    return [Write(value(f"e-{number}", f"c-{number}"), b"c", (), number % 4) for number in numbers]


def ended(kafka: str, names: Names) -> list[JournalStep]:
    """The endings in the journal."""
    steps = [step for read in read_all(kafka, names.journal) if (step := read_step(read.value))]
    return [step for step in steps if step.step is not StepKind.RETRY]


def told_of(kafka: str, names: Names) -> set[str | None]:
    """The events of which the journal has an ending."""
    return {step.event_id for step in ended(kafka, names)}


def recorded(tracker: Tracker) -> Counter[str]:
    """How often the partner recorded each click."""
    times = tracker.clicks
    return Counter({click: count - (int(click[2:]) < FAILS_ONCE) for click, count in times.items()})


def test_published_twice_and_thrice(kafka: str, names: Names, tmp_path: Path) -> None:
    """At once, seconds later, while the first waits, after a rebalance, and around a kill: one 200 each."""
    create_topics(kafka, {names.topic: 4})
    published = 0
    with Tracker(act) as tracker:
        env = settings(
            kafka,
            names,
            tracker,
            RETRY__DELAYS="3s",
            DESTINATION__CONCURRENCY=LANES,
            CIRCUIT__MIN_FAILURES=999,
        )
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0

        def publish(numbers: Sequence[int], times: int = 1) -> None:
            nonlocal published
            published += len(numbers) * times
            for _ in range(times):
                produce(kafka, names.topic, events(numbers))

        def all_ended() -> bool:
            return len({step.origin for step in ended(kafka, names)}) == published

        with Program(env, tmp_path) as first:
            publish(range(100), times=2)  # at once
            wait_until("all were asked for", lambda: len(tracker.clicks) == 100)
            publish(range(100))  # while some wait in the tier
            wait_until("all ended", all_ended)
            publish(range(50))  # seconds later
            with Program(env, tmp_path) as second:
                second.ready()
                wait_until("it is shared out", lambda: all(map(shares, (first, second))))
                publish(range(100))  # some to another worker
                wait_until("all ended", all_ended)
                assert set(recorded(tracker).values()) == {1}
                publish(range(100, 400))
                wait_until("under way, and told of", lambda: len(told_of(kafka, names)) > 150)
                told_before = told_of(kafka, names)
                first.send(signal.SIGKILL)
                publish(range(100, 400))
                wait_until("all ended", all_ended)
                assert second.end() == 0
        explained = call("explain", "e-0", env=env, at=tmp_path)
        assert "delivered at attempt 2" in explained.stdout
        assert "duplicate: " in explained.stdout
    steps = ended(kafka, names)
    twice = {f"e{click[1:]}" for click, count in recorded(tracker).items() if count > 1}
    print(f"of 400 conversions, published {published} times, sent twice at the kill: {len(twice)}")
    assert not twice & told_before  # only what was in flight at the kill, or not in the journal yet
    assert len(recorded(tracker)) == 400
    assert max(Counter(step.origin for step in steps).values()) == 1
    told = Counter(step.step for step in steps)
    assert told[StepKind.DELIVERED] == 400 + told_twice(steps)
    assert told[StepKind.DUPLICATE] == published - told[StepKind.DELIVERED]


def test_ended_in_a_tier_that_has_not_grown_with_the_source(
    kafka: str, names: Names, tmp_path: Path, tracker: Tracker
) -> None:
    """What a worker that died had delivered from a tier with fewer partitions is not sent again."""
    tier = names.tier("1s")
    create_topics(kafka, {names.topic: 4, names.journal: 4, names.dlq: 4, tier: 1})
    create_topics(kafka, {names.control: 1}, {"cleanup.policy": "compact"})
    env = settings(kafka, names, tracker, RETRY__DELAYS="1s")
    with Program(env, tmp_path) as first, Program(env, tmp_path) as second:
        wait_until(
            "it is shared out", lambda: [len(owned(one, names.topic)) for one in (first, second)] == [2, 2]
        )
        wait_until("one has the tier", lambda: bool(owned(first, tier) or owned(second, tier)))
        owner = first if owned(first, tier) else second
        of = min({1, 2, 3} - owned(owner, names.topic))
        step = JournalStep(
            at="2026-11-28T00:00:00.000Z",
            step=StepKind.DELIVERED,
            event_id="e-0",
            attempt=2,
            origin=f"{names.topic}/{of}/0",
        )
        produce(kafka, names.journal, [Write(step.to_json(), b"e-0", (), of)])
        for number in range(2):
            headers = WorkerHeaders(attempts=1, origin=f"{names.topic}/{of}/{number}").write()
            produce(kafka, tier, [Write(value(f"e-{number}", f"c-{number}"), b"c", tuple(headers))])
        wait_until(
            "it is read",
            lambda: [one.offset for one in committed(kafka, names.retry_group, tier).values()] == [2],
        )
        assert tracker.clicks == {"c-1": 1}
        assert [first.end(), second.end()] == [0, 0]


def owned(program: Program, topic: str) -> set[int]:
    """The partitions of a topic that it has, once it is ready."""
    if program.get("/readyz")[0] != 200:
        return set()
    metrics = program.get("/metrics")[1]
    return set(map(int, re.findall(rf'postback_consumer_lag\{{.*partition="(\d+)",topic="{topic}"', metrics)))


def told_twice(steps: Sequence[JournalStep]) -> int:
    """How many deliveries are of an event that has another."""
    times = Counter(step.event_id for step in steps if step.step is StepKind.DELIVERED)
    return sum(count - 1 for count in times.values())


def shares(program: Program) -> bool:
    """Whether it has partitions of the source, and is ready."""
    return program.get("/readyz")[0] == 200 and "postback_consumer_lag{" in program.get("/metrics")[1]
