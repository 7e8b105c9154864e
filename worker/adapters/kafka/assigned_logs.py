"""Which log each partition is of that is ours, and which were deleted and made again since.

The rule: a topic whose id was not known is not called another one when it is heard of later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.binding import LogId
from worker.core.record import Partition


class AssignedLogs:
    """The consumer's thread's own; `ids` says what is true, None of a broker that is not asked."""

    def __init__(self, ids: TopicIds | None) -> None:
        self._ids = ids
        self._logs: dict[Partition, LogId] = {}
        self._revision = 0
        self._met: dict[str, str | None] = {}
        self._met_revision = 0

    def bind(self, partitions: Sequence[Partition]) -> Mapping[Partition, LogId]:
        """Ask which logs these are of, and keep the answer; unknown is what is not told in time."""
        topics = {at.topic for at in partitions}
        told = self._ids.of(topics) if self._ids is not None and topics else {}
        bound = {at: told.get(at.topic, LogId()) for at in partitions}
        self._logs.update(bound)
        return bound

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are not ours any more."""
        for at in partitions:
            self._logs.pop(at, None)

    def ask(self, partitions: Sequence[Partition]) -> None:
        """Look now which logs these are of: an offset in them can't be used."""
        if self._ids is not None:
            self._ids.of({at.topic for at in partitions})

    def made_anew(self) -> Mapping[Partition, LogId]:
        """The partitions that are of another log than they were bound to, and which; binds them to it."""
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
        """A client was made, and hears of these topics from now on."""
        if self._ids is not None:
            self._met = {topic: log.topic_id for topic, log in self._ids.of(topics, timeout=0.0).items()}

    def outlived(self) -> bool:
        """Whether the client has met a topic that another of its name has replaced, ours or not."""
        if self._ids is None or self._ids.revision == self._met_revision:
            return False
        self._met_revision = self._ids.revision
        heard = {topic: self._ids.heard(topic).topic_id for topic in self._met}
        outlived = any(met is not None and heard[topic] != met for topic, met in self._met.items())
        self._met = heard
        return outlived

    def doubt(self) -> None:
        """Have the ids looked at soon: the broker says something odd of a topic."""
        if self._ids is not None:
            self._ids.hurry()
