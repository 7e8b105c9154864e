"""Where a worker begins that has no committed offset, with the real program on a real broker."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas import JournalStep, StepKind, format_time
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import (
    WITHIN,
    Names,
    Write,
    committed,
    create_topics,
    delete_topics,
    make_anew,
    produce,
    read_all,
    wait_until,
)
from worker.adapters.kafka.journaled_offsets import FIRST_DAY_SECONDS

pytestmark = [pytest.mark.kafka, pytest.mark.process]
EVENTS = 140


def write(kafka: str, topic: str, word: str) -> set[str]:
    """Write events to both partitions; return their clicks."""
    clicks = [f"{word}-{number}" for number in range(EVENTS)]
    produce(
        kafka, topic, [Write(value(f"e-{click}", click), partition=n % 2) for n, click in enumerate(clicks)]
    )
    return set(clicks)


def forget(kafka: str, names: Names) -> None:
    """Have the broker forget the offsets of both groups, as after a week without members."""
    admin = AdminClient({"bootstrap.servers": kafka})
    for group in (names.group, names.retry_group):
        wait_until("it has no member any more", partial(is_deleted, admin, group))
        assert not committed(kafka, group, names.topic)


def is_deleted(admin: AdminClient, group: str) -> bool:
    """Delete a group, unless it has a member still: one that was killed, or has not been heard leaving."""
    (answer,) = admin.delete_consumer_groups([group]).values()
    try:
        answer.result(WITHIN)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.NON_EMPTY_GROUP:
            raise
        return False
    return True


@pytest.mark.parametrize("remembered", [True, False])
def test_offsets_that_are_gone(
    kafka: str, names: Names, tmp_path: Path, tracker: Tracker, remembered: bool
) -> None:
    """A group whose offsets are gone sends nothing again where it remembers; else it is told.

    Without copies' memory: by that what comes again would be known.
    """
    create_topics(kafka, {names.topic: 2})
    env = settings(kafka, names, tracker, JOURNAL__DEDUP_WINDOW="0s")
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    with Program(env, tmp_path) as worker:
        worker.ready()
        first = write(kafka, names.topic, "a")
        wait_until("all", lambda: first <= set(tracker.clicks))
        assert worker.end() == 0
    assert read_all(kafka, names.control)
    forget(kafka, names)
    if not remembered:
        delete_topics(kafka, [names.control, names.journal])
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    with Program(env, tmp_path) as worker:
        worker.ready()
        second = write(kafka, names.topic, "b")
        wait_until("the new ones", lambda: second <= set(tracker.clicks))
        if remembered:
            assert worker.said("no committed offset any more")["records_there"] == 0
            assert worker.metric("postback_starts_without_offset_total") == 0
        else:
            worker.said("no committed offset, and none remembered")
            wait_until("all again", lambda: all(tracker.clicks[click] == 2 for click in first))
            told = [of for of in worker.log if str(of.get("partition")).startswith(f"{names.topic}/")]
            assert [(of["level"], of["records_there"]) for of in told] == [("warning", EVENTS // 2)] * 2
            assert worker.metric("postback_starts_without_offset_total") == 2
        assert worker.end() == 0
    assert {tracker.clicks[click] for click in first} == ({1} if remembered else {2})
    assert {tracker.clicks[click] for click in second} == {1}


def test_offsets_that_are_gone_amid_work(kafka: str, names: Names, tmp_path: Path) -> None:
    """Offsets and control gone while some were being sent: those alone are sent again."""
    hang = {"a-0", "a-7", "a-60"}
    create_topics(kafka, {names.topic: 2})
    with Tracker(lambda query, nth: "hang" if nth == 1 and query["click_id"] in hang else 200) as tracker:
        env = settings(kafka, names, tracker, JOURNAL__DEDUP_WINDOW="0s", DRAIN_TIMEOUT="500ms")
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as worker:
            first = write(kafka, names.topic, "a")
            wait_until("all", lambda: first <= set(tracker.clicks))
            wait_until("written down", lambda: len(read_all(kafka, names.journal)) == EVENTS - len(hang))
            assert worker.end() == 0  # the drain is cut
        tracker.let_go()
        forget(kafka, names)
        delete_topics(kafka, [names.control])
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as worker:
            wait_until("sent", lambda: all(tracker.clicks[click] == 2 for click in hang))
            wait_until("written down", lambda: len(read_all(kafka, names.journal)) == EVENTS)
            said = [of for of in worker.log if "where the journal says" in of["event"]]
            assert [(of["offset"], of["records_there"]) for of in said] == [(0, 2), (3, 1)]
            assert worker.end() == 0
        assert {click for click, times in tracker.clicks.items() if times > 1} == hang


def test_of_a_log_that_was_made_anew(kafka: str, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """What the journal tells of a deleted log is not taken for what lies at its offsets by now.

    The worker was killed before it wrote down where it was.
    """
    create_topics(kafka, {names.topic: 2})
    env = settings(kafka, names, tracker, JOURNAL__DEDUP_WINDOW="0s", KAFKA__START="latest")
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    with Program(env, tmp_path) as worker:
        worker.ready()
        first = write(kafka, names.topic, "a")
        wait_until("written down", lambda: len(read_all(kafka, names.journal)) == EVENTS)
        worker.send(signal.SIGKILL)
        worker.ended()
    make_anew(kafka, names.topic, 2)
    second = write(kafka, names.topic, "b") | write(kafka, names.topic, "c")
    with Program(env, tmp_path) as worker:
        wait_until("the new ones", lambda: second <= set(tracker.clicks))
        assert worker.end() == 0
    forget(kafka, names)
    delete_topics(kafka, [names.control])
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    with Program(env, tmp_path) as worker:
        worker.ready()
        third = write(kafka, names.topic, "d")
        wait_until("the newest", lambda: third <= set(tracker.clicks))
        assert worker.end() == 0
    assert {tracker.clicks[click] for click in first | second | third} == {1}


def test_latest_on_the_first_day(kafka: str, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """With START=latest a new group leaves what was there; a restart passes over nothing."""
    create_topics(kafka, {names.topic: 2})
    env = settings(kafka, names, tracker, KAFKA__START="latest")
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    write(kafka, names.topic, "a")
    with Program(env, tmp_path) as worker:
        worker.ready()
        wait_until("the claims", lambda: len(committed(kafka, names.group, names.topic)) == 2)
        assert worker.end() == 0
    second = write(kafka, names.topic, "b")
    with Program(env, tmp_path) as worker:
        wait_until("the new ones", lambda: second <= set(tracker.clicks))
        assert worker.end() == 0
    assert set(tracker.clicks) == second


@pytest.mark.parametrize("former", [True, False])
def test_latest_with_a_journal(
    kafka: str, names: Names, tmp_path: Path, tracker: Tracker, former: bool
) -> None:
    """START counts for a source that took the place of a former one, of which alone the journal tells."""
    create_topics(kafka, {names.topic: 2})
    env = settings(kafka, names, tracker, KAFKA__START="latest")
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    topic = f"{names.topic}.former" if former else names.topic
    ago = time.time() - 2 * FIRST_DAY_SECONDS
    step = JournalStep(at=format_time(ago), step=StepKind.DELIVERED, event_id="e", origin=f"{topic}/9/0")
    produce(kafka, names.journal, [Write(step.to_json(), b"e", timestamp=int(ago * 1000))])
    first = write(kafka, names.topic, "a")
    with Program(env, tmp_path) as worker:
        wait_until("the claims", lambda: len(committed(kafka, names.group, names.topic)) == 2)
        second = write(kafka, names.topic, "b")
        wait_until("the new ones", lambda: second <= set(tracker.clicks))
        if not former:
            wait_until("those of a new partition", lambda: first <= set(tracker.clicks))
        assert worker.end() == 0
    assert set(tracker.clicks) == (second if former else first | second)
