"""Writes what happens as log lines to stderr: JSON, or coloured text on a terminal.

The rules: a delivery is logged at debug, a retry at info, a dead letter at warning; a line never holds a
secret, a URL or a click id; a line below the level costs one comparison. A line that can't be written stops
nothing (`process/stderr`).
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Literal

from worker.adapters.process import stderr
from worker.adapters.structlog_alone import structlog
from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.repeated_troubles import RepeatedTroubles
from worker.core.start_offset import Start, StartReason
from worker.core.unreadable import StoppedPartition
from worker.ports import Observer

_LIE_THERE, _GONE = "records_there", "offsets_gone"
_STARTS = {
    StartReason.FIRST_DAY: (
        "no committed offset, and none remembered: reading begins where POSTBACK_KAFKA__START says",
        _LIE_THERE,
    ),
    StartReason.NEW_PARTITION: (
        "no committed offset of a new partition: reading begins at its start",
        _LIE_THERE,
    ),
    StartReason.REMEMBERED: (
        "no committed offset any more: reading begins where the group remembers it to have been",
        _LIE_THERE,
    ),
    StartReason.JOURNALED: (
        "no committed offset any more: reading begins where the journal says that the group was",
        _LIE_THERE,
    ),
    StartReason.MADE_ANEW: (
        "what is known of offsets is of a topic that was deleted: reading begins at the new one's start",
        _LIE_THERE,
    ),
    StartReason.TRUNCATED: ("the log was truncated: reading goes on where it ended then", _GONE),
    StartReason.EXPIRED: ("removed before it was read: reading goes on at the log's start", _GONE),
}

Level = Literal["debug", "info", "warning", "error"]


def is_for_people(form: Literal["auto", "json", "console"]) -> bool:
    """Whether lines are written for a person at a terminal, rather than for a program."""
    return form == "console" or (form == "auto" and sys.stderr.isatty())


def set_up(form: Literal["auto", "json", "console"], level: Level) -> None:
    """Send structlog's lines from `level` on, and the libraries' from warning on, to stderr."""
    pretty = is_for_people(form)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            render,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_is_ours)
    logging.basicConfig(
        handlers=[handler], level=logging.ERROR if level == "error" else logging.WARNING, force=True
    )
    stderr.describe_with(partial(_dropped, [*shared, render]))


def speaking_of(destination: str) -> AbstractContextManager[None]:
    """Name the destination in all lines of what is called, and of tasks and sources begun, inside."""
    return structlog.contextvars.bound_contextvars(destination=destination)


def _is_ours(line: logging.LogRecord) -> bool:
    """Whether a library's line is of the program, and not of a visitor who speaks no proper HTTP."""
    error = line.exc_info[1] if line.exc_info else None
    return line.name != "aiohttp.server" or type(error).__module__ != "aiohttp.http_exceptions"


def _dropped(processors: Sequence[structlog.typing.Processor], lines: int, why: str) -> str:
    """The line about lines that could not be written."""
    line: Any = {"event": "log lines were dropped", "lines": lines, "why": why}
    for process in processors:
        line = process(None, "warning", line)
    return str(line)


