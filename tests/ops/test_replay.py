"""Which dead letters go back, and as what."""

from __future__ import annotations

import json

import pytest

from schemas import DeadLetter, DeadReason
from tests.ops.letters import NOW, letter
from worker.ops import replay
from worker.ops.edits import Edit, EditedLine, as_it_is, ids_beside
from worker.ops.filters import Filters
from worker.ops.replay import Outbound, items_of
from worker.ops.replay_selection import Refusal, choose

VOLUUM = Outbound("voluum", "c", range(4), as_it_is)
"""Back to the topic `c` of four partitions, as it is."""


def test_a_conversion_goes_once() -> None:
    """Of several letters of a conversion the one that was replayed most often goes."""
    letters = [
        letter("a", 0, dead_at=NOW - 30),
        letter("a", 1, dead_at=NOW - 20, replays=1),
        letter("b", 2, dead_at=NOW - 10),
    ]
    assert choose(reversed(letters), Filters(), 0).places == {(0, 1), (0, 2)}


def test_the_last_word_counts() -> None:
    """A letter that was replayed already does not match by itself: its conversion came back otherwise."""
    letters = [letter("a", 0, status=503, dead_at=NOW - 30), letter("a", 1, status=400, replays=1)]
    assert choose(letters, Filters(status=503), 0).places == set()


def test_the_newest_of_a_limit() -> None:
    """With a limit the newest go."""
    letters = [
        letter(name, offset, dead_at=NOW - age)
        for offset, (name, age) in enumerate([("a", 1), ("b", 3), ("c", 2)])
    ]
    assert choose(letters, Filters(), 2).places == {(0, 2), (0, 0)}


def test_without_a_time() -> None:
    """A letter that does not say when it died goes, and is the oldest."""
    letters = [letter("a", 0, dead_at=None), letter("b", 1), letter("b", 2, dead_at=None)]
    assert choose(letters, Filters(), 0).places == {(0, 0), (0, 1)}
    assert choose(letters, Filters(), 1).places == {(0, 1)}


def test_what_goes_back() -> None:
    """The value goes as it is, with one more replay, for the destination that it died at alone."""
    (item,) = items_of(iter([letter("a", 7, replays=2)]), VOLUUM, None, lambda letters: letters)
    assert str(item.name) == "dead letter 0/7"
    assert item.value == letter("a").value
    assert list(item.headers) == [("postback-replays", b"3"), ("postback-for", b"voluum")]


def test_the_unrouted() -> None:
    """What no destination took is routed anew."""
    dead = letter("a", 7, reason=DeadReason.UNROUTED)
    (item,) = items_of(iter([dead]), VOLUUM, None, lambda letters: letters)
    assert list(item.headers) == [("postback-replays", b"1")]


class Time:
    """A clock of the test's own."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let it pass, and a millisecond more, as real sleeping does."""
        self.now += seconds + 0.001 * (seconds > 0)


