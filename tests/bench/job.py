"""What a contender is given to do, and what it measures of itself.

The rule: costs are of the contender's own process, all threads, from its first event to its last.
"""

from __future__ import annotations

import re
import resource
import time
from pathlib import Path
from typing import NamedTuple

QUERY = "/postback?measurement=1&click_id={click_id}&event={event}&payout={payout}"

Figures = dict[str, float]


class Job(NamedTuple):
    """So many requests, so many in flight, to the sink at `base` (`SSL_CERT_FILE` makes its TLS trusted)."""

    base: str
    events: int
    concurrency: int = 256
    bootstrap: str = ""
    topic: str = ""
    group: str = ""
    begin: float = 0.0
    """Where set: count from this moment (monotonic clock) for WINDOW seconds, whatever `events` says."""

    def url(self, number: int) -> str:
        """Name the request of the event of this number."""
        return self.base + target(number)


class Meter:
    """CPU and wall time of this process, from its making on; its highest memory; its CPU time before."""

    def __init__(self) -> None:
        self._cpu = self._start = cpu_seconds()
        self._wall = time.perf_counter()

    def read(self, count: int) -> Figures:
        """Say what `count` events cost."""
        cpu, wall = cpu_seconds() - self._cpu, time.perf_counter() - self._wall
        return {
            "events": count,
            "cpu_us": cpu / count * 1e6,
            "per_second": count / wall,
            "per_core": count / cpu,
            "rss_mb": peak_mb(),
            "start_cpu_s": self._start,
        }


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """The most memory that this program held; `ru_maxrss` would tell that of the parent, if it held more."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def target(number: int) -> str:
    """Path and query of the request of the event of this number."""
    return QUERY.format(click_id=f"click-{number:012d}", event="purchase", payout="49.99")


def make_event(number: int, now: float) -> bytes:
    """One conversion, as a shop's pipeline writes it."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return (
        f'{{"event_id":"event-{number:012d}","click_id":"click-{number:012d}","event":"purchase",'
        f'"payout":"49.99","occurred_at":"{at}","clicked_at":"{at}","order_id":"order-{number}"}}'
    ).encode()
