"""Everything that an observer may hear of, once."""

from __future__ import annotations

from schemas import DeadReason, RetryReason
from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.place import Place
from worker.core.record import Outgoing, Partition, Record
from worker.core.retry import Tier
from worker.core.start_offset import Start, StartReason
from worker.core.tracing import SpanContext
from worker.core.unreadable import StoppedPartition
from worker.ports import Observer

AT = Partition("conversions", 3)
RECORD = Record(AT, 7, b"a-key", b"a-value", [], 0.0)
MESSAGE = Outgoing("a-topic", b"a-key", b"a-value", [])
DELIVERED = Delivered(RECORD, "e-1", 2, 200, 12.3456)
RETRY = RetryLater(RECORD, "e-2", 1, Tier("10s", 10.0), RetryReason.STATUS, "HTTP 500", MESSAGE)
DEAD = Dead(RECORD, None, 0, DeadReason.UNDECODABLE, "no value", MESSAGE)
OUTAGE = Outage(1_700_000_000.0, 5.0, 0.75, "503", "HTTP 503")


def tell_everything(observer: Observer) -> None:
    """Have everything happen once."""
    observer.consumed("conversions", 3)
    observer.passed("conversions", 4)
    observer.requested(0.2)
    observer.traced(0.2, SpanContext(0xABC, 0xDEF), 1_700_000_000.0)
    observer.attempted("retry", "500")
    observer.delivered(DELIVERED, 1_700_000_000.0)
    observer.retried(RETRY)
    observer.dead(DEAD)
    observer.skipped(RECORD)
    observer.duplicate(RECORD)
    observer.map_refused(AT, "not base64")
    observer.stopped(StoppedPartition(Place(AT, 7), "its check failed"))
    observer.passed_over(Place(AT, 7), 9)
    for how in set(StartReason) - {StartReason.CONTINUED}:
        observer.started(AT, Start(how, 7, 5))
    observer.started(AT, Start(StartReason.FIRST_DAY, 7, 0))
    observer.made_anew("conversions", 3, 1)
    observer.topics_judged(2)
    observer.committed(None)
    observer.committed("coordinator moved")
    observer.rebalanced("lost", [AT])
    observer.refused("a-topic", "too large")
    observer.circuit_opened(OUTAGE)
    observer.probed(answered=False)
    observer.probed(answered=True)
    observer.circuit_closed(OUTAGE._replace(probes=2), 1_700_000_030.0)
    observer.ordered("paused, by ann")
    observer.trouble("broker away")
