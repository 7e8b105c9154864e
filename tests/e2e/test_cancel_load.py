"""A cancellation while events flow, by the partner's own log, the dead letters and the journal.

It prints its figures: `pytest -m long -s tests/e2e/test_cancel_load.py`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from schemas import parse_time
from schemas.journal import StepKind
from tests.e2e.program import output_of, settings
from tests.e2e.test_journal import steps
from tests.e2e.test_orders_load import PARTITIONS, WITHIN, Log, Producing, restart_each, workers
from tests.support.kafka import Names, create_topics, end_offsets, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.long, pytest.mark.timeout(600)]

RATE = 500
FLOWS_SECONDS = 5.0
"""How long events flow after the order is ended."""


class NotYetKnown(Log):
    """A partner that does not know one click in five when it is first asked for it."""

    def status(self, click: str) -> bytes:
        """Answer 404 the first time, 200 from then on."""
        is_early = int(click[2:]) % 5 == 0 and self.asks[click] == 1
        return b"404 Not Found\r\n" if is_early else super().status(click)


def number_of(click_or_event: str | None) -> int:
    """Which event it is; those of offer 7 are even."""
    return int((click_or_event or "")[2:])


def test_cancel_while_events_flow(kafka: str, names: Names, tmp_path: Path) -> None:
    """Of 500 a second of two offers, one is cancelled for a while, and each of three workers is restarted.

    From 1 s after the order on none of that offer is sent, until it is ended. Each event is delivered, once,
    or a dead letter as cancelled, never both; the journal says the same. The other offer is all delivered.
    """
    create_topics(kafka, {names.topic: PARTITIONS})
    with NotYetKnown() as partner, ExitStack() as stack:
        env = {**settings(kafka, names), **partner.env, "POSTBACK_RETRY__DELAYS": "2s"}
        say = partial(output_of, env=env, at=tmp_path)
        say("topics", "create")
        producing = stack.enter_context(Producing(kafka, names, RATE))
        with workers(env, tmp_path) as running:
            wait_until("it flows", lambda: len(partner.log) > 4 * RATE, WITHIN)
            order = json.loads(say("cancel", "--offer-id", "7", "--for", "2h", "--yes", "-o", "json"))
            ordered = time.time()
            others = restart_each(running, stack, env, tmp_path)
            restarted = time.time()
            say("cancel", "end", order["id"])
            wait_until("it flows as before", lambda: time.time() > restarted + FLOWS_SECONDS, WITHIN)
            producing.__exit__()

            def ended() -> int:
                return len(delivered(partner)) + sum(end_offsets(kafka, names.dlq).values())

            wait_until("all have ended", lambda: ended() >= producing.count, WITHIN)
            for one in others:  # in good order, so that each step is in the journal
                assert one.end() == 0
    cancelled = Counter(
        number_of(step.event_id) for step in steps(kafka, names) if step.step is StepKind.CANCELLED
    )
    endings = Counter(
        number_of(step.event_id) for step in steps(kafka, names) if step.step is not StepKind.RETRY
    )
    letters = Counter(
        number_of(json.loads(read.value or b"")["event_id"]) for read in read_all(kafka, names.dlq)
    )
    sent = delivered(partner)
    given = parse_time(order["at"]) or 0.0
    last = max(at for at, click in partner.log if number_of(click) % 2 == 0 and at < restarted)
    print(
        f"\ncancel: {len(sent)} of {producing.count} sent, {len(cancelled)} cancelled, through {len(others)}"
        f" restarts in {restarted - ordered:.0f} s; the last of that offer {last - given:.2f} s after the"
        f" order was made, {last - ordered:.2f} s after the command ended"
    )
    assert last < ordered + 1.0
    assert set(sent.values()) == set(cancelled.values()) == {1}
    assert not sent.keys() & cancelled.keys()
    assert endings == dict.fromkeys(range(producing.count), 1)
    assert sent.keys() | cancelled.keys() == set(range(producing.count))
    assert {number % 2 for number in cancelled} == {0}
    assert any(number % 5 == 0 for number in cancelled)
    assert letters == cancelled


def delivered(partner: NotYetKnown) -> Counter[int]:
    """How often each event got a 200."""
    counts: Counter[int] = Counter()
    for click, count in partner.clicks.items():
        number = number_of(click)
        if recorded := count - (1 if number % 5 == 0 else 0):
            counts[number] = recorded
    return counts
