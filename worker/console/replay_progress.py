"""The progress of replays, from the control topic and the source: whoever sends them, and after any restart.

The rules: records in the source count as replayed by event id, each once. If a plan is done, all its letters
were replayed; if not, those found in the source. A replay is being sent while claims for it arrive; a sender
that releases it, or stays silent longer than any live run would, is not sending.
"""

from __future__ import annotations

import json
import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from worker.console.watch import Replay, ReplayState
from worker.ops.plan_claims import Claim, PlanHolder, read_claim
from worker.ops.plan_lease import DEAD_AFTER_SECONDS
from worker.ops.plans import Plan, offsets_of, read_head
from worker.ops.replaying import KIND

SHOWN_SECONDS = 3600.0
"""How long after its beginning a finished replay is shown."""

_PREFIX = f"{KIND}/".encode()

Identities = Callable[[int, Iterable[int]], Iterable[int | None]]
"""The conversions of the dead letters at these offsets of a partition; None for unknown ones."""


class Part(NamedTuple):
    """Letters of a plan: a partition number and offsets."""

    plan: str
    partition: int
    number: str


class LettersLeft:
    """What an unfinished plan has left: identities, and the number of letters without a known one."""

    def __init__(self, total: int, known: Iterable[int]) -> None:
        self._known = array("q", sorted(set(known)))
        self._is_sent = bytearray(len(self._known))
        self._unknown = max(0, total - len(self._known))
        self.sent = 0
        """How many are in the source topic."""

    def take(self, identity: int) -> None:
        """Take one that is in the source topic."""
        index = bisect_left(self._known, identity)
        if index < len(self._known) and self._known[index] == identity:
            self.sent += not self._is_sent[index]
            self._is_sent[index] = True
        elif self._unknown:
            self._unknown -= 1
            self.sent += 1


class _Runs:
    """The runs of a plan: whether one is alive."""

    def __init__(self) -> None:
        self._holder = PlanHolder()
        self._heard_at = -math.inf

    def begin(self, now: float) -> None:
        """Take note that the plan was written; its writer claims it shortly."""
        self._heard_at = now

    def take(self, claim: Claim, now: float) -> None:
        """Take the next claim."""
        before = self._holder.claim
        self._holder.take(claim)
        held = self._holder.claim
        if held != before:
            self._heard_at = -math.inf if held is None else now

    def are_alive(self, now: float) -> bool:
        """Whether a run has claimed it recently and not released it."""
        return now - self._heard_at < DEAD_AFTER_SECONDS


class Replays:
    """The plans of a destination's replays."""

    def __init__(self) -> None:
        self._heads: dict[str, Plan] = {}
        self._parts: dict[Part, bytes] = {}
        self._unapplied: set[Part] = set()
        self._left: dict[str, LettersLeft] = {}
        self._runs: dict[str, _Runs] = {}

    def take(self, key: bytes | None, value: bytes | None, now: float) -> bool:
        """Take a record of the control topic, read at `now`; return whether it belongs to a replay."""
        if key is None or not key.startswith(_PREFIX):
            return False
        match key.decode(errors="replace").split("/"):
            case [_, id_]:
                self._take_head(id_, value, now)
            case [_, id_, partition, number] if partition.isdecimal():
                self._take_part(Part(id_, int(partition), number), value)
            case [_, id_, "claim", run] if (claim := read_claim(run.encode(), value)) is not None:
                self._runs.setdefault(id_, _Runs()).take(claim, now)
        return True

    def gone(self, log: str | None) -> Iterator[tuple[Part, list[int]]]:
        """The letters of finished plans not yet `applied`; only those of this topic id, if it is known."""
        for part in list(self._unapplied):
            plan = self._heads.get(part.plan)
            if plan is not None and plan.is_done and (log is None or plan.log in {None, log}):
                yield part, list(offsets_of(self._parts[part]))

    def applied(self, part: Part) -> None:
        """Mark a part so that `gone` does not return it again."""
        self._unapplied.discard(part)

    @property
    def begun(self) -> frozenset[str]:
        """The ids of unfinished replays."""
        return frozenset(plan.id for plan in self._heads.values() if not plan.is_done)

    def count(self, identities: Identities) -> Mapping[int, int]:
        """Restart the count of what unfinished replays have sent; return the source offsets to read from."""
        ends: dict[int, int] = {}
        for plan in (self._heads[id_] for id_ in self.begun):
            self._left[plan.id] = LettersLeft(plan.total, self._identities_of(plan.id, identities))
            for number, end in plan.ends.items():
                ends[number] = min(end, ends.get(number, end))
        return ends

    def sent(self, identity: int) -> None:
        """Take a replayed conversion that is in the source topic."""
        for left in self._left.values():
            left.take(identity)

    def question(self, replay_id: str) -> str | None:
        """The question of an unfinished replay, None if there is none of this id."""
        plan = self._heads.get(replay_id)
        return None if plan is None or plan.is_done else plan.question

    def shown(self, now: float) -> list[Replay]:
        """The unfinished replays and those of the last hour, newest first."""
        plans = [one for one in self._heads.values() if not one.is_done or now - one.at < SHOWN_SECONDS]
        return [self._shown(plan, now) for plan in sorted(plans, key=lambda plan: plan.at, reverse=True)]

    def _shown(self, plan: Plan, now: float) -> Replay:
        left = self._left.get(plan.id)
        sent = plan.total if plan.is_done else None if left is None else left.sent
        runs = self._runs.get(plan.id)
        is_sent = runs is not None and runs.are_alive(now)
        state = ReplayState.ELSEWHERE if is_sent else ReplayState.INTERRUPTED
        if plan.is_done:
            state = ReplayState.DONE
        question = question_of(plan)
        return Replay(plan.id, state, plan.at, plan.by, question, sent, plan.total, rate=plan.rate)

    def _take_head(self, id_: str, value: bytes | None, now: float) -> None:
        plan = None if value is None else read_head(KIND, id_, value)
        if plan is None:
            self._heads.pop(id_, None)
        else:
            self._heads[id_] = plan
        if plan is None or plan.is_done:
            self._left.pop(id_, None)
            self._runs.pop(id_, None)
        else:
            self._runs.setdefault(id_, _Runs()).begin(now)

    def _take_part(self, part: Part, value: bytes | None) -> None:
        if value is None:
            self._parts.pop(part, None)
            self._unapplied.discard(part)
        else:
            self._parts[part] = value
            self._unapplied.add(part)

    def _identities_of(self, plan_id: str, identities: Identities) -> Iterator[int]:
        for part, value in self._parts.items():
            if part.plan == plan_id:
                found = identities(part.partition, offsets_of(value))
                yield from (identity for identity in found if identity is not None)


def question_of(plan: Plan) -> Mapping[str, object]:
    """The options of a replay by name; empty if they can't be read."""
    try:
        words = json.loads(plan.question)
    except (ValueError, RecursionError):
        return {}
    return words if isinstance(words, dict) else {}
