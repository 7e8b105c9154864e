"""Partitions that are another deployment's: they rest, untouched, and say why."""

from __future__ import annotations

import asyncio

import pytest

from schemas import WorkerHeaders
from tests.fake_kafka import FakeKafka
from tests.runner.harness import IDENTITY, SOURCE, TIER_TOPICS, Harness, conversion, some_turns, until
from worker.core.answer import Response
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, Identity, LogId
from worker.core.offset_map import OffsetMap, encode
from worker.core.record import Partition
from worker.runner import claim_checks, commits

OTHER = Identity("leads", IDENTITY.destination)


def signed(identity: Identity) -> Position:
    """What a deployment committed: up to 2, and 3 of what is above."""
    return Position(2, encode(2, OffsetMap(4, (2,)), Binding(LogId(), identity)))


async def test_what_another_committed() -> None:
    """Nothing is sent of a partition whose offsets are another deployment's, nor are they overwritten."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = signed(OTHER)
        harness.write(*range(6))
        harness.write(9, at=harness.second)
        harness.source.assign(harness.first, harness.second)
        await harness.committed(1, harness.second)
        assert harness.clicks == ["c-9"]
        (reason,) = [reason for reason in harness.reasons if "rests" in reason]
        assert str(harness.first) in reason
        assert "run --adopt" in reason
        assert harness.runner.snapshot().barred == 1
        assert sum(str(harness.first) in trouble for trouble in harness.heard.troubles) == 1
    assert harness.kafka.committed[harness.first] == signed(OTHER)


async def test_many_that_another_committed() -> None:
    """What is the same of many partitions is one reason, with the first of them."""
    async with Harness(kafka=FakeKafka(**{SOURCE: 5})) as harness:
        many = [Partition(SOURCE, number) for number in range(5)]
        harness.kafka.committed.update(dict.fromkeys(many, signed(OTHER)))
        harness.source.assign(*many)
        await some_turns()
        (reason,) = [reason for reason in harness.reasons if "--adopt" in reason]
        assert reason.startswith("conversions/0, conversions/1, conversions/2 … rest: what is committed")


async def test_it_is_ours_again() -> None:
    """A partition flows again when it is assigned with offsets that are ours."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = signed(OTHER)
        harness.write(*range(6))
        harness.source.assign(harness.first)
        await some_turns()
        await harness.source.revoke(harness.first)
        harness.kafka.committed[harness.first] = signed(IDENTITY)
        harness.source.assign(harness.first)
        await harness.committed(6)
        assert harness.clicks == ["c-2", "c-4", "c-5"]
        assert not harness.reasons


async def test_adopted() -> None:
    """Who adopts a group goes on where the other one stood, and signs what it commits."""
    async with Harness(adopt=True) as harness:
        harness.kafka.committed[harness.first] = signed(OTHER)
        harness.write(*range(6))
        harness.source.assign(harness.first)
        await harness.committed(6)
        assert harness.clicks == ["c-2", "c-4", "c-5"]
        assert harness.kafka.committed[harness.first] == Position(
            6, encode(6, None, Binding(LogId(), IDENTITY))
        )


async def test_a_record_of_another_source() -> None:
    """A tier stands at a record of another source topic: nothing of it is sent, nor committed past."""
    async with Harness() as harness:
        now = harness.time.now()
        harness.write_retry(0, due=now)
        headers = WorkerHeaders(attempts=1, due_at=now, origin="leads/0/7").write()
        harness.kafka.append(harness.tier, conversion(1), b"key", headers)
        harness.write_retry(2, due=now)
        harness.source.assign(harness.first, harness.tier)
        harness.write(5)
        await harness.committed(1, harness.tier)
        await harness.committed(1)
        await some_turns()
        assert sorted(harness.clicks) == ["c-0", "c-5"]
        assert any("leads/0/7" in reason for reason in harness.reasons)
    assert harness.position(harness.tier) == 1


async def test_a_record_without_an_origin() -> None:
    """What somebody put into a tier without an origin is tried until it ends, and stops no partition."""
    async with Harness(Response(500), Response(200)) as harness:
        second = Partition([*TIER_TOPICS.values()][1], 0)
        harness.kafka.append(harness.tier, conversion(1), b"key")
        harness.source.assign(harness.tier, second)
        await harness.committed(1, harness.tier)
        harness.time.advance(86400.0)
        await harness.committed(1, second)
        assert (harness.clicks, list(harness.reasons)) == (["c-1", "c-1"], [])


async def test_a_record_of_another_source_adopted() -> None:
    """Who adopts a group sends what its tiers hold of the former source."""
    async with Harness(adopt=True) as harness:
        now = harness.time.now()
        headers = WorkerHeaders(attempts=1, due_at=now, origin="leads/0/7").write()
        harness.kafka.append(harness.tier, conversion(1), b"key", headers)
        harness.source.assign(harness.tier)
        await harness.committed(1, harness.tier)
        assert harness.clicks == ["c-1"]


class Group:
    """Who else has claimed, as far as a look shows; while `gate` is cleared a look does not end."""

    def __init__(self, other: str | None = None) -> None:
        self.other = other
        self.looks = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def look(self) -> str | None:
        self.looks += 1
        await self.gate.wait()
        return self.other


