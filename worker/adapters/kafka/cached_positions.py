"""Where reading the journal begins: where its cache ends, if it is still the same journal, or further back.

The rule: a log is the same if the record that was read last is still there. A cache for which that can't be
shown within PROVE_SECONDS is not believed, nor is one that a disk does not give within READ_SECONDS.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Set
from typing import NamedTuple, cast

from confluent_kafka import KafkaException

from worker.adapters.kafka.errors import is_about_group, is_refusal
from worker.adapters.kafka.followed_partition import anchor_of, starts_of
from worker.adapters.kafka.journal_client import JournalClient
from worker.adapters.kafka.offsets_for_times import LATEST
from worker.adapters.own_thread import in_time
from worker.core.binding import LogId
from worker.core.ids_cache import Anchor, CacheContents, JournalPosition, NotBelieved
from worker.ports import Cache

READ_SECONDS = 30.0
"""Seconds within which the disk must give the cache: a large one on a slow disk takes some."""

PROVE_SECONDS = 5.0
"""Seconds within which the records that were read last must come."""

_TURN_SECONDS = 0.1
"""How long one look for records lasts, and the pause between two questions for a leader."""


class Reach(NamedTuple):
    """How far back a journal is read: `most` steps, no older than `window` seconds."""

    most: int
    window: float


def starts(
    client: JournalClient, numbers: Collection[int], reach: Reach, known: Mapping[int, JournalPosition]
) -> tuple[dict[int, JournalPosition], int]:
    """Where to begin with these partitions: where the cache ends, but no further back than is remembered.

    Those without a leader are left out. Also returns how many steps that skips. Raises KafkaException.
    """
    oldest = client.offsets(numbers, max(0, int((time.time() - reach.window) * 1000)))
    ends = client.offsets(numbers, LATEST)
    firsts = {
        at: max(first, known[at].next) if at in known else first for at, first in oldest.items() if at in ends
    }
    found, skipped = starts_of(firsts, ends, reach.most)
    return {
        at: JournalPosition(first, known[at].anchor if at in known else None) for at, first in found.items()
    }, skipped


def cached(cache: Cache, client: JournalClient, log: LogId) -> CacheContents | None:
    """What a cache holds of this journal, or None.

    Raises NotBelieved, and KafkaException if the broker does not answer.
    """
    try:
        found = in_time("copies-cache", READ_SECONDS, lambda: cache.read(log))
    except OSError as error:
        raise NotBelieved(f"{cache.name}: {error.strerror or error}") from error
    if found is None:
        return None
    positions = {
        number: position for number, position in found.positions.of.items() if position.anchor is not None
    }
    _prove(client, positions)
    return found._replace(positions=found.positions._replace(of=positions))


def _prove(client: JournalClient, positions: Mapping[int, JournalPosition]) -> None:
    if any(number >= client.partitions() for number in positions):
        raise NotBelieved("the journal has fewer partitions")
    deadline = time.monotonic() + PROVE_SECONDS
    ends = _ends(client, positions.keys(), deadline)
    if any(position.next > ends[number] for number, position in positions.items()):
        raise NotBelieved("the journal was truncated")
    left = {number: position.anchor for number, position in positions.items() if position.anchor is not None}
    client.assign({number: anchor.offset for number, anchor in left.items()})
    while left:
        if time.monotonic() > deadline:
            raise NotBelieved("the broker did not show in time that the journal is still the same")
        for message in client.messages(_TURN_SECONDS):
            error = message.error()
            if error is not None and is_about_group(error):
                continue  # this client needs no right on its group; and such an error is of no partition
            expected = left.pop(message.partition(), None)
            if expected is None:
                continue
            if error is not None and (is_refusal(error) or cast("int | None", message.offset()) is None):
                raise KafkaException(error)
            if error is not None or not _is_same(expected, anchor_of(message)):
                raise NotBelieved("the journal is another one by now, or was cut")


def _ends(client: JournalClient, numbers: Set[int], deadline: float) -> dict[int, int]:
    """Where these partitions end; while a leader changes, it is asked again until the deadline."""
    while numbers - (ends := client.offsets(numbers, LATEST)).keys():
        if time.monotonic() > deadline:
            raise NotBelieved("a partition of the journal has no leader")
        time.sleep(_TURN_SECONDS)
    return ends


def _is_same(expected: Anchor, found: Anchor) -> bool:
    """Whether it is the same record; an unknown epoch is no difference."""
    if None in {expected.epoch, found.epoch}:
        expected, found = expected._replace(epoch=None), found._replace(epoch=None)
    return expected == found
