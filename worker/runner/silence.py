"""Looks for partitions that have records but yield none.

The rule: a partition can be silent only while records are asked for. While none are, because the partner is
down or all lanes wait for slow answers, no partition is silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition
from worker.core.silence import ReadProgress, Silence, Silences
from worker.ports import Clock, Observer, Source

LOOK_EVERY_SECONDS = 10.0
"""Seconds between two looks."""


class SilenceWatch:
    """`asked` says whether records were asked for since its last call."""

    def __init__(
        self,
        source: Source,
        partitions: Mapping[Partition, AssignedPartition],
        asked: Callable[[], bool],
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._source = source
        self._partitions = partitions
        self._asked = asked
        self._observer = observer
        self._clock = clock
        self._silences = Silences()

    @property
    def silent(self) -> Sequence[Silence]:
        """The silent partitions, as of the last look."""
        return self._silences.silent

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self.look()

    def look(self) -> None:
        """Look once, and report new ones."""
        readings = tuple(self._readings()) if self._asked() else ()
        for silence in self._silences.look(readings, self._clock.now()):
            self._observer.trouble(str(silence))

    def _readings(self) -> Iterator[ReadProgress]:
        marks = self._source.watermarks()
        standing = {stopped.place.at for stopped in self._source.stops()}
        for at, partition in self._partitions.items():
            offset = partition.offsets.next
            if at in marks and offset is not None:
                sent = partition.barred is None and partition.warming is None
                flows = sent and not partition.resting and at not in standing
                yield ReadProgress(at, offset, marks[at].high, marks[at].stable, flows)
