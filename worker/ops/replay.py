"""Dead letters back to the source topic, for another round of attempts.

The rules: a conversion goes back once, however many letters tell of it: the one that was replayed most often
decides whether it is wanted. Key and the producer's headers go back unchanged, the value unless it is edited;
of the worker's headers only the count of replays does, one higher, and the destination that it is for. It
goes to the partition of its origin. What would only die again does not go. The letters stay there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from worker.core.place import read_place
from worker.ops.dead_letters import NO_TIME, letter_of, place_of
from worker.ops.plans import Place

if TYPE_CHECKING:
    from schemas import DeadLetter
    from schemas.headers import Header
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.core.record import Partition
    from worker.ops.filters import Filters
    from worker.ops.publishing import Item


class Refusal(NamedTuple):
    """Why a letter does not go: its reason, and, where it is a fault of what was edited, a line on it."""

    reason: str
    fault: str | None = None


Judge = Callable[["DeadLetter"], Refusal | None]
"""Why a letter would only die again; None where it may live."""


class Choice(NamedTuple):
    """What goes, oldest first; how many were left out, for they went already; how many not, by reason.

    `faults` are lines on what was edited wrongly: then nothing goes.
    """

    places: list[Place]
    gone_before: int
    refused: Mapping[str, int]
    faults: list[str]


class _Newest(NamedTuple):
    """The letter that counts of one conversion: the one that was replayed most, then the newest."""

    replays: int
    dead_at: datetime
    partition: int
    offset: int
    matches: bool
    refusal: Refusal | None = None

    @property
    def place(self) -> Place:
        return self.partition, self.offset


def choose(
    letters: Iterable[DeadLetter],
    filters: Filters,
    limit: int,
    gone: Collection[Place] = frozenset(),
    judge: Judge = lambda _: None,
) -> Choice:
    """Choose what goes back: of what may live and is not `gone` the newest `limit`, all with 0.

    What is remembered of a conversion is a few words, so that a million letters fit.
    """
    found: dict[bytes, _Newest] = {}
    for letter in letters:
        same, dead_at = identity(letter), letter.dead_at or NO_TIME
        one = _Newest(letter.replays, dead_at, letter.partition, letter.offset, filters.match(letter))
        if same in found and found[same] > one:
            continue
        judged = one.matches and one.place not in gone
        found[same] = one._replace(refusal=judge(letter)) if judged else one
    wanted = [one for one in found.values() if one.matches]
    left = [one for one in wanted if one.place not in gone]
    refusals = [one.refusal for one in left if one.refusal is not None]
    going = sorted((one.dead_at, one.place) for one in left if one.refusal is None)
    return Choice(
        [place for _, place in going[-limit:]],
        len(wanted) - len(left),
        Counter(refusal.reason for refusal in refusals),
        [refusal.fault for refusal in refusals if refusal.fault is not None],
    )


def identity(letter: DeadLetter) -> bytes:
    """What tells a conversion from others: its event id, or its value where it has none."""
    told = b"id" + letter.event_id.encode() if letter.event_id is not None else letter.value
    return blake2b(told or place_of(letter).encode(), digest_size=16).digest()


def read_again(
    reader: TopicReader,
    topic: str,
    wanted: Iterable[Place],
    on_waiting: Callable[[str], None],
) -> Iterator[DeadLetter]:
    """Read the letters at these places, for as long as it takes: some may have been sent by then.

    `on_waiting` hears why it waits for the broker.
    """
    from worker.adapters.kafka.topic_reader import Span
    from worker.core.record import Partition

    spans: dict[Partition, Span] = {}
    places = frozenset(wanted)
    for number, offset in places:
        at = Partition(topic, number)
        span = spans.get(at, Span(offset, offset + 1))
        spans[at] = Span(min(span.start, offset), max(span.end, offset + 1))
    for record in reader.read(spans, on_waiting):
        if (record.at.number, record.offset) in places:
            yield letter_of(record)


class Outbound(NamedTuple):
    """How letters go back: for which destination, to which source topic of which partitions, edited how."""

    destination: str
    topic: str
    partitions: Collection[int]
    revise: Callable[[DeadLetter], bytes | None]

    def item(self, letter: DeadLetter) -> Item:
        """What to publish for a letter."""
        from worker.adapters.kafka.bulk_publisher import Place as Named
        from worker.ops.publishing import Item

        named = Named(f"dead letter {letter.partition}/", letter.offset)
        value, headers = self.revise(letter), self.headers(letter)
        return Item(named, letter.key, value, headers, self.partition(letter))

    def headers(self, letter: DeadLetter) -> list[Header]:
        """The producer's headers, and those that say what it is."""
        from schemas import DeadReason, WorkerHeaders, without_worker_headers

        # What no destination took is routed anew; of all else the other destinations had their own endings.
        wanted = None if letter.reason == DeadReason.UNROUTED else self.destination
        ours = WorkerHeaders(replays=letter.replays + 1, replayed_for=wanted)
        return [*without_worker_headers(letter.headers), *ours.write()]

    def partition(self, letter: DeadLetter) -> int | None:
        """The partition that it came from; None, which leaves it to the key, where that is not there."""
        place = read_place(letter.origin or "")
        is_there = place is not None and place.at.topic == self.topic and place.at.number in self.partitions
        return place.at.number if place is not None and is_there else None


def items_of(
    letters: Iterator[DeadLetter],
    outbound: Outbound,
    rate: float | None,
    show: Callable[[Iterator[DeadLetter]], Iterable[DeadLetter]],
) -> Iterator[Item]:
    """What to publish for these letters, at most `rate` a second; `show` passes them on."""
    for letter in show(_paced(letters, rate)):
        yield outbound.item(letter)


def _paced(letters: Iterator[DeadLetter], rate: float | None) -> Iterator[DeadLetter]:
    begun = time.monotonic()
    for number, letter in enumerate(letters):
        if rate is not None:
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        yield letter
