"""Standing orders under load, by the partner's own log: a pause, a cancellation, a rate of the whole group.

Each prints its figures: `pytest -m long -s tests/e2e/test_orders_load.py`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from schemas import RetryReason, WorkerHeaders, parse_time
from tests.e2e.neighbours import Partner
from tests.e2e.program import Program, call, output_of, settings
from tests.e2e.rates import fullest, started
from tests.e2e.test_journal import steps
from tests.e2e.test_orders import letters
from tests.support.kafka import Names, Write, create_topics, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.long, pytest.mark.timeout(600)]

WORKERS = 3
PARTITIONS = 7  # of three workers one has three, two have two
WITHIN = 180.0


class Log(Partner):
    """A partner that notes when each request came (epoch seconds), and which click it was for."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[float, str]] = []

    def answer(self, click: str, transport: asyncio.Transport) -> None:
        """Note one, and answer."""
        self.log.append((time.time(), click))
        super().answer(click, transport)

    @property
    def times(self) -> list[float]:
        """When requests came, the first first."""
        return [at for at, _ in list(self.log)]

    @property
    def clicks(self) -> Counter[str]:
        """How often each click was asked for."""
        return Counter(click for _, click in list(self.log))


class Producing:
    """Publishes so many events a second, from a thread, while it is entered."""

    def __init__(self, kafka: str, names: Names, per_second: int) -> None:
        self._kafka, self._names, self._per_second = kafka, names, per_second
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0

    def __enter__(self) -> Producing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(0.1):
            due = int((time.monotonic() - began) * self._per_second)
            produce(self._kafka, self._names.topic, [event(number) for number in range(self.count, due)])
            self.count = due


