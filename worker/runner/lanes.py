"""The lanes: a fixed set, each with one connection; after an answer a lane takes the next record.

The rules: a lane takes a record only if the gate admits a request. It passes every record on with one ending,
or gives it back untried. Parked lanes are woken by changes, or by one timer for what becomes due. The answers
of one turn of the loop are ended first, up to TOGETHER_ANSWERS of them, then the next requests begin: doing
the same kind of work together costs a tenth less, because of the processor's caches. Everything is plain
calls from the loop, without tasks. The loop would only log what such a call raises, and go on without the
lane. So each is guarded, and what it raises ends the run.
"""

from __future__ import annotations

import asyncio

from worker.core.admission.circuit import CLOSED
from worker.core.admission.gate import Gate
from worker.core.admission.outage import Outage
from worker.core.answer import Answer
from worker.core.classify import BLOCKED, AnswerVerdict, classify
from worker.core.endings import Dead, Delivered, RetryLater, WaitsForCopy
from worker.core.schedule import Schedule
from worker.pipeline import Attempt, CompiledSettings, Pipeline
from worker.ports import Sender
from worker.runner.descriptor_shortage import DescriptorShortage
from worker.runner.former_senders import FormerLane
from worker.runner.lanes_listener import LanesListener
from worker.runner.parts import Surroundings
from worker.runner.slot import Job, Slot
from worker.runner.stall import StallDetector

TOGETHER_ANSWERS = 32
"""Answers that are ended together.

Enough to keep the processor's caches warm. With more, those first to come would wait for the others before
their lanes send again, and all would come back at once: a tenth fewer events per second at 20 ms.
"""

# The metrics' words for the endings of attempts.
_OUTCOMES = {Delivered: "delivered", RetryLater: "retry", Dead: "dead"}

# Due times are wall-clock times: a clock that is set is noticed within so many seconds.
_LONGEST_TIMER_SECONDS = 1.0
# The wall clock was set back if it lost more than so many seconds on the monotonic one.
_CLOCK_SET_BACK_SECONDS = 0.1
# Timers may fire a little early because of the loop's resolution; this slack saves a turn.
_TIMER_SLACK_SECONDS = 0.001