def test_at_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many a second go; what a standstill of the broker kept from going does not go at once after it."""
    time = Time()
    monkeypatch.setattr(replay, "time", time)
    items = items_of(iter([letter("a", at) for at in range(200)]), VOLUUM, 50.0, lambda letters: letters)
    moments = []
    for number, _ in enumerate(items):
        moments.append(time.now)
        if number == 99:
            time.now += 60.0
    assert moments[99] - moments[0] == pytest.approx(99 / 50, abs=0.01)
    assert moments[199] - moments[100] == pytest.approx(99 / 50, abs=0.1)


@pytest.mark.parametrize(
    ("origin", "partition"),
    [("c/3/17", 3), ("c/4/17", None), ("other/3/17", None), (None, None)],
)
def test_to_its_origin(origin: str | None, partition: int | None) -> None:
    """It goes to the partition of its origin; where that is not there its key says where to."""
    (item,) = items_of(iter([letter("a", 7, origin=origin)]), VOLUUM, None, lambda letters: letters)
    assert item.partition == partition


def test_what_went_before() -> None:
    """What went and has not died again is left out; what has died again goes."""
    letters = [letter("a", 0), letter("b", 1), letter("b", 2, replays=1)]
    choice = choose(letters, Filters(), 0, gone={(0, 0), (0, 1)})
    assert (choice.places, choice.gone_before) == ({(0, 2)}, 1)


def test_the_hopeless() -> None:
    """What would only die again does not go, and is counted by reason; the limit counts what goes."""

    def judge(one: DeadLetter) -> Refusal | None:
        return Refusal("expired") if one.event_id in {"a", "c"} else None

    letters = [letter(name, offset, dead_at=NOW + offset) for offset, name in enumerate("abcd")]
    choice = choose(letters, Filters(), 2, judge=judge)
    assert (choice.places, choice.refused, choice.faults) == ({(0, 1), (0, 3)}, {"expired": 2}, [])


def test_each_reason_has_its_count() -> None:
    """What would only die again stays, for however many reasons, and only reasons that are left are told."""

    def judge(one: DeadLetter) -> Refusal | None:
        reasons = {0: "expired", 1: "invalid", 2: "unrouted", 3: "cancelled"}
        return Refusal(reasons[one.offset]) if one.offset in reasons else None

    letters = [*(letter(name, offset) for offset, name in enumerate("abcde")), letter("d", 5, replays=1)]
    choice = choose(letters, Filters(), 0, judge=judge)
    assert choice.places == {(0, 4), (0, 5)}
    assert choice.refused == {"expired": 1, "invalid": 1, "unrouted": 1}


def test_an_older_letter_hides_no_other() -> None:
    """What is read after an older letter of a conversion goes all the same."""
    letters = [letter("a", 0, replays=1), letter("a", 1), letter("b", 2)]
    assert choose(letters, Filters(), 0).places == {(0, 0), (0, 2)}


def test_a_fault_of_a_letter_that_does_not_count() -> None:
    """A fault is told of the letter that counts alone, whichever is read first."""
    letters = [letter("a", 0), letter("a", 1, replays=1)]
    for read in (letters, letters[::-1]):
        choice = choose(read, Filters(), 0, judge=lambda one: None if one.replays else Refusal("x", "line 1"))
        assert (choice.places, choice.refused, choice.faults) == ({(0, 1)}, {}, [])


def test_what_makes_a_conversion() -> None:
    """Its event id, whatever else its letters hold; without one its value, and without any its place."""
    letters = [letter("a", 0), letter("a", 1, payout="5.00")]
    letters += [
        DeadLetter.from_record("g.dlq", 0, offset, None, value, (), 0.0)
        for offset, value in enumerate([b"{", b"{", b"[", None, None], start=2)
    ]
    assert choose(letters, Filters(), 0).places == {(0, 1), (0, 3), (0, 4), (0, 5), (0, 6)}


def test_faults() -> None:
    """What is edited wrongly is told."""
    choice = choose([letter("a")], Filters(), 0, judge=lambda _: Refusal("invalid", "line 1: payout"))
    assert (choice.places, choice.faults) == (set(), ["line 1: payout"])


def test_what_was_replayed_is_not_judged() -> None:
    """What is left out is not judged: it is neither refused nor a fault."""
    choice = choose([letter("a")], Filters(), 0, {(0, 0)}, lambda _: Refusal("expired"))
    assert (choice.gone_before, choice.refused) == (1, {})


@pytest.mark.parametrize("event_id", [["a"], {"of": "a"}, 7, None])
def test_an_edit_without_an_id(event_id: object) -> None:
    """A line whose event id is none is wrong where its letter has one, and stands where it has none."""
    value = json.dumps({"event_id": event_id}).encode()
    edit = Edit(lambda _: value, {(0, 0): EditedLine(1, ids_beside(letter("a")))}, "file")
    assert list(edit.wrong_lines([letter("a")])) == ["file, line 1: event_id must stay a"]
    without = letter("a").model_copy(update={"event_id": None})
    edit = Edit(lambda _: value, {(0, 0): EditedLine(1, ids_beside(without))}, "file")
    assert list(edit.wrong_lines([without])) == []
