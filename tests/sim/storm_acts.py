"""What may happen in a storm, by a seed: any of these acts, in any order; then all is mended.

The rule: an act breaks one thing, or mends it if it was broken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from schemas import WorkerHeaders
from tests.runner.harness import SOURCE, TIER_TOPICS, conversion
from tests.sim.storm import CANCELLED, DROPPED, HURRIED, MOODS, OFFERS, Storm, origin_of
from worker.core.event_filter import EventFilter
from worker.core.orders import CancelOrder, HurryOrder, PauseOrder, Provenance, TierEnds
from worker.core.record import Partition

_WORKERS = 3
_COPIES_SHARE, _RECORDED_SHARE = 0.2, 0.5
_CLOCKS_SECONDS: Final = (-60.0, 0.0, 60.0)
_RUBBISH: Final = (None, b"", b"{", b"[]", b'{"event_id":"x"}')


async def storm_over(storm: Storm, acts: int) -> None:
    """Have so many acts happen to some workers, mend all, and wait until the world has settled."""
    for _ in range(_WORKERS):
        await storm.start()
    for at in storm.partitions:
        storm.give(at, storm.random.choice(storm.members))
    weights = [weight for weight, _ in ACTS]
    for _, act in storm.random.choices(ACTS, weights, k=acts):
        storm.log.append(f"{storm.clock.monotonic():.3f} {act.__name__}")
        await act(storm)
        await storm.pass_time()
    storm.mend()
    await storm.settle()


async def publish(storm: Storm) -> None:
    """Some events come, a fifth of them once more."""
    for _ in range(storm.random.randint(1, 6)):
        if storm.homes and storm.random.random() < _COPIES_SHARE:
            number = storm.random.choice(list(storm.homes))
        else:
            number = len(storm.homes) + 1
            storm.homes[number] = Partition(SOURCE, storm.random.randint(0, 1))
        event = conversion(number, offer_id=str(number % OFFERS))
        record = storm.kafka.append(storm.homes[number], event, b"key")
        storm.numbers[f"{record.at}/{record.offset}"] = number


async def publish_rubbish(storm: Storm) -> None:
    """Something comes that is no event."""
    storm.kafka.append(Partition(SOURCE, storm.random.randint(0, 1)), storm.random.choice(_RUBBISH))


async def change_mood(storm: Storm) -> None:
    """The partner answers otherwise."""
    storm.mood = storm.random.choice(list(MOODS))


async def hold_answers(storm: Storm) -> None:
    """The partner answers a worker nothing any more, or all at once."""
    gate = storm.random.choice(storm.members).it.sender.gate
    if gate.is_set():
        gate.clear()
    else:
        gate.set()


async def move(storm: Storm) -> None:
    """A partition is handed over, with a drain."""
    at = storm.random.choice(storm.partitions)
    before = storm.owners[at]
    after = storm.random.choice(storm.others(before))
    await storm.drained(before, before.it.source.revoke(at))
    storm.give(at, after)


async def lose(storm: Storm) -> None:
    """A partition is taken without asking."""
    at = storm.random.choice(storm.partitions)
    before = storm.owners[at]
    after = storm.random.choice(storm.others(before))
    before.it.source.lose(at)
    storm.excuse(before, lives=True)
    storm.give(at, after)
    if not before.it.source.assigned:  # it joins again, and is given nothing
        before.it.source.assign()


async def kill(storm: Storm) -> None:
    """A worker is killed, and another one starts."""
    member = storm.random.choice(storm.members)
    for number in member.in_flight:
        storm.recorded[number] += storm.random.random() < _RECORDED_SHARE
    storm.excuse(member, lives=False)
    storm.banish(member.it)
    await storm.replace(member)


async def restart(storm: Storm) -> None:
    """A worker is stopped as a deploy stops it, and another one starts."""
    member = storm.random.choice(storm.members)
    await storm.drained(member, member.it.end())
    await storm.replace(member)


async def refuse_publishing(storm: Storm) -> None:
    """The broker takes nothing of a worker any more, or all again."""
    publisher = storm.random.choice(storm.members).it.publisher
    publisher.refusing = None if publisher.refusing else "refused"


async def hold_publishing(storm: Storm) -> None:
    """The broker acknowledges nothing of a worker any more, or all again."""
    gate = storm.random.choice(storm.members).it.publisher.gate
    if gate.is_set():
        gate.clear()
    else:
        gate.set()


async def keep_batches(storm: Storm) -> None:
    """A worker's batches lie with its client while the broker is away; or they go now."""
    publisher = storm.random.choice(storm.members).it.publisher
    if publisher.is_away:
        publisher.come_back()
    else:
        publisher.go_away()