async def test_claimed_first() -> None:
    """What has no offset is committed before it is looked who else is there, and nothing is sent before."""
    group = Group()
    group.gate.clear()
    async with Harness(stranger=group.look) as harness:
        harness.write(0, 1)
        harness.source.gate.clear()
        harness.source.assign(harness.first)
        await some_turns()
        assert group.looks == 0
        harness.source.gate.set()
        await until("a look", lambda: group.looks == 1)
        assert harness.position() == 0
        assert not harness.clicks
        assert any("whether another deployment claims" in reason for reason in harness.reasons)
        group.gate.set()
        await harness.committed(2)
        assert harness.clicks == ["c-0", "c-1"]
        assert not harness.reasons


async def test_a_claim_of_an_idle_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim is committed at once, however long nothing was."""
    monkeypatch.setattr(commits, "IDLE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(commits, "IDLE_TICK_SECONDS", 3600.0)
    async with Harness(stranger=Group().look) as harness:
        await until("idle", lambda: harness.runner._delivery.committer._soon == 1)
        harness.write(0)
        harness.source.assign(harness.first)
        await harness.committed(1)


async def test_two_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another deployment has claimed beside us nothing is sent, until it has not any more."""
    monkeypatch.setattr(claim_checks, "AGAIN_SECONDS", 0.01)
    group = Group("another deployment")
    async with Harness(stranger=group.look) as harness:
        harness.write(0)
        harness.source.assign(harness.first, harness.tier)
        await until("looks", lambda: group.looks > 3)
        assert not harness.clicks
        lines = [line for line in harness.reasons if "belongs to another deployment" in line]
        assert [line.partition(" rest: ")[0] for line in lines] == [f"{harness.first}, {harness.tier}"]
        assert [line for line in harness.heard.troubles if "belongs to another deployment" in line] == lines
        group.other = None
        await harness.committed(1)


async def test_a_known_partition() -> None:
    """A partition with an offset of ours need not wait for a look, once one has shown nobody else."""
    group = Group()
    async with Harness(stranger=group.look) as harness:
        harness.source.assign(harness.second)
        await until("sure", lambda: not harness.reasons)
        group.other = "another deployment"
        harness.kafka.committed[harness.first] = signed(IDENTITY)
        harness.write(*range(6))
        harness.source.assign(harness.first)
        await harness.committed(6)
        assert group.looks == 1


async def test_a_known_partition_at_first() -> None:
    """That an offset is ours tells nothing before the first look: it may be a claim that was never sure."""
    group = Group("another deployment")
    async with Harness(stranger=group.look) as harness:
        harness.kafka.committed[harness.first] = signed(IDENTITY)
        harness.write(*range(6))
        harness.source.assign(harness.first)
        await until("the look", lambda: any("belongs to another" in reason for reason in harness.reasons))
        assert not harness.clicks


async def test_our_own_claim_comes_back() -> None:
    """A partition that was claimed in vain is not ours for that when it comes back with our claim."""
    group = Group("another deployment")
    async with Harness(stranger=group.look) as harness:
        harness.write(0)
        harness.source.assign(harness.first)
        await until("the look", lambda: any("belongs to another" in reason for reason in harness.reasons))
        await harness.source.revoke(harness.first)
        assert harness.position() == 0, "it has our claim"
        harness.source.assign(harness.first)
        await until("another look", lambda: any("belongs to another" in reason for reason in harness.reasons))
        assert not harness.clicks


async def test_what_nobody_signed() -> None:
    """An offset that nobody signed is claimed as if there were none: another one must see us."""
    group = Group()
    group.gate.clear()
    async with Harness(stranger=group.look) as harness:
        harness.kafka.committed[harness.first] = Position(2, "")
        harness.write(*range(4))
        harness.source.assign(harness.first)
        await until("a look", lambda: group.looks == 1)
        assert harness.kafka.committed[harness.first] == Position(
            2, encode(2, None, Binding(LogId(), IDENTITY))
        )
        assert not harness.clicks
        group.gate.set()
        await harness.committed(4)
        assert harness.clicks == ["c-2", "c-3"]


async def test_made_anew_while_unsure() -> None:
    """A partition of a log that was made anew while it was unsure is looked after as well."""
    group = Group()
    group.gate.clear()
    async with Harness(stranger=group.look) as harness:
        harness.source.assign(harness.first)
        await until("a look", lambda: group.looks == 1)
        harness.kafka.make_anew(harness.first.topic)
        harness.source.made_anew(harness.first.topic)
        await some_turns()
        harness.write(1)
        group.gate.set()
        await harness.committed(1)
        assert harness.clicks == ["c-1"]


async def test_given_away_while_unsure() -> None:
    """A partition that goes while it is unsure is not looked after any more, nor is one at the end."""
    group = Group()
    group.gate.clear()
    async with Harness(stranger=group.look) as harness:
        harness.source.assign(harness.first, harness.second)
        await until("a look", lambda: group.looks == 1)
        await harness.source.revoke(harness.first)
        group.gate.set()
        harness.write(3, at=harness.second)
        await harness.committed(1, harness.second)
        group.gate.clear()
        harness.kafka.committed.clear()
        harness.source.assign(harness.first)
        await until("another look", lambda: group.looks == 2)


async def test_a_look_that_breaks() -> None:
    """A look that breaks by a mistake of the program ends the run."""

    async def broken() -> str | None:
        raise ZeroDivisionError

    harness = Harness(stranger=broken)
    await harness.__aenter__()
    harness.source.assign(harness.first)
    with pytest.raises(ZeroDivisionError):
        await harness.running