class Logs(Observer):
    """An observer that writes lines; `destination` is on each of them."""

    def __init__(self, destination: str) -> None:
        self._log = structlog.get_logger("worker").bind(destination=destination)
        self._commits = RepeatedTroubles()
        self._refusals: defaultdict[str, RepeatedTroubles] = defaultdict(RepeatedTroubles)

    def retried(self, ending: RetryLater) -> None:
        """One line at info."""
        self._log.info(
            "retry",
            event_id=ending.event_id,
            attempts=ending.attempts,
            tier=ending.tier.label,
            reason=ending.reason.value,
            error=ending.error,
            at=ending.record.origin,
        )

    def dead(self, ending: Dead) -> None:
        """One line at warning."""
        self._log.warning(
            "dead letter",
            event_id=ending.event_id,
            attempts=ending.attempts,
            reason=ending.reason.value,
            error=ending.error,
            at=ending.record.origin,
        )

    def warmed(self, remembered: int, cached: int, steps_read: int) -> None:
        """One line at info."""
        self._log.info(
            "what the journal tells is known", remembered=remembered, cached=cached, steps_read=steps_read
        )

    def started(self, at: Partition, start: Start) -> None:
        """One line at warning; without records, so that nothing is lost or repeated, at info or debug.

        At info if there was an offset before.
        """
        tell = self._log.warning
        if start.how.without_offset and not start.distance:
            tell = (
                self._log.debug
                if start.how in {StartReason.FIRST_DAY, StartReason.NEW_PARTITION}
                else self._log.info
            )
        event, measure = _STARTS[start.how]
        tell(event, partition=str(at), offset=start.offset, **{measure: start.distance})

    def map_refused(self, partition: Partition, why: str) -> None:
        """One line at warning."""
        self._log.warning(
            "commit metadata is not believed; what was finished above the offset may be sent again",
            partition=str(partition),
            why=why,
        )

    def stopped(self, stopped: StoppedPartition) -> None:
        """One line at error: a person must act."""
        self._log.error(
            "a record can't be read: its partition rests", at=str(stopped.place), why=str(stopped)
        )

    def passed_over(self, place: Place, beyond: int) -> None:
        """One line at warning."""
        self._log.warning(
            "skipped what can't be read, as POSTBACK_KAFKA__SKIP says",
            at=str(place),
            offsets=beyond - place.offset,
            goes_on_at=beyond,
        )

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:
        """One line at warning."""
        self._log.warning(
            "topic was deleted and made again: it counts from its start; what lay in the deleted one is gone",
            topic=topic,
            discarded=discarded,
            under_way=under_way,
        )

    def committed(self, error: str | None) -> None:
        """One line at warning if it failed, now and then: it is tried again several times a second."""
        if error is not None and self._commits.is_news("whatever failed", time.monotonic()):
            self._log.warning("commit failed; the next one says the same or more", error=error)

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        """One line at info with the number of partitions of each topic."""
        by_topic = Counter(partition.topic for partition in partitions)
        self._log.info("rebalance", kind=kind, partitions=dict(by_topic))

    def refused(self, topic: str, error: str) -> None:
        """One line at warning for each topic and cause, now and then: each waiting record is tried again."""
        if self._refusals[topic].is_news(error, time.monotonic()):
            self._log.warning("publish refused; trying again", topic=topic, error=error)

    def circuit_opened(self, outage: Outage) -> None:
        """One line at warning, with the cause."""
        self._log.warning(
            "circuit opened: the partner counts as down; events wait, and no attempt is used up",
            status=outage.label,
            error=outage.error,
            share=round(outage.share, 2),
        )

    def circuit_closed(self, outage: Outage, now: float) -> None:
        """One line at warning, like the opening."""
        self._log.warning(
            "circuit closed: the partner is back",
            lasted_seconds=round(now - outage.since, 1),
            probes=outage.probes,
            last_error=outage.error,
        )

    def ordered(self, message: str) -> None:
        """One line at warning: a person has stepped in."""
        self._log.warning("a standing order", order=message)

    def trouble(self, message: str) -> None:
        """One line at warning."""
        self._log.warning(message)


class DebugLogs(Logs):
    """Also writes lines at debug: one for each delivery and each skipped record."""

    def delivered(self, ending: Delivered, now: float) -> None:  # noqa: ARG002 - the port's metrics use it
        """One line at debug."""
        self._log.debug(
            "delivered",
            event_id=ending.event_id,
            attempts=ending.attempts,
            status=ending.status,
            delay=round(ending.delay, 3),
            at=ending.record.origin,
        )

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        """One line at info, and one at debug with each partition's name."""
        super().rebalanced(kind, partitions)
        self._log.debug("rebalanced", kind=kind, partitions=[str(partition) for partition in partitions])

    def skipped(self, record: Record) -> None:
        """One line at debug."""
        self._log.debug("skipped: delivered already", at=record.origin)


def make_logs(destination: str, level: Level) -> Logs:
    """Make the observer for a level: above debug, a delivery costs no call."""
    return DebugLogs(destination) if level == "debug" else Logs(destination)
