"""The log (topic id) of each assigned partition, and which topics were deleted and made again since.

The rule: a topic whose id was unknown does not count as another one when its id is heard later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.binding import LogId
from worker.core.record import Partition


class AssignedLogs:
    """Used by the poll thread alone; without `ids` the broker is not asked."""

    def __init__(self, ids: TopicIds | None) -> None:
        self._ids = ids
        self._logs: dict[Partition, LogId] = {}
        self._revision = 0
        self._met: dict[str, str | None] = {}
        self._met_revision = 0

    def bind(self, partitions: Sequence[Partition]) -> Mapping[Partition, LogId]:
        """Ask which logs these belong to, and keep the answer; unknown if it does not come in time."""
        topics = {at.topic for at in partitions}
        told = self._ids.of(topics) if self._ids is not None and topics else {}
        bound = {at: told.get(at.topic, LogId()) for at in partitions}
        self._logs.update(bound)
        return bound

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are no longer ours."""
        for at in partitions:
            self._logs.pop(at, None)

    def ask(self, partitions: Sequence[Partition]) -> None:
        """Ask now which logs these belong to, because an offset in them can't be used."""
        if self._ids is not None:
            self._ids.of({at.topic for at in partitions})

    def made_anew(self) -> Mapping[Partition, LogId]:
        """The partitions whose log is another than the one they were bound to; binds them to the new one."""
        if self._ids is None or self._ids.revision == self._revision:
            return {}
        self._revision = self._ids.revision
        anew = {}
        for at, before in self._logs.items():
            log = self._ids.heard(at.topic)
            if log.topic_id is not None and log != before:
                self._logs[at] = log
                if before.topic_id is not None:
                    anew[at] = log
        return anew

    def meet(self, topics: Sequence[str]) -> None:
        """Note which logs a new client hears of first."""
        if self._ids is not None:
            self._met = {topic: log.topic_id for topic, log in self._ids.of(topics, timeout=0.0).items()}

    def outlived(self) -> bool:
        """Whether a topic that the client has met was replaced by another of its name, ours or not."""
        if self._ids is None or self._ids.revision == self._met_revision:
            return False
        self._met_revision = self._ids.revision
        heard = {topic: self._ids.heard(topic).topic_id for topic in self._met}
        outlived = any(met is not None and heard[topic] != met for topic, met in self._met.items())
        self._met = heard
        return outlived

    def doubt(self) -> None:
        """Have the ids asked for soon, because the broker says something odd about a topic."""
        if self._ids is not None:
            self._ids.hurry()
