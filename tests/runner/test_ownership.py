"""Partitions that are another deployment's: they rest, untouched, and say why."""

from __future__ import annotations

from schemas import WorkerHeaders
from tests.runner.stage import IDENTITY, Stage, conversion, some_turns
from worker.core.binding import Binding, Identity, LogId
from worker.core.finished import Finished, encode
from worker.core.holding import Position

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