async def refuse_commits(storm: Storm) -> None:
    """The group takes no commit of a worker any more, or all again."""
    source = storm.random.choice(storm.members).it.source
    source.refusing = None if source.refusing else "not now"


async def hide_journal(storm: Storm) -> None:
    """A worker can't read the journal any more, or can again."""
    follower = storm.random.choice(storm.members).it.follower
    if follower.gate.is_set():
        follower.fail("away")
    else:
        follower.gate.set()


async def pause(storm: Storm) -> None:
    """Nothing is to be sent; or again it is."""
    storm.toggle(PauseOrder(Provenance(storm.clock.now(), "ann")))


async def cancel(storm: Storm) -> None:
    """An offer is cancelled; or no longer is."""
    storm.toggle(CancelOrder(Provenance(storm.clock.now(), "ann"), "c", _of(CANCELLED)))


async def hurry(storm: Storm) -> None:
    """What waits of an offer is due now, by somebody's clock; or that order ends."""
    if "now/n" not in storm.orders:
        storm.hurried |= _waiting(storm, HURRIED)
    storm.toggle(HurryOrder(_somebody(storm), "n", _of(HURRIED), None, _tier_ends(storm)))


async def drop(storm: Storm) -> None:
    """What waits of an offer is cancelled, by somebody's clock; or that order ends."""
    if "cancel/d" not in storm.orders:
        storm.dropped |= {number for number, _ in _waiting(storm, DROPPED)}
    storm.toggle(CancelOrder(_somebody(storm), "d", _of(DROPPED), None, True, _tier_ends(storm)))


def _somebody(storm: Storm) -> Provenance:
    """Whose clock is right, behind or ahead."""
    return Provenance(storm.clock.now() + storm.random.choice(_CLOCKS_SECONDS), "ann")


def _waiting(storm: Storm, offer: int) -> set[tuple[int, int]]:
    """The events of an offer that lie in tiers, finished or not, each with its next attempt."""
    return {
        (number, (WorkerHeaders.read(record.headers).attempts or 0) + 1)
        for topic in TIER_TOPICS.values()
        for record in storm.kafka.records(topic)
        if (number := storm.numbers.get(origin_of(record))) is not None and number % OFFERS == offer
    }


def _tier_ends(storm: Storm) -> TierEnds:
    return {at: len(storm.kafka.logs[at]) for at in storm.partitions if at.topic != SOURCE}


def _of(offer: int) -> EventFilter:
    return EventFilter.of({"offer_id": str(offer)})


ACTS: Final[tuple[tuple[int, Callable[[Storm], Awaitable[None]]], ...]] = (
    (12, publish),
    (1, publish_rubbish),
    (4, change_mood),
    (3, hold_answers),
    (4, move),
    (1, lose),
    (1, kill),
    (1, restart),
    (2, refuse_publishing),
    (2, hold_publishing),
    (1, keep_batches),
    (2, refuse_commits),
    (2, hide_journal),
    (1, pause),
    (1, cancel),
    (1, hurry),
    (1, drop),
)
"""What may happen, and how often beside the others."""
