"""A rebalance amid a shutdown: what is taken away while the run ends is drained like anything taken away."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from tests.runner.harness import REFUSED_CONNECTION, Harness, some_turns, until
from tests.sim.virtual import run
from worker.core.answer import Response
from worker.core.assigned_partition import Position
from worker.core.endings import Delivered
from worker.core.record import Partition
from worker.runner import Outcome
from worker.runner.drain import Phase

DRAIN = 10.0
"""Seconds, of a virtual loop."""


class Ending:
    """A stage with a request in flight of each of the two partitions; the steps of its end, by name."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.gates: list[asyncio.Event] = []
        self.revocations: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Assign, and have a request in flight of each."""
        self.harness.source.assign(self.harness.first, self.harness.second)
        for number, at in enumerate((self.harness.first, self.harness.second)):
            self.gates.append(asyncio.Event())
            self.harness.sender.gate = self.gates[-1]
            self.harness.write(number, at=at)
            await self.harness.sent(number + 1)

    async def take(self, step: str) -> None:
        """Take a step, and let all happen that can happen without time passing."""
        if step == "stop":
            self.harness.stop.set()
        elif step.startswith("answer"):
            self.gates[int(step[-1])].set()
        else:
            at = Partition(self.harness.first.topic, int(step[-1]))
            self.revocations.append(asyncio.create_task(self.harness.source.revoke(at)))
        await some_turns(8)


async def sent_by_the_next_owner(earlier: Harness) -> list[str]:
    """What another member sends that takes up both partitions from what is committed."""
    async with Harness(kafka=earlier.kafka) as later:
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
        async with Harness(drain=DRAIN) as harness:
            ending = Ending(harness)
            await ending.begin()
            for step in steps:
                await ending.take(step)
            assert await harness.running is Outcome.DRAINED
            await asyncio.gather(*ending.revocations)
        assert harness.runner.unfinished == 0
        assert len(harness.heard.endings) == 2
        assert await sent_by_the_next_owner(harness) == ["c-99"]

    run(play())


@pytest.mark.parametrize("revoked_after", [-3.0, 0.0, 4.0])
def test_the_deadline_of_the_end(revoked_after: float) -> None:
    """A revocation amid the end has what is left of its time; what has not ended is unfinished, and said."""

    async def play() -> None:
        async with Harness(drain=DRAIN) as harness:
            ending = Ending(harness)
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
            assert await harness.running is Outcome.CUT
            assert loop.time() - began <= DRAIN + 0.1
        assert harness.runner.unfinished == 1
        assert f"not all ended within {DRAIN:g} s; what has not stays uncommitted" in harness.heard.troubles
        assert harness.position() == 0
        assert harness.position(harness.second) == 1

    run(play())


async def test_a_retry_under_way() -> None:
    """A publish that is not acknowledged yet is waited for too, before its partition is handed over."""
    async with Harness(REFUSED_CONNECTION) as harness:
        harness.publisher.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await until("published", lambda: bool(harness.kafka.records(harness.tier.topic)))
        harness.stop.set()
        await until("draining", lambda: harness.runner.phase is Phase.DRAINING)
        revoking = asyncio.create_task(harness.source.revoke(harness.first))
        await some_turns()
        assert not revoking.done()
        harness.publisher.gate.set()
        assert await harness.running is Outcome.DRAINED
        assert harness.position() == 1


def test_lost_amid_the_end() -> None:
    """A partition that is lost amid the end is not waited for; its requests in flight are unfinished."""

    async def play() -> None:
        async with Harness(drain=DRAIN) as harness:
            ending = Ending(harness)
            await ending.begin()
            await ending.take("stop")
            began = asyncio.get_running_loop().time()
            harness.source.lose(harness.first)
            await ending.take("answer 1")
            assert await harness.running is Outcome.CUT
            assert asyncio.get_running_loop().time() - began < DRAIN / 2
            assert harness.runner.unfinished == 1
            assert (harness.position(), harness.position(harness.second)) == (None, 1)

    run(play())


async def test_assigned_amid_the_end() -> None:
    """Of what is assigned amid the end nothing is taken; it is given back with the rest."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        harness.stop.set()
        await until("draining", lambda: harness.runner.phase is Phase.DRAINING)
        harness.kafka.committed[harness.second] = Position(0, "")
        harness.source.assign(harness.second)
        harness.write(1, at=harness.second)
        await some_turns()
        harness.sender.gate.set()
        assert await harness.running is Outcome.DRAINED
        assert harness.clicks == ["c-0"]
        assert harness.source.assigned == []
        assert (harness.position(), harness.position(harness.second)) == (1, 0)
        assert ("revoke", [harness.first, harness.second]) in harness.heard.rebalances


async def test_revoked_amid_the_last_commit() -> None:
    """While the last commit waits nothing is under way: what is revoked is handed over at once, committed."""
    async with Harness() as harness:
        harness.source.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        harness.stop.set()
        await until("leaving", lambda: harness.runner.phase is Phase.LEAVING)
        await harness.source.revoke(harness.first)
        assert harness.position() == 1
        assert not harness.running.done()
        harness.source.gate.set()
        assert await harness.running is Outcome.DRAINED


async def test_a_cut_is_counted_once() -> None:
    """What is cut at the deadline counts once, though its partition is given back when the group is left."""
    async with Harness(drain=0.05) as harness:
        ending = Ending(harness)
        await ending.begin()
        assert await harness.end() is Outcome.CUT
        assert harness.runner.unfinished == 2
        assert [kind for kind, _ in harness.heard.rebalances] == ["assign", "revoke"]


async def test_revoked_amid_a_failure() -> None:
    """A run that ends for a failure drains what is revoked meanwhile, as any end does."""
    async with Harness() as harness:
        ending = Ending(harness)
        await ending.begin()
        harness.runner.fail(RuntimeError("the producer is dead"))
        await until("draining", lambda: harness.runner.phase is Phase.DRAINING)
        await ending.take("revoke 0")
        assert not ending.revocations[0].done()
        await ending.take("answer 0")
        await ending.take("answer 1")
        with pytest.raises(RuntimeError, match="the producer is dead"):
            await harness.running
        assert harness.position() == harness.position(harness.second) == 1
        assert await sent_by_the_next_owner(harness) == ["c-99"]


async def test_a_revocation_that_is_given_up() -> None:
    """Where the source gives a drain up, its partitions are not ours any more, whatever comes of them."""
    async with Harness(Response(200), concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0, 1)
        await harness.sent(1)
        revoking = asyncio.create_task(harness.runner._rebalances.on_revoked([harness.first]))
        await some_turns()
        revoking.cancel()
        await asyncio.gather(revoking, return_exceptions=True)
        assert harness.runner.snapshot().partitions == ()
        harness.sender.gate.set()
        await harness.ended(1)
        assert isinstance(harness.heard.endings[0], Delivered)
        await harness.runner._delivery.committer.commit()
        assert harness.position() in {None, 0}  # 0 where it was ours for so long that its start was committed
