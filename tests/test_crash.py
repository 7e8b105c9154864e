"""What a crash costs: the real program is killed, stopped and rolled; the partner counts what comes twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.chaos.checker import check
from tests.chaos.run import PROTOCOLS
from tests.chaos.scenarios import (
    TWO_TICKS,
    busy_for_some,
    edited_under_its_map,
    frozen_while_the_broker_is_away,
    joined_and_left,
    judge,
    killed_behind_a_hanging_head,
    killed_twice,
    left_while_another_joins,
    left_while_the_group_waits,
    made_again_and_outgrown,
    numbered,
    poisoned,
    refused_by_the_broker,
    reset_after_the_request,
    stood_still,
)
from tests.chaos.world import World
from tests.support.broker import Broker
from tests.support.kafka import WITHIN, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.chaos]

Make = Callable[..., World]
A_LOOK = 3.0
"""Seconds within which a worker looks at its topics and rights."""
AT_ODDS = 120.0
"""Seconds in which all is done though a member missed, on a busy machine, what the broker had given it."""
HANGS = {"DESTINATION__TIMEOUT": "60s"}
# As they are where nobody set them: what a rolling deploy costs should be what it costs a user.
AS_SHIPPED = {"KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": "15000"}


@pytest.fixture
def world(kafka: str, tmp_path: Path) -> Iterator[Make]:
    """Makes the world of a test; it ends with the test."""
    worlds: list[World] = []

    def make(
        partitions: int = 1, settings: Mapping[str, str] | None = None, patience: float = WITHIN
    ) -> World:
        made = World(kafka, tmp_path, partitions=partitions, settings=settings, patience=patience)
        worlds.append(made.__enter__())
        return made

    yield make
    for one in worlds:
        one.__exit__(None, None, None)


def test_a_thousand_behind_a_hanging_head(world: Make) -> None:
    """Of 1,000 records finished behind one that hangs, none is sent again after a kill: the map knows."""
    made = world(settings=HANGS)
    again = killed_behind_a_hanging_head(made, 1000)
    verdict = judge(made)
    print(f"sent again after the kill, of 1,001: {len(again)}")
    assert again == ["head-hang"]
    assert not verdict.violations
    assert not verdict.explained


def test_a_kill_amid_the_stream(world: Make) -> None:
    """A kill amid the stream costs what was in flight and finished since the last commit, never the rest."""
    made = world(settings=HANGS)
    (first,) = made.start(1)
    made.publish(["head-hang", *numbered(800)])
    made.await_delivered(numbered(800))
    with made.load(100):
        wait_until("a stream behind it", lambda: len(made.delivered()) >= 1000)
        first.kill()
        made.partner(hang=False)
        made.start(2)
    verdict = judge(made)
    twice = verdict.twice
    print(f"sent twice, of {verdict.events}: {twice}")
    assert not verdict.violations
    assert twice < 150  # the time of a tick and a round trip, at 100 a second, on a busy machine


@pytest.mark.parametrize(
    "way", ["classic", *(pytest.param(way, marks=pytest.mark.long) for way in PROTOCOLS if way != "classic")]
)
def test_a_second_kill_while_the_group_waits(world: Make, way: str) -> None:
    """What is finished while commits are stuck is bounded: the worker stops, however long the group waits."""
    made = world(6, {"KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": "12000", **PROTOCOLS[way]})
    killed_twice(made)
    verdict = judge(made, within=AT_ODDS)
    print(f"sent twice, {way}, of {verdict.events}: {verdict.twice}")
    assert not verdict.violations
    # At 100 a second: a tick, and the time until commits count as stuck; the group waits for longer.
    assert verdict.twice < 400


def test_a_shutdown_while_the_group_waits(world: Make) -> None:
    """What a worker finished is committed before it leaves, though the group waits for a dead member."""
    made = world(6, {"KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": "20000"})
    killed, second = left_while_the_group_waits(made)
    assert "the last commit was not taken" not in second.log()
    assert not judge(made, within=60.0).violations
    made.delivered()
    answered = [asked for asked in made.seen() if asked.number in made.answers]
    others = {asked.event for asked in answered if asked.worker != second.name}
    # Not those that began with the one that was killed: their source record may be sent again for that.
    begun = {asked.event for asked in made.seen() if asked.worker == killed.name}
    alone = {asked.event for asked in answered if asked.worker == second.name} - begun
    assert alone
    assert not alone & others


def test_a_shutdown_while_another_joins(world: Make) -> None:
    """What a rebalance takes from a worker that drains is drained first: nothing in flight is sent twice."""
    slow = {"DESTINATION__TIMEOUT": "30s", "DRAIN_TIMEOUT": "25s"}
    made = world(6, {**slow, "KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": "500"})
    first = left_while_another_joins(made, delay=4.0)
    made.partner()
    verdict = judge(made, within=60.0)
    print(f"second 200s, of {verdict.events} events: {verdict.count('duplicate')}")
    assert first.log().count('"unfinished": 0') == 1
    assert not verdict.violations
    assert not verdict.explained


def test_a_worker_that_stood_still(world: Make) -> None:
    """A frozen worker sends nothing, but for the request that it was at, of what another one did."""
    made = world(4, {"DESTINATION__CONCURRENCY": "8"})
    first, resumed = stood_still(made)
    verdict = judge(made)
    assert not verdict.violations
    late = [asked.event for asked in made.seen() if asked.worker == first.name and asked.wall >= resumed]
    assert len(late) <= 1


def test_failures_in_flight(world: Make) -> None:
    """Records that had got a 500 and wait, in memory or in a tier, are every one still sent after a kill."""
    made = world()
    (first,) = made.start(1)
    failing = [f"f{number}-once" for number in range(60)]
    made.publish(event for pair in zip(failing, numbered(60), strict=True) for event in pair)
    made.await_delivered(numbered(60))
    wait_until("each has failed", lambda: {request.event for request in made.seen()} >= set(failing))
    first.kill()
    made.start(2)
    made.await_delivered(failing)
    assert not judge(made).violations


def test_refused_by_the_broker(world: Make) -> None:
    """A retry that the broker refuses holds its offset through SIGTERM and `kill -9`, then goes out."""
    made = world(settings={"DRAIN_TIMEOUT": "1s"})
    refused_by_the_broker(made)
    made.await_delivered(["a-once"])
    assert not judge(made).violations
    asked = Counter(request.event for request in made.seen())
    assert asked["n0"] == asked["n1"] == asked["n2"] == 1


def test_joined_and_left(world: Make) -> None:
    """Polite joins and leaves under load lose nothing and send nothing twice."""
    made = world(2, {"DESTINATION__CONCURRENCY": "8"})
    joined_and_left(made)
    verdict = judge(made)
    assert not verdict.violations
    assert not verdict.explained


def test_reset_after_the_request(world: Make) -> None:
    """A connection reset after the request is a failure of that attempt; the next one waits for its retry."""
    made = world()
    reset_after_the_request(made)
    made.await_delivered(numbered(3))
    assert not judge(made).violations


def test_an_answer_to_a_frozen_worker(world: Make) -> None:
    """A 200 that came while the worker was frozen beyond the timeout of its attempt still counts."""
    made = world(settings={"DESTINATION__TIMEOUT": "1s", "KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": "30000"})
    made.partner(delay=0.5)
    (first,) = made.start(1)
    made.publish(numbered(5))
    wait_until("five requests", lambda: len(made.seen()) >= 5)
    first.stop()
    made.await_delivered(numbered(5))
    time.sleep(1.5)  # beyond the deadline of every attempt
    first.resume()
    verdict = judge(made)
    assert not verdict.violations
    assert not verdict.explained
    assert len(made.seen()) == 5


def test_a_rolling_restart(world: Make) -> None:
    """Three workers replaced one by one under load send nothing twice; the longest pause is printed."""
    made = world(6, AS_SHIPPED)
    workers = made.start(1, 2, 3)
    with made.load(100):
        wait_until("all at work", lambda: {worker.name for worker in workers} <= made.workers_asking())
        for slot, worker in enumerate(workers, start=1):
            assert worker.leave() == 0
            made.start(slot)
        time.sleep(TWO_TICKS)
    verdict = judge(made)
    print(f"longest pause of a rolling restart: {verdict.longest_pause:.1f} s")
    assert not verdict.violations
    assert not verdict.explained


def test_an_offset_edited_under_its_map(world: Make) -> None:
    """A map that came to stand under another position skips nothing; what is remembered is not sent again."""
    made = world(settings=HANGS)
    edited_under_its_map(made)
    verdict = judge(made)
    assert not verdict.violations
    assert not verdict.explained


def test_a_topic_made_again(world: Make) -> None:
    """A source that is made again, and longer at once than the old one, loses nothing."""
    made = world(4)
    made_again_and_outgrown(made)
    verdict = judge(made)
    print(f"sent twice of a new log: {verdict.twice} of {verdict.events}")
    assert not verdict.violations


@pytest.mark.parametrize("play", [poisoned, busy_for_some])
def test_clicks_that_poison(world: Make, play: Callable[[World], None]) -> None:
    """A run of clicks that always fail, or ask for a minute's rest, keeps no other from being delivered."""
    # As shipped: good ones lie within what is held. `tests/sim/test_few.py` has runs that are longer.
    made = world(4, {"MAX_OUTSTANDING": "1000"}, patience=120.0)
    play(made)
    # Those that fail for ever have minutes of retries before them.
    verdict = check(made.evidence(), made.timeout, made.drain)
    assert {violation.kind for violation in verdict.violations} <= {"lost"}
    assert verdict.twice == 0


def test_a_broker_that_comes_and_goes(tmp_path: Path) -> None:
    """A worker outlives its broker's deaths, whatever it is asking at that moment."""
    with Broker(tmp_path / "kafka") as broker, World(broker.bootstrap, tmp_path / "world") as made:
        (worker,) = made.start(1)
        for death in range(4):
            made.publish(numbered(20, f"d{death}-"))
            broker.kill()
            time.sleep(A_LOOK)
            broker.start()
            assert worker.code is None, worker.log()[-300:]
        made.await_delivered(made.published)
        assert not judge(made, within=60.0).violations


@pytest.mark.long
def test_frozen_while_the_broker_is_away(tmp_path: Path) -> None:
    """A step that lay with the client when its worker was frozen adds no second ending to the journal."""
    few = {"DESTINATION__CONCURRENCY": "8"}
    with (
        Broker(tmp_path / "kafka") as broker,
        World(broker.bootstrap, tmp_path / "world", partitions=1, settings=few) as made,
    ):
        frozen_while_the_broker_is_away(made, broker)
        verdict = judge(made)
        steps = made.evidence().steps or ()
    assert not verdict.violations
    assert set(Counter(step.origin for step in steps).values()) == {1}
