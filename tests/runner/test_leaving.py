"""A rebalance amid a shutdown: what is taken away while the run ends is drained like anything taken away."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from tests.runner.stage import REFUSED_CONNECTION, Stage, some_turns, until
from tests.sim.virtual import run
from worker.core.answer import Response
from worker.core.holding import Position
from worker.core.record import Partition
from worker.core.settle import Delivered
from worker.runner import Outcome
from worker.runner.drain import Phase

DRAIN = 10.0
"""Seconds, of a virtual loop."""


class Ending:
    """A stage with a request in flight of each of the two partitions; the steps of its end, by name."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.gates: list[asyncio.Event] = []
        self.revocations: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Assign, and have a request in flight of each."""
        self.stage.source.assign(self.stage.first, self.stage.second)
        for number, at in enumerate((self.stage.first, self.stage.second)):
            self.gates.append(asyncio.Event())
            self.stage.sender.gate = self.gates[-1]
            self.stage.write(number, at=at)
            await self.stage.sent(number + 1)

    async def take(self, step: str) -> None:
        """Take a step, and let all happen that can happen without time passing."""
        if step == "stop":
            self.stage.stop.set()
        elif step.startswith("answer"):
            self.gates[int(step[-1])].set()
        else:
            at = Partition(self.stage.first.topic, int(step[-1]))
            self.revocations.append(asyncio.create_task(self.stage.source.revoke(at)))
        await some_turns(8)


async def sent_by_the_next_owner(earlier: Stage) -> list[str]:
    """What another member sends that takes up both partitions from what is committed."""
    async with Stage(kafka=earlier.kafka) as later:
        later.source.assign(later.first, later.second)
        later.write(99, at=later.second)
        await until("the last one", lambda: "c-99" in later.clicks)
        await later.end()
        return later.clicks


STEPS = ("stop", "revoke 0", "revoke 1", "answer 0", "answer 1")


@pytest.mark.parametrize("steps", [*permutations(STEPS)], ids=", ".join)
def test_every_order(steps: tuple[str, ...]) -> None:
    """Whatever comes first, stop, revocations or answers: what got its 200 is sent by no next owner."""

    async def play() -> None:
        async with Stage(drain=DRAIN) as stage:
            ending = Ending(stage)
            await ending.begin()
            for step in steps:
                await ending.take(step)
            assert await stage.running is Outcome.DRAINED
            await asyncio.gather(*ending.revocations)
        assert stage.runner.unfinished == 0
        assert len(stage.heard.endings) == 2
        assert await sent_by_the_next_owner(stage) == ["c-99"]

    run(play())


@pytest.mark.parametrize("revoked_after", [-3.0, 0.0, 4.0])
def test_the_deadline_of_the_end(revoked_after: float) -> None:
    """A revocation amid the end has what is left of its time; what has not ended is unfinished, and said."""

    async def play() -> None:
        async with Stage(drain=DRAIN) as stage:
            ending = Ending(stage)
            await ending.begin()
            await ending.take("answer 1")
            loop = asyncio.get_running_loop()
            if revoked_after < 0:
                await ending.take("revoke 0")
                await asyncio.sleep(-revoked_after)
            began = loop.time()
            await ending.take("stop")
            if revoked_after >= 0:
                await asyncio.sleep(revoked_after)
                await ending.take("revoke 0")
            await asyncio.gather(*ending.revocations)
            assert loop.time() - began <= DRAIN + 0.1
            assert await stage.running is Outcome.CUT
            assert loop.time() - began <= DRAIN + 0.1
        assert stage.runner.unfinished == 1
        assert f"not all ended within {DRAIN:g} s; what has not stays uncommitted" in stage.heard.troubles
        assert stage.position() == 0
        assert stage.position(stage.second) == 1

    run(play())


async def test_a_retry_under_way() -> None:
    """A publish that is not acknowledged yet is waited for too, before its partition is handed over."""
    async with Stage(REFUSED_CONNECTION) as stage:
        stage.publisher.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0)
        await until("published", lambda: bool(stage.kafka.records(stage.tier.topic)))
        stage.stop.set()
        await until("draining", lambda: stage.runner.phase is Phase.DRAINING)
        revoking = asyncio.create_task(stage.source.revoke(stage.first))
        await some_turns()
        assert not revoking.done()
        stage.publisher.gate.set()
        assert await stage.running is Outcome.DRAINED
        assert stage.position() == 1


def test_lost_amid_the_end() -> None:
    """A partition that is lost amid the end is not waited for; its requests in flight are unfinished."""

    async def play() -> None:
        async with Stage(drain=DRAIN) as stage:
            ending = Ending(stage)
            await ending.begin()
            await ending.take("stop")
            began = asyncio.get_running_loop().time()
            stage.source.lose(stage.first)
            await ending.take("answer 1")
            assert await stage.running is Outcome.CUT
            assert asyncio.get_running_loop().time() - began < DRAIN / 2
            assert stage.runner.unfinished == 1
            assert (stage.position(), stage.position(stage.second)) == (None, 1)

    run(play())


async def test_assigned_amid_the_end() -> None:
    """Of what is assigned amid the end nothing is taken; it is given back with the rest."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.sent(1)
        stage.stop.set()
        await until("draining", lambda: stage.runner.phase is Phase.DRAINING)
        stage.kafka.committed[stage.second] = Position(0, "")
        stage.source.assign(stage.second)
        stage.write(1, at=stage.second)
        await some_turns()
        stage.sender.gate.set()
        assert await stage.running is Outcome.DRAINED
        assert stage.clicks == ["c-0"]
        assert stage.source.assigned == []
        assert (stage.position(), stage.position(stage.second)) == (1, 0)
        assert ("revoke", [stage.first, stage.second]) in stage.heard.rebalances


