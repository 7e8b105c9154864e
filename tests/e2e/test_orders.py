"""Standing orders to real workers: none sends while they are paused, nor more than the group's rate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from schemas import RetryReason, WorkerHeaders
from tests.e2e.events import value
from tests.e2e.program import Program, call, output_of, settings
from tests.e2e.rates import fullest, started
from tests.e2e.test_journal import steps
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, create_topics, end_offsets, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]

EVENTS, RATE = 2_400, 60
OVER = 2
"""How many more than the rate a second may have: the one that is caught up, and what rounding adds."""


def is_within(rate: float, kafka: str, names: Names) -> bool:
    """Whether in no second more requests began than the rate, nor in all the time after the first."""
    times = sorted(started(step) for step in steps(kafka, names))
    lasted = times[-1] - times[0]
    return fullest(times) <= rate + OVER and len(times[1:]) <= rate * lasted + OVER


def rests(program: Program) -> bool:
    """Whether a worker is held by a pause, and nothing of it is under way."""
    return program.metric("postback_held", why="pause") == 1 and program.metric("postback_in_flight") == 0


def test_pause_through_a_restart(kafka: str, names: Names, tmp_path: Path) -> None:
    """Soon after `pause` nothing is sent any more, by a worker that starts then either; then all is, once.

    And never more in a second than the rate of the group, though two workers share it, and a rebalance.
    """
    create_topics(kafka, {names.topic: 3})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, DESTINATION__RATE=RATE)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        produce(kafka, names.topic, [value(f"e-{number}", f"c-{number}") for number in range(EVENTS)])
        with Program(env, tmp_path) as first, Program(env, tmp_path) as second:
            tracker.asked(100)
            paused = call("pause", "--because", "a test", "-o", "json", env=env, at=tmp_path)
            order = json.loads(paused.stdout)
            assert (order["destination"], order["order"], order["because"]) == (
                "momentscience",
                "pause",
                "a test",
            )
            wait_until("nothing is sent", lambda: rests(first) and rests(second))
            before = len(tracker.hits)
            assert before < EVENTS
            assert first.end() == 0
            with Program(env, tmp_path) as third:
                third.ready()
                assert "a test" in third.said("a standing order")["order"]
                assert third.metric("postback_held", why="pause") == 1
                second.ready()
                assert second.get("/livez")[0] == 200
                wait_until("all is in the journal", lambda: len(steps(kafka, names)) == before)
                assert len(tracker.hits) == before
                assert is_within(RATE, kafka, names)
                assert call("rate", "1000", env=env, at=tmp_path).returncode == 0
                ended = call("resume", env=env, at=tmp_path)
                assert ended.stdout.startswith("momentscience: ended: paused, by ")
                tracker.asked(EVENTS, within=60.0)
                assert third.end() == second.end() == 0
        assert set(tracker.clicks.values()) == {1}
    assert letters(kafka, names) == 0


def test_rate_by_order(kafka: str, names: Names, tmp_path: Path) -> None:
    """A rate that is ordered counts within a second, and is gone with `rate off`."""
    create_topics(kafka, {names.topic: 1})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        assert call("rate", "20", "--for", "1h", env=env, at=tmp_path).returncode == 0
        produce(kafka, names.topic, [value(f"e-{number}", f"c-{number}") for number in range(EVENTS)])
        with Program(env, tmp_path) as program:
            wait_until("it goes", lambda: len(steps(kafka, names)) >= 40)
            assert is_within(20, kafka, names)
            assert call("rate", "off", env=env, at=tmp_path).returncode == 0
            tracker.asked(EVENTS, within=60.0)  # by the rate they took two minutes
            assert program.end() == 0


def offers(start: int, count: int) -> list[bytes]:
    """So many events, by turns of the offers 7 and 8."""
    numbers = range(start, start + count)
    return [value(f"e-{number}", f"c-{number}", offer_id=str(7 + number % 2)) for number in numbers]


def waiting(names: Names, start: int, count: int) -> list[Write]:
    """As many that got a 404, and wait in the tier for an hour."""
    at = time.time()
    return [
        Write(of, b"k", tuple(_headers(names, number, at)), number % 2)
        for number, of in enumerate(offers(start, count), start)
    ]


def _headers(names: Names, number: int, at: float) -> list[tuple[str, bytes | None]]:
    return WorkerHeaders(
        attempts=1,
        due_at=at + 3600,
        origin=f"{names.topic}/{number % 2}/{number}",
        reason=RetryReason.STATUS,
        status=404,
    ).write()


def test_cancel_and_hurry(kafka: str, names: Names, tmp_path: Path) -> None:
    """Of two offers pending on source and tiers one ends as cancelled, one is sent; then a replay is, too."""
    create_topics(kafka, {names.topic: 2})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, RETRY__DELAYS="1h")
        say = partial(output_of, env=env, at=tmp_path)
        say("topics", "create")
        say("pause")
        produce(kafka, names.topic, offers(0, 200))
        produce(kafka, names.tier("1h"), waiting(names, 200, 400))
        with Program(env, tmp_path) as first, Program(env, tmp_path) as second:
            first.ready()
            second.ready()
            counts = json.loads(say("cancel", "--offer-id", "7", "--dry-run", "-o", "json"))
            assert counts == [{"where": "1h", "pending": 200}, {"where": "source", "pending": 100}]
            order = json.loads(say("cancel", "--offer-id", "7", "--for", "1h", "--yes", "-o", "json"))
            wait_until("what is pending has ended", lambda: letters(kafka, names) == 300)
            assert [row["id"] for row in json.loads(say("cancel", "list", "-o", "json"))] == [order["id"]]
            odd = {f"e-{number}" for number in range(201, 600, 2)}
            wait_until("only the other offer's wait", lambda: listed(say) == odd)
            refused = call("dlq", "replay", "--offer-id", "7", "--yes", env=env, at=tmp_path)
            assert refused.returncode == 1
            assert "cancelled" in refused.stderr
            assert tracker.hits == []
            say("resume")
            say("waiting", "now", "--status", "404", "--yes")
            tracker.asked(300)
            assert set(tracker.clicks) == {f"c-{number}" for number in range(600) if number % 2}
            say("cancel", "end", order["id"])
            say("dlq", "replay", "--reason", "cancelled", "--yes")
            tracker.asked(600)
            assert first.end() == second.end() == 0
        assert set(tracker.clicks.values()) == {1}
        assert len(tracker.clicks) == 600
    assert {letter.header("postback-reason") for letter in read_all(kafka, names.dlq)} == {"cancelled"}


def listed(say: Callable[..., str]) -> set[str]:
    """The ids of what waits; what has ended is listed until it is committed."""
    return {row["event_id"] for row in json.loads(say("waiting", "list", "--limit", "0", "-o", "json"))}


def letters(kafka: str, names: Names) -> int:
    """How many dead letters there are."""
    return sum(end_offsets(kafka, names.dlq).values())
