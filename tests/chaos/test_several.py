"""Several destinations: which get an event, how it is found in each kind of request, the verdict."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.chaos.evidence import Evidence, Hop, Request, Story
from tests.chaos.generator import value_of
from tests.chaos.networks import NETWORKS, caretaker, fields_of, takers
from tests.chaos.partner import _EVENT, _size_of
from tests.chaos.several import check_all
from tests.chaos.stories import DRAIN, TIMEOUT, ask, dead, source

NAMES = sorted(NETWORKS)
SOME = [f"e{number}" for number in range(4_000)]


def judge(requests: tuple[Request, ...], hops: tuple[Hop, ...], *, ours: bool, nobodys: bool) -> list[str]:
    """The kinds of what is wrong with the story of one event at `bravo`."""
    story = Story("e", ours, hops, requests)
    verdict = check_all({"bravo": Evidence({"e": story}, (), (), ())}, lambda _: nobodys, TIMEOUT, DRAIN)
    assert all(violation.subject == "bravo: e" for violation in verdict.violations)
    return [violation.kind for violation in verdict.violations]


def test_each_has_its_share() -> None:
    """Each network takes some of the events, some are taken by two, and some by none."""
    told = [takers(json.loads(value_of(event)), NAMES) for event in SOME]
    by = Counter(name for names in told for name in names)
    assert by.keys() == set(NAMES)
    assert min(by.values()) > 200
    assert Counter(map(len, told)).keys() >= {0, 1, 2}
    assert caretaker(NAMES) == "alpha"


def test_the_same_for_a_name() -> None:
    """What an event says is the same each time, whatever becomes of it otherwise."""
    assert [fields_of(event) for event in SOME] == [fields_of(event) for event in SOME]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /postback?click_id=click-e7-once&event_id=e7-once HTTP/1.1\r\n\r\n",
        b"GET /conversions/click-e7-once/event_id/e7-once HTTP/1.1\r\n\r\n",
        b'POST /api HTTP/1.1\r\nContent-Length: 43\r\n\r\n{"event_id":"e7-once","click":"click-e7-a"}',
        b"POST /form HTTP/1.1\r\ncontent-length: 26\r\n\r\nevent_id=e7-once&cid=click",
    ],
)
def test_an_event_in_a_request(request_: bytes) -> None:
    """The partner finds the event in a query, a path, JSON or a form, once the request is whole."""
    found = _EVENT.search(request_)
    assert found is not None
    assert found[1] == b"e7-once"
    assert _size_of(request_ + b"GET ") == len(request_)
    assert _size_of(request_[:-1]) == 0
    assert _size_of(b"") == 0


def test_its_own() -> None:
    """A network that was asked for an event of its own is in order."""
    assert judge((ask(1, answered=1.1),), (source(),), ours=True, nobodys=False) == []


def test_anothers() -> None:
    """A network that got another's event, or dead-lettered it, is reported."""
    assert judge((ask(1, answered=1.1),), (), ours=False, nobodys=False) == ["astray"]
    assert judge((), (dead(1),), ours=False, nobodys=False) == ["astray"]


def test_nobodys() -> None:
    """What is nobody's lies in the dead letters of one, and was sent by none."""
    assert judge((), (source(), dead(1)), ours=True, nobodys=True) == []
    assert judge((ask(1),), (source(), dead(2)), ours=True, nobodys=True) == ["unrouted, and sent"]
