"""Partitions that are another deployment's: they rest, untouched, and say why."""

from __future__ import annotations

import asyncio

import pytest

from schemas import WorkerHeaders
from tests.runner.stage import IDENTITY, Stage, conversion, some_turns, until
from worker.core.binding import Binding, Identity, LogId
from worker.core.finished import Finished, encode
from worker.core.holding import Position
from worker.runner import claims

OTHER = Identity("leads", IDENTITY.destination)


def signed(identity: Identity) -> Position:
    """What a deployment committed: up to 2, and 3 of what is above."""
    return Position(2, encode(2, Finished(4, (2,)), Binding(LogId(), identity)))


async def test_what_another_committed() -> None:
    """Nothing is sent of a partition whose offsets are another deployment's, nor are they overwritten."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = signed(OTHER)
        stage.write(*range(6))
        stage.write(9, at=stage.second)
        stage.source.assign(stage.first, stage.second)
        await stage.committed(1, stage.second)
        assert stage.clicks == ["c-9"]
        (reason,) = [reason for reason in stage.reasons if "rests" in reason]
        assert str(stage.first) in reason
        assert "run --adopt" in reason
        assert stage.runner.snapshot().barred == 1
        assert sum(str(stage.first) in trouble for trouble in stage.heard.troubles) == 1
    assert stage.kafka.committed[stage.first] == signed(OTHER)


async def test_it_is_ours_again() -> None:
    """A partition flows again when it is assigned with offsets that are ours."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = signed(OTHER)
        stage.write(*range(6))
        stage.source.assign(stage.first)
        await some_turns()
        await stage.source.revoke(stage.first)
        stage.kafka.committed[stage.first] = signed(IDENTITY)
        stage.source.assign(stage.first)
        await stage.committed(6)
        assert stage.clicks == ["c-2", "c-4", "c-5"]
        assert not stage.reasons


async def test_adopted() -> None:
    """Who adopts a group goes on where the other one stood, and signs what it commits."""
    async with Stage(adopt=True) as stage:
        stage.kafka.committed[stage.first] = signed(OTHER)
        stage.write(*range(6))
        stage.source.assign(stage.first)
        await stage.committed(6)
        assert stage.clicks == ["c-2", "c-4", "c-5"]
        assert stage.kafka.committed[stage.first] == Position(6, encode(6, None, Binding(LogId(), IDENTITY)))


async def test_a_record_of_another_source() -> None:
    """A tier stands at a record of another source topic: nothing of it is sent, nor committed past."""
    async with Stage() as stage:
        now = stage.time.now()
        stage.write_retry(0, due=now)
        headers = WorkerHeaders(attempts=1, due_at=now, origin="leads/0/7").write()
        stage.kafka.append(stage.tier, conversion(1), b"key", headers)
        stage.write_retry(2, due=now)
        stage.source.assign(stage.first, stage.tier)
        stage.write(5)
        await stage.committed(1, stage.tier)
        await stage.committed(1)
        await some_turns()
        assert sorted(stage.clicks) == ["c-0", "c-5"]
        assert any("leads/0/7" in reason for reason in stage.reasons)
    assert stage.position(stage.tier) == 1


async def test_a_record_of_another_source_adopted() -> None:
    """Who adopts a group sends what its tiers hold of the former source."""
    async with Stage(adopt=True) as stage:
        now = stage.time.now()
        headers = WorkerHeaders(attempts=1, due_at=now, origin="leads/0/7").write()
        stage.kafka.append(stage.tier, conversion(1), b"key", headers)
        stage.source.assign(stage.tier)
        await stage.committed(1, stage.tier)
        assert stage.clicks == ["c-1"]


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
    async with Stage(stranger=group.look) as stage:
        stage.write(0, 1)
        stage.source.gate.clear()
        stage.source.assign(stage.first)
        await some_turns()
        assert group.looks == 0
        stage.source.gate.set()
        await until("a look", lambda: group.looks == 1)
        assert stage.position() == 0
        assert not stage.clicks
        assert any("whether another deployment claims" in reason for reason in stage.reasons)
        group.gate.set()
        await stage.committed(2)
        assert stage.clicks == ["c-0", "c-1"]
        assert not stage.reasons


async def test_two_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another deployment has claimed beside us nothing is sent, until it has not any more."""
    monkeypatch.setattr(claims, "AGAIN", 0.01)
    group = Group("another deployment")
    async with Stage(stranger=group.look) as stage:
        stage.write(0)
        stage.source.assign(stage.first, stage.tier)
        await until("looks", lambda: group.looks > 3)
        assert not stage.clicks
        assert sum("belongs to another deployment" in reason for reason in stage.reasons) == 2
        assert sum("belongs to another deployment" in trouble for trouble in stage.heard.troubles) == 2
        group.other = None
        await stage.committed(1)


async def test_a_known_partition() -> None:
    """A partition with an offset of ours need not wait for a look."""
    group = Group("another deployment")
    async with Stage(stranger=group.look) as stage:
        stage.kafka.committed[stage.first] = signed(IDENTITY)
        stage.write(*range(6))
        stage.source.assign(stage.first)
        await stage.committed(6)
        assert group.looks == 0


async def test_given_away_while_unsure() -> None:
    """A partition that goes while it is unsure is not looked after any more, nor is one at the end."""
    group = Group()
    group.gate.clear()
    async with Stage(stranger=group.look) as stage:
        stage.source.assign(stage.first, stage.second)
        await until("a look", lambda: group.looks == 1)
        await stage.source.revoke(stage.first)
        group.gate.set()
        stage.write(3, at=stage.second)
        await stage.committed(1, stage.second)
        group.gate.clear()
        stage.kafka.committed.clear()
        stage.source.assign(stage.first)
        await until("another look", lambda: group.looks == 2)


async def test_a_look_that_breaks() -> None:
    """A look that breaks by a mistake of the program ends the run."""

    async def broken() -> str | None:
        raise ZeroDivisionError

    stage = Stage(stranger=broken)
    await stage.__aenter__()
    stage.source.assign(stage.first)
    with pytest.raises(ZeroDivisionError):
        await stage.running
