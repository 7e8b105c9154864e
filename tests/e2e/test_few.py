"""A few clicks never speak for the partner: with the usual settings, on a real broker, the others flow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.neighbours import Partner
from tests.e2e.program import Program, call, settings
from tests.support.kafka import Names, Write, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
# What takes a minute on a machine that is alone; before it was so, it took for ever.
WITHIN = 200.0


@contextmanager
def at_work(bootstrap: str, at: Path, partitions: list[list[str]]) -> Iterator[Partner]:
    """Run a worker before a partner on a topic with these clicks, partition by partition."""
    names = Names.fresh("few")
    create_topics(bootstrap, {names.topic: len(partitions)})
    for number, clicks in enumerate(partitions):
        produce(bootstrap, names.topic, [Write(value(click, click), partition=number) for click in clicks])
    with Partner() as partner:
        env = {**settings(bootstrap, names, RETRY__DELAYS="10s,5m"), **partner.env}
        assert call("topics", "create", env=env, at=at).returncode == 0
        with Program(env, at):
            yield partner


def run_then_good(number: int, run: int, good: int) -> list[str]:
    """Return clicks that get 500 for ever, then good ones."""
    return [f"p-{number}-{n}" for n in range(run)] + [f"h-{number}-{n}" for n in range(good)]


@pytest.mark.long
def test_a_run_at_the_head_of_the_only_partition(kafka: str, tmp_path: Path) -> None:
    """1,200 clicks that get 500 for ever, more than are held at a time, do not keep back what is behind."""
    with at_work(kafka, tmp_path, [run_then_good(0, 1_200, 500)]) as partner:
        wait_until("good ones", lambda: len(partner.recorded) >= 100, WITHIN)


@pytest.mark.long
def test_a_run_at_the_head_of_each_partition(kafka: str, tmp_path: Path) -> None:
    """300 clicks that get 500 for ever at the head of each of four partitions keep nothing back."""
    partitions = [run_then_good(number, 300, 250) for number in range(4)]
    with at_work(kafka, tmp_path, partitions) as partner:
        wait_until("all good ones", lambda: len(partner.recorded) == 1_000, WITHIN)


def test_a_retry_after_for_one_click_in_a_hundred(kafka: str, tmp_path: Path) -> None:
    """A 429 with Retry-After: 60 for one click in a hundred keeps these back, and no others."""
    partitions = [[f"{'h' if n % 100 else 't'}-{number}-{n}" for n in range(1_000)] for number in range(4)]
    with at_work(kafka, tmp_path, partitions) as partner:
        wait_until("all good ones", lambda: len(partner.recorded) == 3_960, WITHIN)
        assert {count for click, count in partner.asks.items() if click.startswith("t-")} == {1}