def event(number: int) -> Write:
    """A conversion, by turns of the offers 7 and 8."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fields = {
        "event_id": f"e-{number}",
        "click_id": f"h-{number}",
        "occurred_at": at,
        "offer_id": str(7 + number % 2),
    }
    return Write(json.dumps(fields).encode(), f"h-{number}".encode())


def ready(one: Program) -> None:
    """Wait until a worker is ready, on a busy machine too."""
    wait_until("it has started", lambda: any(line["event"].startswith("started") for line in one.log), WITHIN)
    wait_until("it is ready", lambda: one.get("/readyz")[0] == 200, WITHIN)


@contextmanager
def workers(env: dict[str, str], at: Path, count: int = WORKERS) -> Iterator[list[Program]]:
    """So many workers, ready."""
    with ExitStack() as stack:
        started = [stack.enter_context(Program(env, at)) for _ in range(count)]
        for one in started:
            ready(one)
        yield started
        for one in started:
            assert not one.alive or one.end() == 0


def restart_each(
    running: Sequence[Program], stack: ExitStack, env: dict[str, str], at: Path
) -> list[Program]:
    """End each in good order and start another in its place, one after the other; the new ones, ready."""
    others = []
    for one in running:
        assert one.end() == 0
        others.append(stack.enter_context(Program(env, at)))
        ready(others[-1])
    return others


def test_pause_under_load(kafka: str, names: Names, tmp_path: Path) -> None:
    """Of 500 a second nothing is sent from 1 s after a pause on, through a restart of each of three workers.

    After `resume` all are delivered, each once, at their first attempt.
    """
    create_topics(kafka, {names.topic: PARTITIONS})
    with Log() as partner, ExitStack() as stack:
        env = {**settings(kafka, names), **partner.env, "POSTBACK_RETRY__DELAYS": "10s"}
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        producing = stack.enter_context(Producing(kafka, names, 500))
        with workers(env, tmp_path) as running:
            wait_until("it flows", lambda: len(partner.log) > 2_000, WITHIN)
            order = json.loads(call("pause", "-o", "json", env=env, at=tmp_path).stdout)
            told = time.time()
            others = restart_each(running, stack, env, tmp_path)
            time.sleep(2.0)
            last, sent = max(partner.times), len(partner.log)
            assert call("resume", env=env, at=tmp_path).returncode == 0
            resumed = time.time()
            producing.__exit__()
            wait_until("all are sent", lambda: len(partner.clicks) >= producing.count, WITHIN)
            took = time.time() - resumed
            for one in others:  # in good order, so that each step is in the journal
                assert one.end() == 0
    given = parse_time(order["at"]) or 0.0
    print(
        f"\npause: {sent} of {producing.count} sent before; the last {last - given:.2f} s after the order was"
        f" made, {last - told:.2f} s after the command ended; all sent {took:.0f} s after resume"
    )
    assert last < told + 1.0
    assert partner.clicks == {f"h-{number}": 1 for number in range(producing.count)}
    assert letters(kafka, names) == 0
    steps = Counter(
        (told["step"], told.get("attempt"))
        for told in (json.loads(record.value or b"{}") for record in read_all(kafka, names.journal))
    )
    assert steps == {("delivered", 1): producing.count}


def test_cancel_of_20_000(kafka: str, names: Names, tmp_path: Path) -> None:
    """Of two offers with 20,000 pending on source and tiers the one is sent, the other ends as cancelled.

    A replay of those sends each of them, once.
    """
    count = 20_000
    create_topics(kafka, {names.topic: PARTITIONS})
    with Log() as partner:
        env = {**settings(kafka, names), **partner.env, "POSTBACK_RETRY__DELAYS": "1h"}
        say = partial(output_of, env=env, at=tmp_path)
        say("topics", "create")
        _into_tiers(kafka, names, count // 2)
        say("pause")
        produce(kafka, names.topic, [event(number) for number in range(count // 2, count)])
        with workers(env, tmp_path):
            pending = json.loads(say("cancel", "--offer-id", "7", "--dry-run", "-o", "json"))
            began = time.monotonic()
            order = json.loads(say("cancel", "--offer-id", "7", "--for", "2h", "--yes", "-o", "json"))
            say("waiting", "now", "--offer-id", "8", "--yes")
            say("resume")
            wait_until("one offer is sent", lambda: len(partner.clicks) >= count // 2, WITHIN)
            wait_until("the other has ended", lambda: letters(kafka, names) >= count // 2, WITHIN)
            ended = time.monotonic() - began
            assert {int(click[2:]) % 2 for click in partner.clicks} == {1}
            say("cancel", "end", order["id"])
            began = time.monotonic()
            say("dlq", "replay", "--reason", "cancelled", "--yes")
            wait_until("the replay is sent", lambda: len(partner.clicks) >= count, WITHIN)
            replayed = time.monotonic() - began
    print(
        f"\ncancel: pending {pending}; all of both offers ended after {ended:.0f} s, their replay after"
        f" {replayed:.0f} s; most times of one event: {max(partner.clicks.values())}"
    )
    assert sum(row["pending"] for row in pending) == count // 2
    assert partner.clicks == {f"h-{number}": 1 for number in range(count)}
    dead = read_all(kafka, names.dlq)
    assert {letter.header("postback-reason") for letter in dead} == {"cancelled"}
    ids = Counter(json.loads(letter.value or b"")["event_id"] for letter in dead)
    assert ids == {f"e-{number}": 1 for number in range(0, count, 2)}


def _into_tiers(kafka: str, names: Names, count: int) -> None:
    """So many that were tried once, and wait for an hour."""
    due = time.time() + 3600
    writes = []
    for number in range(count):
        of = event(number)
        headers = WorkerHeaders(
            attempts=1,
            due_at=due,
            origin=f"{names.topic}/{number % PARTITIONS}/{1_000_000 + number}",
            reason=RetryReason.STATUS,
            status=404,
        ).write()
        writes.append(Write(of.value, of.key, tuple(headers), number % PARTITIONS))
    produce(kafka, names.tier("1h"), writes)


def test_rate_of_three(kafka: str, names: Names, tmp_path: Path) -> None:
    """Three workers of unequal shares together start 60 a second: 3,600 a minute, also around a rebalance."""
    create_topics(kafka, {names.topic: PARTITIONS})
    with Log() as partner, ExitStack() as stack:
        env = {**settings(kafka, names), **partner.env, "POSTBACK_DESTINATION__RATE": "60"}
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        produce(kafka, names.topic, [event(number) for number in range(12_000)])
        with workers(env, tmp_path) as running:
            began = time.time() + 5.0
            wait_until("a minute is over", lambda: time.time() > began + 60.0, WITHIN)
            assert running[0].end() == 0
            ready(stack.enter_context(Program(env, tmp_path)))
            back = time.time()
            wait_until("another is over", lambda: time.time() > began + 120.0, WITHIN)
        times = partner.times
    by_workers = fullest(sorted(started(step) for step in steps(kafka, names)))
    steady = sum(began <= at < began + 60.0 for at in times)
    around = sum(began + 60.0 <= at < began + 120.0 for at in times)
    print(
        f"\nrate: {steady} in a minute, {around} in that of a rebalance (the third was back after"
        f" {back - began - 60.0:.0f} s); most in a second: {fullest(times)}, by workers' clocks {by_workers}"
    )
    assert by_workers <= 62
    assert abs(steady - 3_600) <= 72
    assert set(partner.clicks.values()) == {1}
