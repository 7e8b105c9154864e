"""A replay from end to end: what goes, its plan, and what a replay that was broken off has sent already.

The rule: the plan is at the broker before the first letter is at the source. What a plan that is not done has
sent is found at the source, behind where that ended when the plan was made: a replay is told there by its
event id, its count of replays and its destination. So whatever breaks a replay off, the next one goes on, and
sends nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from worker.ops.broker import answering, asking
from worker.ops.control import Control
from worker.ops.dead_letters import matching, quietly
from worker.ops.edits import Edit, as_it_is
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.filters import Filters
from worker.ops.plans import Place, Plan
from worker.ops.progress_at_source import come_since, settle, since_of, source_spans
from worker.ops.replay import Choice, Judge, Outbound, Refusal, choose, read_again

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.adapters.kafka.topic_reader import Span, TopicReader
    from worker.core.orders import Cancel
    from worker.core.record import Partition, Record
    from worker.ops.dead_letters import Show
    from worker.settings import Deployment, Settings

KIND = "replay"
CANCELLED = "cancelled"


class Asked(NamedTuple):
    """What was asked for: which letters, also those that went already, edited how; in which words, by whom.

    By its words a replay is known that is asked for again, whoever does.
    """

    filters: Filters
    limit: int
    again: bool
    edit: Edit | None
    question: str
    by: str | None = None


class Ready(NamedTuple):
    """A replay that can begin: its plan, and which of its letters are left to send.

    `goes_on` says that it was begun before; so many as `left_out` says went already.
    """

    plan: Plan
    left: frozenset[Place]
    goes_on: bool
    left_out: int
    refused: Mapping[str, int]
    outbound: Outbound
    faults: Sequence[str] = ()


class Replaying:
    """Replays of one destination, read by `reader`; `hear` is told what it waits for."""

    def __init__(
        self,
        deployment: Deployment,
        settings: Settings,
        reader: TopicReader,
        hear: Callable[[str], None],
    ) -> None:
        self._deployment = deployment
        self._settings = settings
        self._reader = reader
        self._hear = hear
        self._control = Control(settings, KIND, hear)
        self._sent: dict[str, frozenset[Place]] = {}  # by plans that are not done

    def ready(self, asked: Asked, now: float, show: Show = quietly) -> Ready:
        """Say what would go; nothing is written. Raises CannotDo, BrokerUnavailable."""
        source = source_spans(self._settings)
        outbound = self._outbound(asked.edit, source)
        log = self._log()
        plans = [plan for plan in self._control.plans() if log is None or plan.log in {None, log}]
        begun = [plan for plan in plans if not plan.is_done]
        sent = self._sent = self._sent_of(begun, source)
        same = next((plan for plan in begun if plan.question == asked.question), None)
        if same is not None:
            return self._resumed(same, sent[same.id], asked, outbound, now)
        gone: set[Place] = set()
        if not asked.again:
            gone = {place for plan in plans for place in (plan.places if plan.is_done else sent[plan.id])}
        choice = self._choice(asked, gone, outbound, now, show)
        ends = {at.number: span.end for at, span in source.items()}
        places = frozenset(choice.places)
        plan = Plan(KIND, uuid4().hex[:12], asked.question, now, ends, len(places), places, log, by=asked.by)
        return Ready(plan, places, False, choice.gone_before, choice.refused, outbound, choice.faults)

    def begin(self, ready: Ready) -> None:
        """Write its plan, unless it is there; what others broke off is settled before that."""
        if ready.goes_on:
            return
        self._control.make()
        self._settle()
        self._control.write(ready.plan)

    def end(self, ready: Ready) -> None:
        """Write that all of it is at the source: what was sent before, and what was left."""
        sent = ready.left | self._sent.get(ready.plan.id, frozenset())
        if sent == ready.plan.places:
            self._control.end(ready.plan)
        else:
            self._control.settle(ready.plan, sent)

    def letters(self, ready: Ready) -> Iterator[DeadLetter]:
        """Read what is left to send, for as long as it takes."""
        return read_again(self._reader, self._settings.dlq_topic, ready.left, self._hear)

    def _resumed(
        self, plan: Plan, sent: frozenset[Place], asked: Asked, outbound: Outbound, now: float
    ) -> Ready:
        """What is left of a plan: those of its letters that are still there, and may live."""
        judge = judge_of(self._deployment, self._settings, outbound, asked.edit, now)
        unsent = read_again(self._reader, self._settings.dlq_topic, plan.places - sent, self._hear)
        judged = {(one.partition, one.offset): judge(one) for one in unsent}
        left = frozenset(place for place, refusal in judged.items() if refusal is None)
        refused = Counter(refusal.reason for refusal in judged.values() if refusal is not None)
        return Ready(plan, left, True, len(sent), refused, outbound)

    def _choice(
        self, asked: Asked, gone: Collection[Place], outbound: Outbound, now: float, show: Show
    ) -> Choice:
        filters, edit = asked.filters, asked.edit
        judge = judge_of(self._deployment, self._settings, outbound, edit, now)
        if edit is None or edit.lines is None:
            every = matching(self._reader, Filters(since=filters.since), show)
            return choose(every, filters, asked.limit, gone, judge)
        meant = list(read_again(self._reader, self._settings.dlq_topic, edit.lines, self._hear))
        wrong = list(edit.wrong_lines(meant))
        return Choice([], 0, {}, wrong) if wrong else choose(meant, filters, asked.limit, gone, judge)

    def _settle(self) -> None:
        """Write down for good what others that were broken off have sent, and forget what expired."""
        log, starts = self._log(), {at.number: span.start for at, span in self._reader.spans().items()}
        for plan in self._control.plans():
            expired = all(offset < starts.get(number, 0) for number, offset in plan.places)
            if plan.id in self._sent:
                self._control.settle(plan, self._sent[plan.id])
            elif plan.is_done and (expired or (log is not None and plan.log not in {None, log})):
                self._control.forget(plan)

    def _outbound(self, edit: Edit | None, source: Mapping[Partition, Span]) -> Outbound:
        settings, revise = self._settings, as_it_is if edit is None else edit.revise
        numbers = frozenset(at.number for at in source)
        return Outbound(settings.destination.name, settings.kafka.topic, numbers, revise)

    def _log(self) -> str | None:
        """Which log the dead-letter topic is; None where the broker does not say."""
        from worker.adapters.kafka.topic_ids import TopicIds

        topic = self._settings.dlq_topic
        with answering(self._settings), TopicIds(asking(self._settings)) as ids:
            return ids.of([topic])[topic].topic_id

    def _sent_of(
        self, begun: Sequence[Plan], source: Mapping[Partition, Span]
    ) -> dict[str, frozenset[Place]]:
        """Which of their places each of these plans has sent, by its id."""
        if begun:
            settle(self._hear)
        return {plan.id: self._sent_by(plan, source) for plan in begun}

    def _sent_by(self, plan: Plan, source: Mapping[Partition, Span]) -> frozenset[Place]:
        since, name = since_of(plan, source), self._settings.destination.name
        if since is None:
            self._hear(f"what {plan.key} has sent is no longer on the source: all of it counts as sent")
            return plan.places
        came = come_since(self._settings, since)
        there = {key for record in came if (key := replayed(record, name)) is not None}
        letters = read_again(self._reader, self._settings.dlq_topic, plan.places, self._hear)
        return frozenset(
            (letter.partition, letter.offset)
            for letter in letters
            if (letter.event_id, letter.replays + 1) in there
        )


def replayed(record: Record, destination: str) -> tuple[str, int] | None:
    """Which conversion a record of the source replays for a destination, and how often it was; else None."""
    from schemas import WorkerHeaders
    from schemas.dead_letter import fields_of
    from schemas.headers import REPLAYS

    if not any(name == REPLAYS for name, _ in record.headers):
        return None
    told = WorkerHeaders.read(record.headers)
    event_id = fields_of(record.value).get("event_id")
    if told.replays is None or told.replayed_for not in {None, destination} or not isinstance(event_id, str):
        return None
    return event_id, told.replays


def judge_of(
    deployment: Deployment, settings: Settings, outbound: Outbound, edit: Edit | None, now: float
) -> Judge:
    """What tells of a letter whether it would only die again, judged as the workers judge it at `now`.

    What is edited and invalid all the same is a fault.
    """
    from schemas import DeadReason
    from worker.compiled import make_plan
    from worker.core.endings import Dead
    from worker.core.orders import is_meant
    from worker.core.record import Partition, Record
    from worker.pipeline import Pipeline

    pipeline = Pipeline(make_plan(settings, deployment.router(settings)))
    cancels = _cancels(settings, now)

    def judge(letter: DeadLetter) -> Refusal | None:
        at = Partition(settings.kafka.topic, outbound.partition(letter) or 0)
        record = Record(at, 0, letter.key, outbound.revise(letter), outbound.headers(letter), now)
        if any(is_meant(one, record, on_tier=False) for one in cancels):
            return Refusal(CANCELLED)
        ending = pipeline.prepare(record, on_tier=False, now=now)
        if not isinstance(ending, Dead):
            return None
        if edit is not None and ending.reason in {DeadReason.INVALID, DeadReason.UNDECODABLE}:
            return Refusal(ending.reason, f"{edit.where(letter)}: {ending.error}")
        return Refusal(ending.reason)

    return judge


def _cancels(settings: Settings, now: float) -> Sequence[Cancel]:
    """The cancellations that stand; none where there is no topic that could hold any."""
    from worker.ops.orders import standing

    try:
        return standing(settings).cancels(now)
    except BrokerUnavailable:
        raise
    except CannotDo:
        return ()
