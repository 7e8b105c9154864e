"""What a destination does not take is finished as it is read; what fits nobody is dead-lettered once."""

from __future__ import annotations

from schemas import DeadReason
from tests.runner.harness import SOURCE, Harness, conversion, until
from worker.core.endings import Dead
from worker.core.record import Header
from worker.core.routing import Router, sorted_routes

WHENS = {name: {"network": frozenset({name})} for name in ("binom", "voluum")}
ROUTES = sorted_routes(WHENS)
BINOM, VOLUUM = (Router(route.name, ROUTES) for route in ROUTES)


def publish(harness: Harness, *networks: str | None, headers: tuple[Header, ...] = ()) -> None:
    """Have events of these networks on the source's first partition."""
    for number, network in enumerate(networks):
        fields = {} if network is None else {"network": network}
        harness.kafka.append(harness.first, conversion(number, **fields), b"key", headers)


async def test_passed_over() -> None:
    """What is another's is committed past, unsent, and counted."""
    async with Harness(router=VOLUUM) as harness:
        harness.source.assign(harness.first)
        publish(harness, "binom", "voluum", "binom", None, "binom")
        await harness.committed(5)
        assert harness.clicks == ["c-1"]
        assert harness.heard.passes == {SOURCE: 4}
        assert not harness.publisher.published


async def test_more_than_the_room() -> None:
    """However many are passed over in a row, what comes behind them is sent."""
    async with Harness(router=VOLUUM, outstanding=8, concurrency=2) as harness:
        harness.source.assign(harness.first)
        publish(harness, *["binom"] * 500, "voluum")
        await harness.committed(501)
        assert harness.clicks == ["c-500"]


async def test_not_past_what_is_unfinished() -> None:
    """What is passed over behind an event in flight is not committed before that has ended."""
    async with Harness(router=VOLUUM) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        publish(harness, "binom", "voluum", "binom", "binom")
        await until("all were read", lambda: harness.heard.passes == {SOURCE: 3})
        await harness.committed(1)
        harness.sender.gate.set()
        await harness.committed(4)


async def test_unrouted() -> None:
    """What fits nobody is dead-lettered by the first destination by name, unsent."""
    async with Harness(router=BINOM) as harness:
        harness.source.assign(harness.first)
        publish(harness, "binom", "nobody", "voluum")
        await harness.committed(3)
        assert harness.clicks == ["c-0"]
        (dead,) = (ending for ending in harness.heard.endings if isinstance(ending, Dead))
        assert (dead.reason, dead.event_id, dead.attempts) == (DeadReason.UNROUTED, "e-1", 0)
        assert harness.heard.passes == {SOURCE: 1}


async def test_replayed_for_another() -> None:
    """A replay for another destination is passed over, also by one that takes all."""
    async with Harness(router=Router("partner")) as harness:
        harness.source.assign(harness.first)
        publish(harness, None, headers=(("postback-for", b"voluum"),))
        publish(harness, None, None, headers=(("postback-for", b"partner"),))
        await harness.committed(3)
        assert len(harness.clicks) == 2
        assert harness.heard.passes == {SOURCE: 1}
