"""The worker with a part taken out or set otherwise, to see what that part costs. No option of the product.

The rule: each differs from the worker in what its docstring says and in nothing else. They are put together
from the worker's own parts, so they follow it as it changes.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace

from tests.bench.contenders.worker import Countdown, make_settings, run
from tests.bench.job import Figures, Job
from tests.bench.sampling import Sampler, thread_seconds
from worker import app
from worker.adapters.observers import Observers
from worker.core.offset_map import OffsetMap
from worker.core.offsets import Offsets
from worker.runner import delivery, intake
from worker.runner.commits import Committer
from worker.settings import Deployment
from worker.settings.groups import Journal
from worker.settings.tracing import Tracing

FOLDED = Path(".cache/bench/worker.folded")


class _NoOffsets(Offsets):
    """Knows nothing, so there is never anything to commit."""

    __slots__ = ()

    def __init__(self, position: int | None, finished: OffsetMap | None = None) -> None:
        super().__init__(None)

    def track(self, offset: int) -> bool:
        return True

    def resolve(self, offset: int) -> None:
        return None


class _NoCommits(Committer):
    def note_finished(self, count: int = 1) -> None:
        return None

    async def run(self) -> None:
        await asyncio.Event().wait()


async def no_guarantee(job: Job) -> Figures:
    """No offsets, no map, no commits."""
    _replace(intake, Offsets=_NoOffsets)
    _replace(delivery, Committer=_NoCommits)
    return await _direct(job)


def _replace(module: ModuleType, **parts: object) -> None:
    """Put other parts in the place of a module's own, which must be there."""
    for name, part in parts.items():
        assert name in vars(module), name
        vars(module)[name] = part


async def no_metrics(job: Job) -> Figures:
    """Nobody but the count listens: no metrics, no logs."""
    countdown = Countdown(job)
    worker = app.Worker(Deployment.of(make_settings(job)))
    worker._served[0].observer = Observers(countdown)
    return await run(job, worker, countdown)


async def no_journal(job: Job) -> Figures:
    """No steps are written."""
    return await _with_journal(job, Journal(enabled=False))


async def no_copies(job: Job) -> Figures:
    """Steps are written, and none are read."""
    return await _with_journal(job, Journal(dedup_window=0.0))


async def _with_journal(job: Job, journal: Journal) -> Figures:
    countdown = Countdown(job)
    changed = make_settings(job).model_copy(update={"journal": journal})
    return await run(job, app.Worker(Deployment.of(changed), countdown, caches=False), countdown)


async def traced(job: Job) -> Figures:
    """One conversion in a hundred is traced; the sink takes the spans, too."""
    return await _with_tracing(job, 0.01)


async def traced_all(job: Job) -> Figures:
    """Each conversion is traced."""
    return await _with_tracing(job, 1.0)


async def no_freeze(job: Job) -> Figures:
    """What lives as long as the process stays among what the garbage collection looks at."""
    _replace(app, gc=SimpleNamespace(collect=lambda: 0, freeze=lambda: None, set_threshold=gc.set_threshold))
    return await _collected(job)


async def gc_as_is(job: Job) -> Figures:
    """Nothing is different; collections are counted."""
    return await _collected(job)


async def gc_often(job: Job) -> Figures:
    """The youngest generation is collected every 700 allocations, as Python does by itself."""
    _replace(app, YOUNG_OBJECTS=700)
    return await _collected(job)


async def gc_off(job: Job) -> Figures:
    """No garbage collection."""
    gc.disable()
    return await _collected(job)


async def profile(job: Job) -> Figures:
    """The worker, with a look at its main thread's stack as its CPU time passes; tells on stderr."""
    sampler, countdown = Sampler(), _WithThreads(job)
    signal.signal(signal.SIGPROF, sampler.look)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    cost = await run(job, app.Worker(Deployment.of(make_settings(job)), countdown), countdown)
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(sampler.report(), file=sys.stderr)
    for name, seconds in countdown.threads.items():
        print(f"{seconds / job.events * 1e6:7.2f} us/event  thread {name}", file=sys.stderr)
    FOLDED.parent.mkdir(parents=True, exist_ok=True)
    FOLDED.write_text(sampler.folded(), "utf-8")
    return cost


class _WithThreads(Countdown):
    """Asks for the threads' CPU while they live."""

    threads: Mapping[str, float]

    def _end(self) -> None:
        super()._end()
        self.threads = thread_seconds()


async def _direct(job: Job) -> Figures:
    countdown = Countdown(job)
    return await run(job, app.Worker(Deployment.of(make_settings(job)), countdown), countdown)


async def _with_tracing(job: Job, sample: float) -> Figures:
    countdown = Countdown(job)
    tracing = Tracing(endpoint=job.base, sample=sample)
    settings = make_settings(job).model_copy(update={"tracing": tracing})
    return await run(job, app.Worker(Deployment.of(settings), countdown), countdown)


async def _collected(job: Job) -> Figures:
    pauses: list[float] = []
    full: list[float] = []
    began = 0.0

    def note(phase: str, found: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
            return
        pauses.append(time.perf_counter() - began)
        if found["generation"] == 2:
            full.append(pauses[-1])

    gc.callbacks.append(note)
    cost = await _direct(job)
    gc.callbacks.remove(note)
    return {
        **cost,
        "gc_us": sum(pauses) / job.events * 1e6,
        "gc_full": len(full),
        "gc_longest_ms": max(pauses, default=0.0) * 1e3,
    }
