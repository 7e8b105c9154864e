"""What became of each record of the run in which all happens that can happen to one."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas import WorkerHeaders
from schemas.moment import format_time
from tests.e2e.ways import FAILING, GOOD, JUNK, LIMIT, MAX_ATTEMPTS, OWN, QUERY_KEY, TOKEN, Story
from tests.support.kafka import Read

pytestmark = [pytest.mark.kafka, pytest.mark.process]


def test_all_is_over(story: Story) -> None:
    """All is committed, and the program ended with 0 when it was asked to."""
    assert (story.behind, story.exit_code) == (0, 0)


def test_what_the_partner_got(story: Story) -> None:
    """Good events come once, failing ones twice, hopeless ones as often as allowed, and junk never."""
    asked = Counter({f"good-{number}": 1 for number in range(GOOD)})
    asked.update(dict.fromkeys(FAILING, 2) | {"never": MAX_ATTEMPTS, "is gone": 1})
    assert story.tracker.clicks == asked
    assert {hit.headers["X-Token"] for hit in story.tracker.hits} == {TOKEN}
    assert {hit.query["key"] for hit in story.tracker.hits} == {QUERY_KEY}


@pytest.mark.parametrize(
    ("word", "reason", "status", "error"),
    [
        ("fails", "status", "500", "HTTP 500"),
        ("resets", "connection", None, None),
        ("hangs", "timeout", None, None),
        ("never", "status", "400", "HTTP 400"),
    ],
)
def test_a_retry(story: Story, word: str, reason: str, status: str | None, error: str | None) -> None:
    """A failed record lies in its tier as it was, with the worker's headers behind the producer's own."""
    record, written = only(story.tier, word), story.written[word]
    assert (record.key, record.value, record.headers[: len(OWN)]) == (written.key, written.value, OWN)
    told = dict(record.headers[len(OWN) :])
    names = {"attempts", "due-at", "first-attempt-at", "origin", "reason", "error"}
    assert told.keys() == {f"postback-{name}" for name in names | ({"status"} if status else set())}
    assert record.header("postback-attempts") == "1"
    assert record.header("postback-reason") == reason
    assert record.header("postback-status") == status
    assert (record.header("postback-error") or "").startswith(error or "")
    assert (record.header("postback-origin") or "").startswith(f"{story.names.topic}/")
    read = WorkerHeaders.read(record.headers)
    assert read.due_at is not None
    assert read.first_attempt_at is not None
    assert record.header("postback-due-at") == format_time(read.due_at)
    first, second = story.tracker.of(word)
    assert read.first_attempt_at <= first.at
    assert read.due_at >= first.at + 0.5 - 0.01
    assert second.at >= read.due_at


def test_what_is_not_due(story: Story) -> None:
    """A record that is not due was not sent, while all others ended."""
    assert "not due" not in story.tracker.clicks


@pytest.mark.parametrize("number", range(len(JUNK)), ids=[reason for reason, _ in JUNK])
def test_a_dead_letter(story: Story, number: int) -> None:
    """A record that can never be sent lies among the dead letters as it was, with its reason."""
    reason, junk = JUNK[number]
    (record,) = [one for one in story.dead if one.value == junk]
    names = ("attempts", "origin", "reason", "error", "dead-at")
    assert (record.key, record.headers[: len(OWN)]) == (b"junk", OWN)
    assert [name for name, _ in record.headers[len(OWN) :]] == [f"postback-{name}" for name in names]
    assert record.header("postback-reason") == reason
    assert record.header("postback-attempts") == "0"


@pytest.mark.parametrize(
    ("word", "reason", "attempts", "status"),
    [("never", "exhausted", "2", "400"), ("is gone", "rejected", "1", "410")],
)
def test_given_up(story: Story, word: str, reason: str, attempts: str, status: str) -> None:
    """A record that is used up or rejected lies among the dead letters with its story."""
    record, written = only(story.dead, word), story.written[word]
    assert (record.key, record.value, record.headers[: len(OWN)]) == (written.key, written.value, OWN)
    names = ("attempts", "first-attempt-at", "origin", "reason", "status", "error", "dead-at")
    assert [name for name, _ in record.headers[len(OWN) :]] == [f"postback-{name}" for name in names]
    assert record.header("postback-reason") == reason
    assert record.header("postback-attempts") == attempts
    assert record.header("postback-status") == status
    assert (record.header("postback-origin") or "").startswith(f"{story.names.topic}/")


@pytest.mark.parametrize(("topic", "word"), [("tier", "is large"), ("dead", "junk")])
def test_the_largest_record(story: Story, topic: str, word: str) -> None:
    """A record as large as the source takes reaches the tier and the dead letters with its headers."""
    written = story.written[word]
    records = story.tier if topic == "tier" else story.dead
    found = [one for one in records if one.value == written.value]
    assert len(found) == 1
    assert found[0].header("postback-attempts") == ("1" if topic == "tier" else "0")
    assert len(written.value or b"") > LIMIT - 200


def only(records: list[Read], word: str) -> Read:
    """The one record with this key."""
    found = [record for record in records if record.key == word.encode()]
    assert len(found) == 1
    return found[0]
