"""A run goes on with other settings, and through another sender, from the next request on."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from tests.core.templates.compiled import template
from tests.fakes import FakeSender
from tests.runner.harness import POSTBACK, TIER_TOPICS, Harness, until
from worker.core.answer import Response
from worker.core.classify import AnswerRules
from worker.core.retry import RetryPolicy
from worker.core.templates import Postback
from worker.pipeline import CompiledSettings
from worker.ports import Sender
from worker.runner.former_senders import FormerLane, FormerSenders
from worker.runner.runner import RENEWED

OTHER = template("http://partner.example/postback?token=new&click_id={click_id}")


def other_settings(rules: AnswerRules | None = None) -> CompiledSettings:
    """Settings with another template; their tiers and topics are nobody's."""
    return CompiledSettings(
        Postback(OTHER, OTHER), rules or AnswerRules(), RetryPolicy((), 1, 1.0), {}, "nobody.dlq"
    )


def same(sender: Sender) -> Sender:
    """Go on with the sender that there is."""
    return sender


async def test_other_settings() -> None:
    """The next request is made by the new settings; what is in flight keeps its own, and connections stay."""
    async with Harness(concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await harness.sent(1)
        harness.runner.renew(other_settings(), same)
        harness.sender.gate.set()
        await harness.committed(2)
        assert harness.sender.targets == [
            "/postback?click_id=c-1",
            "/postback?token=new&click_id=c-2",
        ]
        assert len(harness.sender.lanes) == 1


async def test_other_rules() -> None:
    """Answers are judged by the new settings; where retries and dead letters go stays as it was."""
    async with Harness(Response(204), Response(500)) as harness:
        harness.runner.renew(other_settings(AnswerRules(success=frozenset({204}))), same)
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.committed(1)
        harness.write(2)
        await until("in its tier", lambda: bool(harness.kafka.records(TIER_TOPICS[next(iter(TIER_TOPICS))])))


async def test_what_counts_of_new_settings() -> None:
    """Of new settings all counts, but for what the run is built around."""
    async with Harness() as harness:
        before, new = harness.runner._compiled, other_settings(AnswerRules(success=frozenset({204})))
        harness.runner.renew(new._replace(currencies=frozenset({"JPY"})), same)
        now = harness.runner._compiled
    assert now == before._replace(postback=new.postback, rules=new.rules, currencies=frozenset({"JPY"}))
    assert set(CompiledSettings._fields) <= {*RENEWED, "retry", "tier_topics", "dlq_topic", "unrouted"}


async def test_another_sender() -> None:
    """What is in flight ends on the former sender, the next request is the new one's; then that closes."""
    async with Harness(concurrency=2) as harness:
        former, new = harness.sender, FakeSender()
        former.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        busy, idle = sorted(former.lanes, key=lambda lane: not lane._busy)
        harness.runner.renew(
            CompiledSettings(POSTBACK, AnswerRules(), RetryPolicy((), 1, 1.0), {}, ""), lambda _: new
        )
        await until("the idle lane is closed", lambda: idle.closed)
        harness.write(2)
        await until("the next request", lambda: new.targets == ["/postback?click_id=c-2"])
        assert (busy.closed, former.closed) == (False, False)
        assert former.in_flight == 1
        former.gate.set()
        await until("the former sender is closed", lambda: former.closed)
        assert busy.closed
        await harness.committed(2)
        assert former.targets == ["/postback?click_id=c-1"]
    assert new.closed
    assert all(lane.closed for lane in new.lanes)


async def test_in_a_row() -> None:
    """Senders may follow each other faster than requests end: each request stays on its own, and all end."""
    async with Harness(concurrency=1) as harness:
        senders = [harness.sender, FakeSender(), FakeSender()]
        for sender in senders[:2]:
            sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await harness.sent(1)
        for sender in senders[1:]:
            harness.runner.renew(other_settings(), lambda _, sender=sender: sender)  # type: ignore[misc]
        harness.sender.gate.set()
        await harness.committed(2)
        await until("the former are closed", lambda: all(sender.closed for sender in senders[:2]))
        assert [len(sender.targets) for sender in senders] == [1, 0, 1]


async def test_a_cut_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is cut closes what is in flight on a former sender, too, and waits for nothing."""
    monkeypatch.setattr("worker.runner.former_senders.TICK_SECONDS", 3600.0)
    async with Harness(drain=0.05) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.runner.renew(other_settings(), lambda _: FakeSender())
        await harness.end()
        assert harness.sender.closed
        assert harness.sender.in_flight == 0
        assert harness.runner.unfinished == 1


async def test_at_the_end() -> None:
    """A run that drains makes no new sender: nobody would close it."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.stop.set()
        await until("draining", lambda: harness.reasons == ["draining"])
        new = FakeSender()
        harness.runner.renew(other_settings(), lambda _: new)
        assert new.lanes == []


async def test_a_sender_that_can_not_be_closed() -> None:
    """What breaks at a former sender's end is heard of."""

    class Broken(FakeSender):
        async def close(self) -> None:
            raise LookupError("a bug")

    failures: list[BaseException] = []
    former = FormerSenders(failures.append)
    former.end(Broken(), [])
    await until("heard of", lambda: bool(failures))
    assert isinstance(failures[0], LookupError)


async def test_each_lane_in_its_time() -> None:
    """A lane is closed as soon as it is idle, whatever the others do."""
    sender, busy, looks = FakeSender(), {0, 1, 2}, Counter[int]()
    lanes = [sender.lane() for _ in range(3)]

    def is_busy(number: int) -> bool:
        looks[number] += 1
        return number in busy

    ending = FormerSenders(lambda _: None)
    ending.end(sender, [FormerLane(lane, partial(is_busy, at)) for at, lane in enumerate(lanes)])
    for number in (1, 0, 2):
        looks.clear()
        await until("two looks at the one that is busy", lambda number=number: looks[number] >= 2)  # type: ignore[misc]
        assert {one for one in range(3) if not lanes[one].closed} == busy
        busy.discard(number)
        await until(f"lane {number} is closed", lambda number=number: lanes[number].closed)  # type: ignore[misc]
    await until("the sender is closed", lambda: sender.closed)