async def test_revoked_amid_the_last_commit() -> None:
    """While the last commit waits nothing is under way: what is revoked is handed over at once, committed."""
    async with Stage() as stage:
        stage.source.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.ended(1)
        stage.stop.set()
        await until("leaving", lambda: stage.runner.phase is Phase.LEAVING)
        await stage.source.revoke(stage.first)
        assert stage.position() == 1
        assert not stage.running.done()
        stage.source.gate.set()
        assert await stage.running is Outcome.DRAINED


async def test_a_cut_is_counted_once() -> None:
    """What is cut at the deadline counts once, though its partition is given back when the group is left."""
    async with Stage(drain=0.05) as stage:
        ending = Ending(stage)
        await ending.begin()
        assert await stage.end() is Outcome.CUT
        assert stage.runner.unfinished == 2
        assert [kind for kind, _ in stage.heard.rebalances] == ["assign", "revoke"]


async def test_revoked_amid_a_failure() -> None:
    """A run that ends for a failure drains what is revoked meanwhile, as any end does."""
    async with Stage() as stage:
        ending = Ending(stage)
        await ending.begin()
        stage.runner.fail(RuntimeError("the producer is dead"))
        await until("draining", lambda: stage.runner.phase is Phase.DRAINING)
        await ending.take("revoke 0")
        assert not ending.revocations[0].done()
        await ending.take("answer 0")
        await ending.take("answer 1")
        with pytest.raises(RuntimeError, match="the producer is dead"):
            await stage.running
        assert stage.position() == stage.position(stage.second) == 1
        assert await sent_by_the_next_owner(stage) == ["c-99"]


async def test_a_revocation_that_is_given_up() -> None:
    """Where the source gives a drain up, its partitions are not ours any more, whatever comes of them."""
    async with Stage(Response(200), concurrency=1) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0, 1)
        await stage.sent(1)
        revoking = asyncio.create_task(stage.runner.on_revoked([stage.first]))
        await some_turns()
        revoking.cancel()
        await asyncio.gather(revoking, return_exceptions=True)
        assert stage.runner.snapshot().partitions == ()
        stage.sender.gate.set()
        await stage.ended(1)
        assert isinstance(stage.heard.endings[0], Delivered)
        await stage.runner._committer.commit()
        assert stage.position() is None
