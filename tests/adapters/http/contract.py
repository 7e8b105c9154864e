"""What every sender promises, whatever it is made of: the real transports and the fake pass this suite.

The rule: a subclass gives the fixture `bench`; the tests know nothing else of the sender.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from worker.core.answer import Answer, Content, Failure, FailureKind, HttpOrigin, Request, Response
from worker.ports import Lane, Sender

STATUSES = (200, 204, 206, 302, 400, 404, 408, 429, 500, 503, 999)
KINDS = (FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.PROTOCOL)


CONTENTS = (
    Content("POST", (("X-Click", "c-1"), ("X-Text", 'é "%{x}"')), b'{"a": "\xc3\xa9\r\n\r\n"}'),
    Content("PUT", (), b"\x00" * 65_536),
    Content("POST", (), b""),
    Content("GET", (("X-Click", "c-1"),), None),
)


class Bench(Protocol):
    """A sender, and a partner whose answers are set beforehand."""

    @property
    def sender(self) -> Sender:
        """The sender under test."""
        ...

    @property
    def origin(self) -> HttpOrigin:
        """Where the partner is."""
        ...

    @property
    def targets(self) -> list[str]:
        """What has been asked for so far, in order."""
        ...

    @property
    def contents(self) -> list[Content]:
        """Method, body and the headers whose names begin with `X-` of each request, in order."""
        ...

    @property
    def tokens(self) -> list[str]:
        """The header `X-Token` of each request so far, in order."""
        ...

    def will(self, *answers: Answer) -> None:
        """Let the next requests end so, in this order, and all further ones like the last."""
        ...


class SenderContract:
    """The suite; `bench` is a fresh one for each test."""

    @pytest.mark.parametrize("status", STATUSES)
    async def test_status(self, bench: Bench, status: int) -> None:
        """An answer comes back with the status that the partner gave, whatever it means."""
        bench.will(Response(status))
        answer = await bench.sender.lane().send(Request(bench.origin, "/p"))
        assert isinstance(answer, Response)
        assert answer.status == status

    async def test_retry_after(self, bench: Bench) -> None:
        """An answer brings its Retry-After along, as text."""
        bench.will(Response(503, "120"), Response(503))
        lane = bench.sender.lane()
        answers = [await lane.send(Request(bench.origin, "/p")) for _ in range(2)]
        assert [answer.retry_after for answer in answers if isinstance(answer, Response)] == ["120", None]

    @pytest.mark.parametrize("kind", KINDS)
    async def test_failure(self, bench: Bench, kind: FailureKind) -> None:
        """A failure is a value with its kind and one line that names no target."""
        bench.will(Failure(kind, "as scripted"))
        failure = await bench.sender.lane().send(Request(bench.origin, "/p?click_id=c-1"))
        assert isinstance(failure, Failure)
        assert failure.kind is kind
        assert failure.error.splitlines() == [failure.error]
        assert "c-1" not in failure.error

    @pytest.mark.parametrize("ending", [Response(200), *(Failure(kind, "as scripted") for kind in KINDS)])
    async def test_one_request(self, bench: Bench, ending: Answer) -> None:
        """A send makes exactly one request, however it ends, on a new connection and on a used one."""
        bench.will(Response(200), ending)
        lane = bench.sender.lane()
        for number in range(3):
            await lane.send(Request(bench.origin, f"/p?n={number}"))
        assert bench.targets == ["/p?n=0", "/p?n=1", "/p?n=2"]

    @pytest.mark.parametrize("kind", KINDS)
    async def test_goes_on(self, bench: Bench, kind: FailureKind) -> None:
        """A lane serves the next request after a failure."""
        bench.will(Failure(kind, "as scripted"), Response(200))
        lane = bench.sender.lane()
        await lane.send(Request(bench.origin, "/p"))
        assert await lane.send(Request(bench.origin, "/p")) == Response(200)

    async def test_target_unchanged(self, bench: Bench) -> None:
        """The target reaches the partner character by character."""
        bench.will(Response(200))
        target = "/a//b/../c;d?x=%2B%27%3A%7E%28%2F%2f+~'&y=%F0%9F%92%B0&empty="
        await bench.sender.lane().send(Request(bench.origin, target))
        assert bench.targets == [target]

    @pytest.mark.parametrize("content", CONTENTS)
    async def test_content_unchanged(self, bench: Bench, content: Content) -> None:
        """Method, headers and body reach the partner octet by octet, on a new connection and a used one."""
        bench.will(Response(200))
        lane = bench.sender.lane()
        for _ in range(2):
            assert await lane.send(Request(bench.origin, "/p", content)) == Response(200)
        assert bench.contents == [content] * 2

    async def test_contents_do_not_mix(self, bench: Bench) -> None:
        """A plain GET after a POST on the same lane has nothing of it."""
        bench.will(Response(200))
        lane = bench.sender.lane()
        for content in (CONTENTS[0], None, CONTENTS[1]):
            await lane.send(Request(bench.origin, "/p", content))
        assert bench.contents == [CONTENTS[0], Content("GET", (), None), CONTENTS[1]]

    @pytest.mark.parametrize("content", CONTENTS[:2])
    @pytest.mark.parametrize("ending", [Response(200), *(Failure(kind, "as scripted") for kind in KINDS)])
    async def test_one_request_with_a_body(self, bench: Bench, ending: Answer, content: Content) -> None:
        """A POST and a PUT, too, are made exactly once, however that ends."""
        bench.will(Response(200), ending)
        lane = bench.sender.lane()
        for number in range(3):
            await lane.send(Request(bench.origin, f"/p?n={number}", content))
        assert bench.targets == ["/p?n=0", "/p?n=1", "/p?n=2"]

    async def test_lanes_side_by_side(self, bench: Bench) -> None:
        """Lanes send at the same time, and each gets an answer of its own."""
        bench.will(Response(200))
        requests = [Request(bench.origin, f"/p?n={number}") for number in range(16)]
        answers = await asyncio.gather(*(bench.sender.lane().send(request) for request in requests))
        assert answers == [Response(200)] * 16
        assert sorted(bench.targets) == sorted(request.target for request in requests)

    async def test_cancelled(self, bench: Bench) -> None:
        """A send that is cancelled raises so, and its lane serves the next request."""
        bench.will(Failure(FailureKind.TIMEOUT, "as scripted"), Response(200))
        lane = bench.sender.lane()
        sending = asyncio.ensure_future(lane.send(Request(bench.origin, "/p")))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        bench.will(Response(200))
        assert await lane.send(Request(bench.origin, "/p")) == Response(200)

    async def test_called_back(self, bench: Bench) -> None:
        """An asker hears of each attempt once, after it has begun, and may then begin the next one."""
        bench.will(Response(200), Response(503), Response(200))
        lane = bench.sender.lane()
        attempter = Asking(lane, Request(bench.origin, "/p"), 3)
        lane.begin(attempter.request, attempter)
        assert attempter.answers == []
        await attempter.done.wait()
        assert attempter.answers == [Response(200), Response(503), Response(200)]
        assert bench.targets == ["/p"] * 3

    async def test_abandoned(self, bench: Bench) -> None:
        """An attempt that is given up is heard of no more, and its lane serves the next one."""
        bench.will(Failure(FailureKind.TIMEOUT, "as scripted"), Response(200))
        lane = bench.sender.lane()
        given_up = Asking(lane, Request(bench.origin, "/p"), 1)
        for turns in (0, 1):
            lane.begin(given_up.request, given_up)
            for _ in range(turns):
                await asyncio.sleep(0)
            lane.abandon()
        lane.abandon()
        bench.will(Response(200))
        attempter = Asking(lane, Request(bench.origin, "/p"), 1)
        lane.begin(attempter.request, attempter)
        await attempter.done.wait()
        await lane.close()
        assert (given_up.answers, attempter.answers) == ([], [Response(200)])

    async def test_other_headers(self, bench: Bench) -> None:
        """Other headers go out with the next request, on connections that are kept."""
        bench.will(Response(200))
        lane = bench.sender.lane()
        for number in range(3):
            bench.sender.use_headers({"X-Token": f"token-{number}", "User-Agent": "ours"})
            await lane.send(Request(bench.origin, "/p"))
        assert bench.tokens == ["token-0", "token-1", "token-2"]

    async def test_a_header_that_can_not_be_sent(self, bench: Bench) -> None:
        """A header that can't be sent changes nothing, and is not quoted."""
        bench.will(Response(200))
        bench.sender.use_headers({"X-Token": "right"})
        with pytest.raises(ValueError, match="X-Token") as wrong:
            bench.sender.use_headers({"X-Token": "hunter2\r\n"})
        assert "hunter2" not in str(wrong.value)
        await bench.sender.lane().send(Request(bench.origin, "/p"))
        assert bench.tokens == ["right"]

    async def test_close_twice(self, bench: Bench) -> None:
        """Lanes and senders can be closed twice, used or not."""
        bench.will(Response(200))
        lane = bench.sender.lane()
        await lane.send(Request(bench.origin, "/p"))
        for closing in (lane, lane, bench.sender.lane(), bench.sender, bench.sender):
            await closing.close()


class Asking:
    """An asker that begins the same request again, `left` times in all."""

    def __init__(self, lane: Lane, request: Request, left: int) -> None:
        self._lane = lane
        self._left = left
        self.request = request
        self.answers: list[Answer] = []
        self.done = asyncio.Event()

    def on_answer(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._left -= 1
        if self._left:
            self._lane.begin(self.request, self)
        else:
            self.done.set()

    def on_broken(self, error: BaseException) -> None:
        raise AssertionError(error)
