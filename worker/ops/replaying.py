"""A replay from end to end: what goes, its plan, and what an interrupted replay has sent already.

The rule: the plan is at the broker before the first letter is on the source. What an unfinished plan has sent
is found on the source, after its ends when the plan was made. So whatever interrupts a replay, the next one
resumes it and sends nothing twice. Simultaneous runs never send what another has in its plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from worker.ops.broker import answering, asking
from worker.ops.dead_letters import matching, quietly
from worker.ops.edits import Edit, Revise, as_it_is
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.filters import Filters
from worker.ops.hearing import UNHEARD, Hearing
from worker.ops.judging import judge_of
from worker.ops.partition_offsets import NO_OFFSETS, PartitionOffset, PartitionOffsets
from worker.ops.plan_claims import came_before
from worker.ops.plan_lease import UNDER_WAY, PlanLease, PlanTaken, alive
from worker.ops.plan_store import PlanStore
from worker.ops.plans import Plan, read_plans
from worker.ops.progress_at_source import come_since, settle, since_of, source_spans
from worker.ops.replay import Outbound, read_again
from worker.ops.replay_selection import Choice, choose
from worker.ops.sent_letters import sent_letters

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.adapters.kafka.topic_reader import OffsetRange, TopicReader
    from worker.core.record import Partition
    from worker.ops.dead_letters import Show
    from worker.settings import Deployment, Settings

KIND = "replay"


class ReplayRequest(NamedTuple):
    """What was asked for: which letters, whether `again`, how edited; in which words, by whom.

    The words (`question`) identify a replay that is asked for again, whoever asks and at whatever `rate`.
    """

    filters: Filters
    limit: int
    again: bool
    edit: Edit | None
    question: str
    by: str | None = None
    rate: float | None = None


class PreparedReplay(NamedTuple):
    """A replay that can begin: its plan, and the letters left to send.

    `goes_on` says that it was begun before; `left_out` counts letters that went already.
    """

    plan: Plan
    left: Set[PartitionOffset]
    goes_on: bool
    left_out: int
    refused: Mapping[str, int]
    outbound: Outbound
    faults: Sequence[str] = ()
    is_beside_others: bool = False
    """Whether other replays are under way, whose letters are left to them."""

    @property
    def gone(self) -> int:
        """How many of one that goes on are no dead letters any more: purged, or expired."""
        there = self.left_out + len(self.left) + sum(self.refused.values())
        return max(0, self.plan.total - there) if self.goes_on else 0


class Replaying:
    """Replays of one destination, read by `reader`; `hearing` is told what it waits for."""

    def __init__(
        self,
        deployment: Deployment,
        settings: Settings,
        reader: TopicReader,
        hearing: Hearing,
    ) -> None:
        self._deployment = deployment
        self._settings = settings
        self._reader = reader
        self._hearing = hearing
        self._control = PlanStore(settings, KIND, hearing)
        self._sent: dict[str, Set[PartitionOffset]] = {}  # by unfinished plans that no live run holds
        self._known: set[str] = set()  # the plans that existed
        self._former: Mapping[str, str] = {}  # by plan key: dead runs that held plans
        self._edits: dict[str, Revise] = {}  # by plan id: what a plan's letters are edited by

    def ready(self, asked: ReplayRequest, now: float, show: Show = quietly) -> PreparedReplay:
        """Work out what would go, without writing anything. Raises CannotDo, BrokerUnavailable."""
        source = source_spans(self._settings)
        outbound = self._outbound(asked.edit, source)
        log = self._log()
        plans = [plan for plan in self._control.plans() if log is None or plan.log in {None, log}]
        begun = [plan for plan in plans if not plan.is_done]
        living, self._former = alive(self._control, [plan.key for plan in begun], self._hearing)
        others = [plan for plan in begun if plan.key in living]
        same = next(
            (plan for plan in begun if plan.question == asked.question and self._is_to_our_source(plan)), None
        )
        if same in others:
            raise CannotDo([f"this replay of {same.total} dead letters is under way{_by(same)}"], UNDER_WAY)
        self._known = {plan.id for plan in plans}
        self._edits = {} if same is None else {same.id: outbound.revise}
        sent = self._sent = self._sent_of([plan for plan in begun if plan not in others], source)
        if same is not None:
            return self._resumed(same, sent[same.id], asked, outbound, now)
        theirs = _all(plan.places for plan in others)
        finished = [plan.places if plan.is_done else sent.get(plan.id, NO_OFFSETS) for plan in plans]
        gone = theirs if asked.again else theirs | _all(finished)
        choice = self._choice(asked, gone, outbound, now, show)
        ends = {at.number: span.end for at, span in source.items()}
        id_, places = uuid4().hex[:12], choice.places
        plan = Plan(KIND, id_, asked.question, now, ends, len(places), places, log)
        plan = plan._replace(by=asked.by, rate=asked.rate, topic=outbound.topic)
        faults, beside = choice.faults, bool(others)
        return PreparedReplay(
            plan, places, False, choice.gone_before, choice.refused, outbound, faults, beside
        )

    @contextmanager
    def begun(self, ready: PreparedReplay) -> Iterator[PlanLease]:
        """Write its plan and hold it for this run; inside, it may be sent and ended.

        Interrupted replays of others are settled before a new one. Raises CannotDo if another run was
        quicker.
        """
        if not ready.goes_on:
            self._control.make()
            self._settle()
            self._control.write(ready.plan)
            self._yield_to_others(ready.plan)
        with self._held(ready.plan) as holding:
            if ready.goes_on:
                self._must_be_as_it_was(ready.plan)
            yield holding

    def _held(self, plan: Plan) -> PlanLease:
        control = PlanStore(self._settings, KIND, UNHEARD)
        return PlanLease(control, plan.key, self._former.get(plan.key), self._hearing)

    def _yield_to_others(self, plan: Plan) -> None:
        """Withdraw a plan if an unknown earlier one shares letters with it."""
        records = self._control.records()
        before = came_before(records, plan.head()[0])
        others = [one for one in read_plans(records, KIND) if one.id not in self._known and one.id != plan.id]
        if any(one.key.encode() in before and one.places & plan.places for one in others):
            self._control.forget(plan)
            raise PlanTaken

    def _must_be_as_it_was(self, plan: Plan) -> None:
        """Raise CannotDo if another run has touched a plan since its progress was read."""
        is_begun = any(one.id == plan.id and not one.is_done for one in self._control.plans())
        if not is_begun or self._sent_by(plan, source_spans(self._settings)) != self._sent[plan.id]:
            raise PlanTaken

    def end(self, ready: PreparedReplay) -> None:
        """Write that all of it is on the source: what was sent before, and what was left."""
        sent = ready.left | self._sent.get(ready.plan.id, NO_OFFSETS)
        if sent == ready.plan.places:
            self._control.end(ready.plan)
        else:
            self._control.settle(ready.plan, sent)

    def letters(self, ready: PreparedReplay) -> Iterator[DeadLetter]:
        """Read what is left to send, as long as it takes, because some may have been sent already."""
        return read_again(self._reader, self._settings.dlq_topic, ready.left, self._hearing.waits)

    def _resumed(
        self, plan: Plan, sent: Set[PartitionOffset], asked: ReplayRequest, outbound: Outbound, now: float
    ) -> PreparedReplay:
        """What is left of a plan: unsent letters that still exist and may live."""
        judge = judge_of(self._deployment, self._settings, outbound, asked.edit, now)
        unsent = read_again(self._reader, self._settings.dlq_topic, plan.places - sent)
        refused = Counter[str]()

        def goes(one: DeadLetter) -> bool:
            refusal = judge(one)
            if refusal is not None:
                refused[refusal.reason] += 1
            return refusal is None

        left = PartitionOffsets.of((one.partition, one.offset) for one in unsent if goes(one))
        return PreparedReplay(plan, left, True, len(sent), refused, outbound)

    def _choice(
        self,
        asked: ReplayRequest,
        gone: Collection[PartitionOffset],
        outbound: Outbound,
        now: float,
        show: Show,
    ) -> Choice:
        filters, edit = asked.filters, asked.edit
        judge = judge_of(self._deployment, self._settings, outbound, edit, now)
        if edit is None or edit.lines is None:
            every = matching(self._reader, Filters(since=filters.since), show)
            return choose(every, filters, asked.limit, gone, judge)
        meant = list(read_again(self._reader, self._settings.dlq_topic, self._there(edit.lines)))
        wrong = list(edit.wrong_lines(meant))
        if wrong:
            return Choice(NO_OFFSETS, 0, {}, wrong)
        return choose(meant, filters, asked.limit, gone, judge, edit.revise)

    def _there(self, places: Iterable[PartitionOffset]) -> list[PartitionOffset]:
        """Those of these places that the topic reaches: Kafka has no answer about others."""
        ranges = {at.number: range(*span) for at, span in self._reader.spans().items()}
        return [(number, offset) for number, offset in places if offset in ranges.get(number, ())]

    def _settle(self) -> None:
        """Settle interrupted replays with what they have sent, and forget expired ones."""
        log, starts = self._log(), {at.number: span.start for at, span in self._reader.spans().items()}
        for plan in self._control.plans():
            expired = all(offset < starts.get(number, 0) for number, offset in plan.places)
            if plan.id in self._sent:
                with self._held(plan):
                    self._must_be_as_it_was(plan)
                    self._control.settle(plan, self._sent[plan.id])
            elif plan.is_done and (expired or (log is not None and plan.log not in {None, log})):
                self._control.forget(plan)

    def _outbound(self, edit: Edit | None, source: Mapping[Partition, OffsetRange]) -> Outbound:
        settings, revise = self._settings, as_it_is if edit is None else edit.revise
        numbers = frozenset(at.number for at in source)
        return Outbound(settings.destination.name, settings.kafka.topic, numbers, revise)

    def _log(self) -> str | None:
        """The log of the dead-letter topic; None if unknown."""
        from worker.adapters.kafka.topic_ids import TopicIds

        topic = self._settings.dlq_topic
        with answering(self._settings), TopicIds(asking(self._settings)) as ids:
            return ids.of([topic])[topic].topic_id

    def _sent_of(
        self, begun: Sequence[Plan], source: Mapping[Partition, OffsetRange]
    ) -> dict[str, Set[PartitionOffset]]:
        """The places that each of these plans has sent, by its id."""
        if any(plan.key not in self._former for plan in begun):
            settle(self._hearing)
        return {plan.id: self._sent_by(plan, source) for plan in begun}

    def _sent_by(self, plan: Plan, source: Mapping[Partition, OffsetRange]) -> Set[PartitionOffset]:
        settings, name = self._settings, self._settings.destination.name
        if not self._is_to_our_source(plan):
            settings, source = self._before(plan)
        since = since_of(plan, source) if source else None
        if since is None:
            self._hearing.says(
                f"what {plan.key} has sent is no longer on the source: all of it counts as sent"
            )
            return plan.places
        letters = read_again(self._reader, self._settings.dlq_topic, plan.places)
        revise = self._edits.get(plan.id, as_it_is)
        return sent_letters(letters, lambda: come_since(settings, since), name, revise)

    def _is_to_our_source(self, plan: Plan) -> bool:
        return plan.topic in {None, self._settings.kafka.topic}

    def _before(self, plan: Plan) -> tuple[Settings, Mapping[Partition, OffsetRange]]:
        """The settings with the source of a plan's day, and what that holds: nothing where it is gone."""
        kafka = self._settings.kafka.model_copy(update={"topic": plan.topic})
        settings = self._settings.model_copy(update={"kafka": kafka})
        try:
            return settings, source_spans(settings)
        except BrokerUnavailable:
            raise
        except CannotDo:
            return settings, {}


def _all(sets: Iterable[Set[PartitionOffset]]) -> PartitionOffsets:
    return PartitionOffsets.of(place for places in sets for place in places)


def _by(plan: Plan) -> str:
    return f", by {plan.by}" if plan.by else ""
