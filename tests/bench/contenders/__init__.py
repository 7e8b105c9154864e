"""The ways to send that are compared, each run in a process of its own that loads no other.

The rule: all send the same requests to the same sink with the same number in flight, on uvloop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import NamedTuple, cast

from tests.bench.job import Figures, Job

Run = Callable[[Job], Coroutine[None, None, Figures]]


class Contender(NamedTuple):
    """Where it is, what it is, whether it reads from Kafka, and what share of the events is enough for it."""

    where: str
    what: str
    kafka: bool = True
    share: float = 1.0

    @property
    def own(self) -> bool:
        """Whether it is this worker, in one form or another."""
        return self.where.startswith(("worker:", "variants:", "several:"))

    @property
    def is_go(self) -> bool:
        """Whether it is the peer in Go, a program of its own."""
        return self.where == "go"

    def load(self) -> Run:
        """Import it."""
        module, _, name = self.where.partition(":")
        return cast("Run", getattr(import_module(f"{__name__}.{module}"), name))


CONTENDERS = {
    "raw": Contender("bare:raw", "httptools alone, no Kafka: the floor", kafka=False),
    "bare": Contender("bare:bare", "`ClientSession.get` loop, no Kafka", kafka=False),
    "go": Contender("go", "handwritten Go: franz-go, net/http, a commit after each thousand"),
    "worker": Contender("worker:direct", "this worker, everything on"),
    "worker-session": Contender("worker:session", "this worker, `TRANSPORT=session`"),
    "script-batch": Contender("scripts:batch", "confluent-kafka + aiohttp: consume, gather, commit"),
    "script-tasks": Contender("scripts:tasks", "confluent-kafka + aiohttp: a task each, commits run ahead"),
    "script-one": Contender("scripts:one", "confluent-kafka + aiohttp: poll, send, commit", share=0.25),
    "faststream-batch": Contender("streams:batch", "FastStream batch subscriber + aiohttp"),
    "faststream-one": Contender("streams:one", "FastStream subscriber + aiohttp", share=0.25),
    "faststream-many": Contender(
        "streams:many", "FastStream subscriber, `max_workers`, acknowledged first", share=0.5
    ),
    "no-guarantee": Contender("variants:no_guarantee", "without ledger, map and commits"),
    "no-copies": Contender("variants:no_copies", "with the journal, and no copies"),
    "no-journal": Contender("variants:no_journal", "without the journal"),
    "traced": Contender("variants:traced", "one conversion in a hundred traced"),
    "traced-all": Contender("variants:traced_all", "each conversion traced"),
    "no-metrics": Contender("variants:no_metrics", "without metrics and logs"),
    "gc-as-is": Contender("variants:gc_as_is", "garbage collection: as it is"),
    "no-freeze": Contender("variants:no_freeze", "garbage collection: no freeze"),
    "gc-often": Contender("variants:gc_often", "garbage collection: as often as Python does"),
    "gc-off": Contender("variants:gc_off", "garbage collection: off"),
    "one-alone": Contender("several:alone", "one destination, which takes all events"),
    "one-of-several": Contender(
        "several:beside_idle", "one of five, which takes all events, beside 4 idle ones"
    ),
    "only-reads": Contender("several:only_reads", "a loop that only reads them"),
    "passed-by-field": Contender("several:by_field", "one that passes over them all for a field"),
    "passed-by-header": Contender("several:by_header", "one that passes over them all for a header"),
    "passed-by-fallback": Contender(
        "several:by_fallback", "the fallback that passes over them all: another takes them"
    ),
    "profile": Contender("variants:profile", "the worker, its stack looked at"),
}
