"""Remembered ids are cached on this machine, as far as they were read back from the journal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.runner.copies import ids
from tests.runner.harness import JOURNAL, Harness, some_turns, until
from tests.runner.rounds import goes_round
from worker.core.binding import LogId
from worker.core.copies import digest
from worker.core.ids_cache import CacheContents, CacheOwner, NotBelieved, Seal, unpacked
from worker.runner import copies_cache
from worker.runner.copies_cache import pause_after

EVERY = 0.02
OWNER = CacheOwner("worker", 1000, 86400.0, ids().buckets)


class FakeCache:
    """A cache in memory; `broken` is what the machine says of it."""

    name, owner = "/somewhere", OWNER

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.drafts = 0
        self.dropped = 0
        self.closed = False
        self.broken: OSError | None = None

    def read(self, log: LogId) -> CacheContents | None:
        raise NotImplementedError

    async def draft(self) -> FakeDraft:
        if self.broken is not None:
            raise self.broken
        self.drafts += 1
        return FakeDraft(self)

    def close(self) -> None:
        self.closed = True


class FakeDraft:
    """What is being written."""

    def __init__(self, cache: FakeCache) -> None:
        self._cache = cache
        self._seal, self._pieces = Seal(), [b""]

    async def write(self, piece: bytes) -> None:
        self._seal.add(piece)
        self._pieces.append(piece)

    async def keep(self) -> None:
        self._cache.kept.append(b"".join([*self._pieces, self._seal.made()]))

    def drop(self) -> None:
        self._cache.dropped += 1


class Bytes:
    """A stream."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def read(self, count: int, /) -> bytes:
        taken, self._text = self._text[:count], self._text[count:]
        return taken


def upto(cache: FakeCache) -> int:
    """Up to where the journal's first partition was read when it was kept last; -1 where nothing was."""
    if not cache.kept:
        return -1
    return unpacked(Bytes(cache.kept[-1]), OWNER, LogId()).positions.of[0].next


def kept(cache: FakeCache, numbers: Sequence[int]) -> list[bool]:
    """Whether these events are in what was kept last."""
    again = ids()
    again.take_up(unpacked(Bytes(cache.kept[-1]), OWNER, LogId()).kept)
    return [again.known(digest(0, b"e-%d" % number), 1_700_000_000.0) is not None for number in numbers]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write often."""
    monkeypatch.setattr(copies_cache, "WRITE_EVERY_SECONDS", EVERY)


async def test_now_and_then_and_at_the_end() -> None:
    """What was read back is kept now and then, and at the end; nothing while nothing is new."""
    cache = FakeCache()
    async with Harness(copies=ids(), cache=cache) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await until("kept", lambda: upto(cache) == 1)
        assert kept(cache, [1, 2]) == [True, False]
        count = len(cache.kept)
        await goes_round(harness.runner._delivery.cache, "write")
        assert len(cache.kept) == count
        harness.write(2)
        await harness.committed(2)
    assert kept(cache, [1, 2]) == [True, True]
    await until("closed", lambda: cache.closed)


async def test_not_what_the_journal_does_not_have() -> None:
    """What the journal has not taken is not kept, though it was delivered."""
    cache = FakeCache()
    async with Harness(copies=ids(), cache=cache, drain=0.2) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await until("kept", lambda: upto(cache) == 1)
        count, drafts = len(cache.kept), cache.drafts
        held = harness.publisher.hold(JOURNAL)
        harness.write(2)
        await until("it lies there, unacknowledged", lambda: cache.drafts > drafts)
        await some_turns()
        assert len(cache.kept) == count
        await harness.end()
        held.set()
    assert len(cache.kept) == count
    assert kept(cache, [1, 2]) == [True, False]


async def test_a_folder_that_refuses() -> None:
    """That nothing can be kept is said once, and again after it could; it stops nothing."""
    cache = FakeCache()
    cache.broken = OSError(28, "No space left on device")
    async with Harness(copies=ids(), cache=cache) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await until("it is said", lambda: bool(harness.heard.troubles))
        await goes_round(harness.runner._delivery.cache, "write")
        harness.write(2)
        await harness.committed(2)
        cache.broken = None
        await until("kept", lambda: bool(cache.kept))
    assert len(harness.heard.troubles) == 1
    assert "can't be cached in /somewhere: No space left on device" in harness.heard.troubles[0]


async def test_a_journal_that_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the journal can't be read nothing is kept, and the end does not wait for it."""
    monkeypatch.setattr(copies_cache, "READ_BACK_SECONDS", EVERY)
    monkeypatch.setattr(copies_cache, "LAST_WRITE_SECONDS", EVERY)
    cache = FakeCache()
    async with Harness(copies=ids(), cache=cache) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await until("kept", lambda: upto(cache) == 1)
        harness.follower.gate.clear()
        count = len(cache.kept)
        harness.write(2)
        await harness.committed(2)
        await goes_round(harness.runner._delivery.cache, "write")
        assert len(cache.kept) == count
    assert cache.closed


async def test_what_is_not_believed_is_said() -> None:
    """Why a cache is not believed is said, in one line; what it tells is known without being read."""
    async with Harness(copies=ids()) as harness:
        copies = harness.runner._delivery.copies
        assert copies is not None
        copies.on_not_cached(str(NotBelieved("it is torn")))
        assert harness.heard.troubles == [
            "what is cached of the journal is not believed, and read anew: it is torn"
        ]


def test_it_costs_a_share_of_the_time() -> None:
    """Where the disk is slow it is written to less often."""
    assert pause_after(0.0) == EVERY
    assert pause_after(10.0) == 500.0
