"""Topics that are deleted and made again under the real program: the source, a tier, the dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Query, Tracker
from tests.support.kafka import (
    Names,
    Write,
    committed,
    create_topics,
    end_offsets,
    make_anew,
    produce,
    read_all,
    wait_until,
)

pytestmark = [pytest.mark.kafka, pytest.mark.process]


def answer(query: Query, nth: int) -> int | str:
    """What the partner says, by the click's first letter."""
    return {"h": "hang", "f": 500 if nth == 1 else 200, "r": 410}.get(query["click_id"][0], 200)


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    """A partner that hangs for `h-…`, fails `f-…` once and refuses `r-…` for ever."""
    with Tracker(answer) as tracker:
        yield tracker


def env_of(
    kafka: str, names: Names, tracker: Tracker, at: Path, delay: str = "2s", **given: str
) -> dict[str, str]:
    """The settings of a worker with one partition and one tier, whose topics are there."""
    create_topics(kafka, {names.topic: 1})
    given |= {"RETRY__DELAYS": delay, "DESTINATION__TERMINAL_STATUSES": "410"}
    env = settings(kafka, names, tracker, **given)
    assert call("topics", "create", env=env, at=at).returncode == 0
    return env


def write(kafka: str, topic: str, clicks: Sequence[str]) -> None:
    """Write an event for each click."""
    produce(kafka, topic, [Write(value(f"e-{click}", click), click.encode(), (), 0) for click in clicks])


def clicks(word: str, count: int) -> list[str]:
    """So many clicks that can be told apart."""
    return [f"{word}-{number}" for number in range(count)]


def all_asked(tracker: Tracker, expected: Sequence[str]) -> None:
    """Wait until the partner was asked for each of these."""
    wait_until("all are asked for", lambda: set(tracker.clicks) >= set(expected))


def told_of_it(worker: Program) -> None:
    """Wait until the watcher tells of it, or the client, which gives a partition up and gets it back."""
    wait_until("it is told", lambda: any("was deleted" in line["event"] for line in worker.log))


@pytest.mark.parametrize("count", [20, 250], ids=["shorter", "longer"])
def test_the_source(kafka: str, names: Names, tmp_path: Path, tracker: Tracker, count: int) -> None:
    """Every event of the new log is sent, with requests of the old one in flight; its commits count."""
    # A look at the cluster just while the topic is gone would take the partition away before.
    seldom = {"KAFKA__PROPERTIES__TOPIC_METADATA_REFRESH_INTERVAL_MS": "60000"}
    with Program(env_of(kafka, names, tracker, tmp_path, **seldom), tmp_path) as worker:
        worker.ready()
        old, hanging, new = clicks("old", 100), clicks("h", 5), clicks("new", count)
        write(kafka, names.topic, old + hanging)
        all_asked(tracker, old + hanging)
        make_anew(kafka, names.topic, 1)
        write(kafka, names.topic, new)
        all_asked(tracker, new)
        tracker.let_go()
        ends = end_offsets(kafka, names.topic)
        wait_until(
            "committed",
            lambda: committed(kafka, names.group, names.topic).get(0, (0,))[0] == ends[0] == count,
        )
        told_of_it(worker)
        assert worker.end() == 0
    assert all(tracker.clicks[click] == 1 for click in old + hanging)


@pytest.mark.parametrize("count", [20, 250], ids=["shorter", "longer"])
def test_while_the_worker_is_down(
    kafka: str, names: Names, tmp_path: Path, tracker: Tracker, count: int
) -> None:
    """Source and tier that were made anew while no worker ran are read from their start."""
    env = env_of(kafka, names, tracker, tmp_path)
    old, new, tier = clicks("old", 100), clicks("new", count), names.tier("2s")
    with Program(env, tmp_path) as worker:
        worker.ready()
        write(kafka, names.topic, old + clicks("f-old", 5))
        wait_until("all are sent", lambda: all(tracker.clicks[click] == 2 for click in clicks("f-old", 5)))
        assert worker.end() == 0
    make_anew(kafka, names.topic, 1)
    make_anew(kafka, tier, 1)
    write(kafka, names.topic, new + clicks("f-new", 3))
    with Program(env, tmp_path) as worker:
        wait_until("the new ones", lambda: all(tracker.clicks[click] == 2 for click in clicks("f-new", 3)))
        all_asked(tracker, new)
        wait_until("committed", lambda: committed(kafka, names.group, names.topic)[0].offset == count + 3)
        assert worker.end() == 0
    assert all(tracker.clicks[click] == 1 for click in old + new)


def test_a_tier(kafka: str, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """What waited in a deleted tier is gone, and said; what is handed to the new one is sent."""
    env, tier = env_of(kafka, names, tracker, tmp_path, "1h"), names.tier("1h")
    with Program(env, tmp_path) as worker:
        worker.ready()
        write(kafka, names.topic, clicks("f-old", 6))
        wait_until("all wait", lambda: sum(end_offsets(kafka, tier).values()) == 6)
        make_anew(kafka, tier, 1)
        told_of_it(worker)
        write(kafka, names.topic, clicks("f-new", 3))
        wait_until("the new ones wait", lambda: sum(end_offsets(kafka, tier).values()) == 3)
        assert call("waiting", "now", "--yes", env=env, at=tmp_path).returncode == 0
        wait_until("the new ones", lambda: all(tracker.clicks[click] == 2 for click in clicks("f-new", 3)))
        assert worker.end() == 0
    assert all(tracker.clicks[click] == 1 for click in clicks("f-old", 6))


def test_the_dead_letters(kafka: str, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """After the dead letters' topic was made anew it gets every dead letter that is acknowledged."""
    with Program(env_of(kafka, names, tracker, tmp_path), tmp_path) as worker:
        worker.ready()
        write(kafka, names.topic, clicks("r-old", 20))
        wait_until("dead", lambda: end_offsets(kafka, names.dlq)[0] == 20)
        make_anew(kafka, names.dlq, 1)
        write(kafka, names.topic, clicks("r-new", 20))
        wait_until("dead again", lambda: end_offsets(kafka, names.dlq)[0] >= 20)
        assert worker.end() == 0
    assert sorted(read.key or b"" for read in read_all(kafka, names.dlq)) == sorted(
        click.encode() for click in clicks("r-new", 20)
    )


@pytest.mark.parametrize("of", [Names.dlq, Names.journal, Names.control], ids=["dlq", "journal", "control"])
def test_what_only_workers_write(
    kafka: str, names: Names, tmp_path: Path, tracker: Tracker, of: property
) -> None:
    """A topic that only workers write is told of when it is made anew, and so is what its settings lose."""
    topic = of.fget(names) if of.fget is not None else ""
    with Program(env_of(kafka, names, tracker, tmp_path), tmp_path) as worker:
        worker.ready()
        write(kafka, names.topic, clicks("r", 2))
        wait_until("dead", lambda: end_offsets(kafka, names.dlq)[0] == 2)
        make_anew(kafka, topic, 2)  # as the broker would, with its own defaults
        assert worker.said("topic was deleted and made again")["topic"] == topic
        if topic != names.dlq:  # whose letters a broker's defaults only keep for less time
            worker.said(f"{topic}: ")
        assert worker.metric("postback_topics_made_anew_total", topic=topic) == 1
        assert worker.end() == 0