class Lanes:
    """All lanes to one destination."""

    def __init__(
        self,
        sender: Sender,
        gate: Gate,
        schedule: Schedule,
        compiled: CompiledSettings,
        listener: LanesListener,
        around: Surroundings,
    ) -> None:
        self._copies = listener.copies
        self._sender = sender
        self._gate = gate
        self._schedule = schedule
        self._pipeline = Pipeline(compiled)
        self._rules = compiled.rules
        self._listener = listener
        self._fence = listener.fence
        self._observer, self._clock, self._jitter = around
        self._stall = StallDetector(around.clock, listener.on_still)
        self._slots: list[Slot] = []
        self._parked: list[Slot] = []
        self._answered: list[tuple[Slot, Answer]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = float("inf")
        self._limit = gate.limit.value
        self._ahead = self._clock.monotonic() - self._clock.now()
        self.blocked: str | None = None
        """Why nothing may be sent at all (a forbidden address), or None."""
        self.shortage = DescriptorShortage()
        self.outage: Outage | None = None
        """The open circuit's outage; None while it is closed."""

    def start(self) -> None:
        """Make the lanes."""
        self._slots = [Slot(self, self._sender.lane()) for _ in range(self._gate.limit.most)]
        self._parked = self._slots.copy()
        self._stall.start()

    def renew(self, compiled: CompiledSettings, sender: Sender) -> list[FormerLane]:
        """Use these settings and sender from the next request on; return the lanes of a former sender."""
        self._pipeline, self._rules = Pipeline(compiled), compiled.rules
        if sender is self._sender:
            return []
        self._sender = sender
        return [slot.renew(sender.lane()) for slot in self._slots]

    async def stop(self) -> None:
        """Give up the requests in flight, which may have been received, and close the connections.

        Answers of this very turn are ended first.
        """
        self._end_answered()
        self._parked.clear()
        self._stall.stop()
        if self._timer is not None:
            self._timer.cancel()
        for slot in self._slots:
            slot.give_up()
        await asyncio.gather(*(slot.lane.close() for slot in self._slots), return_exceptions=True)

    def check_in(self) -> None:
        """Notice a standstill that has just ended, before acting on partitions that may be lost."""
        self._stall.check_in(self._clock.now(), self._clock.monotonic())

    def pump(self) -> None:
        """Let parked lanes send while there are records and the gate admits; then set the timer."""
        self.check_in()
        while self._parked:
            if not self._serve(self._parked[-1], self._clock.now(), self._clock.monotonic()):
                self._set_timer()
                return
            self._parked.pop()

    def wake(self) -> None:
        """Let parked lanes look soon for records that came back to the schedule."""
        self._set_timer()

    def _serve(self, slot: Slot, now: float, at: float) -> bool:
        """Let a lane send the next record, if one may go now; records that need no request end here.

        `now` and `at` are this moment on the two clocks.
        """
        while self._fence.may_send and self._gate.admits(at):
            if self._gate.probes(at):
                self._listener.on_probe()
                pending = self._schedule.probe(now, self._gate.probing)
            else:
                pending = self._schedule.take(now, self._gate.limit.value, self._gate.occupied)
            if pending is None:
                self._listener.on_idle()
                return False
            self._listener.on_taken(pending)
            prepared = self._pipeline.prepare(pending.record, pending.partition.tier is not None, now)
            step = prepared if self._copies is None else self._copies.judge(pending, prepared, now)
            if isinstance(step, Attempt):
                self._gate.starting(at)
                slot.job = (pending, step, now, at)
                slot.lane.begin(step.request, slot)
                return True
            if isinstance(step, WaitsForCopy):
                self._listener.on_waits(pending)
            else:
                self._listener.on_ended(pending, step, now, None)
        return False

    def on_answer(self, slot: Slot, answer: Answer) -> None:
        """Queue an answer, to be judged with others of this turn; then its lane sends the next record."""
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._on_turn)
        self._answered.append((slot, answer))
        if len(self._answered) >= TOGETHER_ANSWERS:
            self._on_turn()

    def _on_turn(self) -> None:
        """End what was answered so far in this turn; no exception may reach the loop."""
        answered = len(self._answered)
        try:
            free = self._end_answered()
            self._go_on(free, others_may=len(free) < answered)
        except Exception as error:
            self._listener.on_failed(error)

    def _end_answered(self) -> list[Slot]:
        """End what was answered; return the lanes that are free."""
        answered, self._answered = self._answered, []
        free = []
        for slot, answer in answered:
            job, slot.job = slot.job, None
            if job is None:  # given up
                continue
            try:
                if self._end(job, answer):
                    self._parked.insert(0, slot)  # the others first
                else:
                    free.append(slot)
            except Exception as error:  # the other answers are ended all the same
                self._listener.on_failed(error)
        return free

    def _go_on(self, free: list[Slot], *, others_may: bool) -> None:
        """Let free lanes send the next records; parked ones too, if more may be in flight now."""
        if free:
            self.check_in()
        while free:
            if not self._serve(free[-1], self._clock.now(), self._clock.monotonic()):
                self._parked += free
                self._set_timer()
                break
            free.pop()
        before, self._limit = self._limit, self._gate.limit.value
        if self._parked and (others_may or self._limit > before):
            self.pump()

    def _end(self, job: Job, answer: Answer) -> bool:
        """End a record, or give it back; return whether its lane lacked a descriptor to connect."""
        pending, attempt, started_at, started = job
        now, at = self._clock.now(), self._clock.monotonic()
        self._stall.check_in(now, at)
        verdict = classify(answer, self._rules, now)
        if self._gate.ended(verdict, pending, started, at, self._jitter()):
            ending = self._pipeline.judge(attempt, verdict, started_at, now)
            self._observer.attempted(_OUTCOMES[type(ending)], verdict.label)
            self._listener.on_ended(pending, ending, now, (attempt, at - started, answer))
        else:
            self._listener.on_given_back(pending)
        if self._gate.circuit.state is not CLOSED or self.outage is not None:
            self._note_outage(verdict, started, now, at)
        if verdict.kind is BLOCKED:
            self._note_blocked(verdict, at)
            return verdict.is_shortage
        self.blocked = None
        self._observer.requested(at - started)
        return False

    def on_given_up(self, job: Job) -> None:
        """Count a request with an unknown outcome as over."""
        self._gate.abandoned(job[3])

    def on_failed(self, error: BaseException) -> None:
        """End the run, because a lane or something around it broke."""
        self._listener.on_failed(error)

    def _note_outage(self, verdict: AnswerVerdict, started: float, now: float, at: float) -> None:
        """Report that the circuit opened or closed, and count its probes."""
        circuit = self._gate.circuit
        if self.outage is None:
            self.outage = Outage(now, at, circuit.failure_share(), verdict.label, verdict.error)
            self._observer.circuit_opened(self.outage)
        elif started >= self.outage.opened_at:
            self.outage = self.outage.probed(verdict)
            self._observer.probed(answered=not verdict.pressure)
            if circuit.state is CLOSED:
                self._observer.circuit_closed(self.outage, now)
                self.outage = None

    def _note_blocked(self, verdict: AnswerVerdict, at: float) -> None:
        if verdict.is_shortage:
            if self.shortage.note(verdict.error, at):
                self._observer.trouble(f"no more connections can be opened: {verdict.error}")
        else:
            if self.blocked is None:
                self._observer.trouble(f"nothing is sent: {verdict.error}")
            self.blocked = verdict.error

    def _set_timer(self) -> None:
        """Wake when time alone lets the next record go; answers and new records wake lanes anyway."""
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
        admitted = self._gate.wake_at()
        if admitted is None or not self._fence.may_send:  # then an answer, or the fence, wakes the lanes
            return None
        due = self._schedule.wake_at()
        if due is None:
            return None
        delay = max(due - self._clock.now(), admitted - self._clock.monotonic()) + _TIMER_SLACK_SECONDS
        return min(max(delay, _TIMER_SLACK_SECONDS), _LONGEST_TIMER_SECONDS)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake_at = float("inf")
        try:
            self._look_at_clock()
            self.pump()
        except Exception as error:
            self._listener.on_failed(error)

    def _look_at_clock(self) -> None:
        now = self._clock.now()
        before, self._ahead = self._ahead, self._clock.monotonic() - now
        if self._ahead > before + _CLOCK_SET_BACK_SECONDS:
            self._schedule.clock_set_back(now)
