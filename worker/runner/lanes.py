"""The lanes: a fixed set of tasks, each with one connection, that take the next record for ever.

The rules: a lane takes a record only when the gate admits a request; it hands every record on with one
ending, or gives it back untried; parked lanes are woken by what changed, or by one timer for what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from worker.core.classify import Kind, Rules, Verdict, classify
from worker.core.holding import Held
from worker.core.lane import Gate
from worker.core.schedule import Schedule
from worker.core.settle import Dead, Delivered
from worker.pipeline import Attempt, Ending, Pipeline
from worker.ports import Clock, Lane, Observer, Sender

Job = tuple[Held, Attempt]

# Due times are wall-clock times: a clock that is set forward is noticed this soon.
_LONGEST_TIMER = 5.0
# Timers may fire a little early by the loop's own resolution; asking again this much later saves a turn.
_TIMER_SLACK = 0.001


class Desk(Protocol):
    """Who takes the records that the lanes are done with."""

    def on_taken(self, held: Held) -> None:
        """Hear that a record left the schedule."""
        ...

    def on_ended(self, held: Held, ending: Ending) -> None:
        """Take a record with its ending."""
        ...

    def on_given_back(self, held: Held) -> None:
        """Take a record back that was not tried."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that a lane can't go on."""
        ...


class Lanes:
    """All lanes to one destination."""

    def __init__(
        self,
        sender: Sender,
        gate: Gate,
        schedule: Schedule,
        pipeline: Pipeline,
        rules: Rules,
        desk: Desk,
        observer: Observer,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._gate = gate
        self._schedule = schedule
        self._pipeline = pipeline
        self._rules = rules
        self._desk = desk
        self._observer = observer
        self._clock = clock
        self._jitter = jitter
        self._parked: list[asyncio.Future[Job]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = float("inf")
        self.held = False
        """Whether no request may be started for now; whoever clears it calls `pump`."""
        self.blocked: str | None = None
        """Why nothing may be sent as things are set up (a forbidden address); None while all is well."""

    def start(self) -> list[asyncio.Task[None]]:
        """Start the lanes; they run until they are cancelled."""
        return [
            asyncio.create_task(self._run(self._sender.lane()), name=f"lane-{number}")
            for number in range(self._gate.limit.most)
        ]

    def pump(self) -> None:
        """Hand records to parked lanes while there are both and the gate admits; set the timer for later."""
        while self._parked:
            if self._parked[-1].done():  # cancelled while it was parked
                self._parked.pop()
                continue
            job = self._next()
            if job is None:
                self._set_timer()
                return
            self._parked.pop().set_result(job)

    async def _run(self, lane: Lane) -> None:
        try:
            while True:
                job = self._next() or await self._park()
                if self._parked:
                    self.pump()  # the last answer may have raised the limit by one more
                await self._serve(job, lane)
        finally:
            await lane.close()

    async def _park(self) -> Job:
        waiter: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._parked.append(waiter)
        self._set_timer()
        return await waiter

    def _next(self) -> Job | None:
        """Take the next record for which a request may start now; those without one end here."""
        while not self.held and self._gate.admits(self._clock.monotonic()):
            now = self._clock.now()
            held = self._schedule.take(now)
            if held is None:
                return None
            self._desk.on_taken(held)
            step = self._pipeline.prepare(held.record, held.holding.tier is not None, now)
            if isinstance(step, Attempt):
                self._gate.starting(self._clock.monotonic())
                return held, step
            self._desk.on_ended(held, step)
        return None

    async def _serve(self, job: Job, lane: Lane) -> None:
        held, attempt = job
        started_at, started = self._clock.now(), self._clock.monotonic()
        try:
            answer = await lane.send(attempt.request)
        except BaseException:
            self._gate.abandoned(started)
            raise
        now, ended = self._clock.now(), self._clock.monotonic()
        verdict = classify(answer, self._rules, now)
        counts = self._gate.ended(verdict, started, ended, self._jitter())
        self._note(verdict, ended - started)
        if not counts:
            self._desk.on_given_back(held)
            return
        ending = self._pipeline.judge(attempt, verdict, started_at, now)
        self._observer.attempted(_outcome(ending), verdict.label)
        self._desk.on_ended(held, ending)

    def _note(self, verdict: Verdict, seconds: float) -> None:
        if verdict.kind is Kind.BLOCKED:
            if self.blocked is None:
                self._observer.trouble(f"nothing is sent: {verdict.error}")
            self.blocked = verdict.error
            return
        self.blocked = None
        self._observer.requested(seconds)

    def _set_timer(self) -> None:
        """Wake when time alone will let the next record go; an answer or a new record wakes by itself."""
        delay = self._delay()
        if delay is None:
            return
        wake_at = self._clock.monotonic() + delay
        if self._timer is not None:
            if self._wake_at <= wake_at:
                return
            self._timer.cancel()
        self._wake_at = wake_at
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _delay(self) -> float | None:
        due = self._schedule.wake_at()
        admitted = self._gate.wake_at()
        if due is None or admitted is None or self.held:
            return None
        delay = max(due - self._clock.now(), admitted - self._clock.monotonic()) + _TIMER_SLACK
        return min(max(delay, _TIMER_SLACK), _LONGEST_TIMER)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake_at = float("inf")
        try:
            self.pump()
        except Exception as error:
            self._desk.on_failed(error)


def _outcome(ending: Ending) -> str:
    if isinstance(ending, Delivered):
        return "delivered"
    return "dead" if isinstance(ending, Dead) else "retry"
