"""Dead letters back to the source topic, for another round of attempts.

The rules: a conversion goes back once, however many letters tell of it: the one that was replayed most often
decides whether it is wanted. Key, value and the producer's headers go back unchanged; of the worker's headers
only the count of replays does, one higher, and the destination that it is for. The letters stay there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.dead_letters import NO_TIME, letter_of, place_of

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.core.record import Partition
    from worker.ops.filters import Filters
    from worker.ops.publishing import Item


class _Newest(NamedTuple):
    """The letter that counts of one conversion: the one that was replayed most, then the newest."""

    replays: int
    dead_at: datetime
    partition: int
    offset: int
    matches: bool


def choose(letters: Iterable[DeadLetter], filters: Filters, limit: int) -> list[tuple[int, int]]:
    """Choose what goes back, as partition and offset, oldest first: the newest `limit`, all with 0.

    What is remembered of a conversion is a few words, so that a million letters fit.
    """
    found: dict[bytes, _Newest] = {}
    for letter in letters:
        same = blake2b(letter.value or place_of(letter).encode(), digest_size=16).digest()
        dead_at = letter.dead_at or NO_TIME
        one = _Newest(letter.replays, dead_at, letter.partition, letter.offset, filters.match(letter))
        found[same] = max(found.get(same, one), one)
    places = sorted((one.dead_at, one.partition, one.offset) for one in found.values() if one.matches)
    return [(partition, offset) for _, partition, offset in places[-limit:]]


def read_again(
    reader: TopicReader,
    topic: str,
    wanted: Iterable[tuple[int, int]],
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


def items_of(
    letters: Iterator[DeadLetter],
    destination: str,
    rate: float | None,
    show: Callable[[Iterator[DeadLetter]], Iterable[DeadLetter]],
) -> Iterator[Item]:
    """What to publish for these letters of a destination, at most `rate` a second; `show` passes them on."""
    for letter in show(_paced(letters, rate)):
        yield _item(letter, destination)


def _paced(letters: Iterator[DeadLetter], rate: float | None) -> Iterator[DeadLetter]:
    begun = time.monotonic()
    for number, letter in enumerate(letters):
        if rate is not None:
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        yield letter


def _item(letter: DeadLetter, destination: str) -> Item:
    from schemas import DeadReason, WorkerHeaders, without_worker_headers
    from worker.adapters.kafka.bulk_publisher import Place
    from worker.ops.publishing import Item

    # What no destination took is routed anew; of all else the other destinations had their own endings.
    wanted = None if letter.reason == DeadReason.UNROUTED else destination
    ours = WorkerHeaders(replays=letter.replays + 1, replayed_for=wanted)
    headers = [*without_worker_headers(letter.headers), *ours.write()]
    return Item(Place(f"dead letter {letter.partition}/", letter.offset), letter.key, letter.value, headers)
