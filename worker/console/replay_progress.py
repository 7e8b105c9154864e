"""How far replays are, from the control topic and the source: whoever sends them, and after any restart.

The rules: what of a replay is on the source is told there by its event ids, each once. Of a plan that is done
all of its letters were replayed; of one that is not, those that are on the source. Somebody sends one while
its claims come; who lets go, or is silent for as long as no run that lives is, does not.
"""

from __future__ import annotations

import json
import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from worker.console.seen import Replay, ReplayState
from worker.ops.claims import Claim, Holder, read_claim
from worker.ops.holding import DEAD_AFTER_SECONDS
from worker.ops.plans import Plan, offsets_of, read_head
from worker.ops.replaying import KIND

SHOWN_SECONDS = 3600.0
"""A replay that is done is shown for so long after it was begun."""

_PREFIX = f"{KIND}/".encode()

Identities = Callable[[int, Iterable[int]], Iterable[int | None]]
"""Which conversions the dead letters at these offsets of a partition are of; None where that is not known."""


class Part(NamedTuple):
    """Letters of a plan: the number of their partition, and their offsets."""

    plan: str
    partition: int
    number: str


class Left:
    """What is left of a plan that is not done: by identities, those that are not known by their number."""

    def __init__(self, total: int, known: Iterable[int]) -> None:
        self._known = array("q", sorted(set(known)))
        self._is_sent = bytearray(len(self._known))
        self._unknown = max(0, total - len(self._known))
        self.sent = 0
        """How many are on the source."""

    def take(self, identity: int) -> None:
        """Hear of one that is on the source."""
        index = bisect_left(self._known, identity)
        if index < len(self._known) and self._known[index] == identity:
            self.sent += not self._is_sent[index]
            self._is_sent[index] = True
        elif self._unknown:
            self._unknown -= 1
            self.sent += 1


class _Runs:
    """The runs that were at a plan: whether one of them is."""

    def __init__(self) -> None:
        self._holder = Holder()
        self._heard_at = -math.inf

    def begin(self, now: float) -> None:
        """Hear that the plan was written: who did claims it in a moment."""
        self._heard_at = now

    def take(self, claim: Claim, now: float) -> None:
        """Hear of the next claim."""
        before = self._holder.claim
        self._holder.take(claim)
        held = self._holder.claim
        if held != before:
            self._heard_at = -math.inf if held is None else now

    def are_alive(self, now: float) -> bool:
        """Whether one has said so lately, or let go of it not yet."""
        return now - self._heard_at < DEAD_AFTER_SECONDS


class Replays:
    """The plans of a destination's replays."""

    def __init__(self) -> None:
        self._heads: dict[str, Plan] = {}
        self._parts: dict[Part, bytes] = {}
        self._unapplied: set[Part] = set()
        self._left: dict[str, Left] = {}
        self._runs: dict[str, _Runs] = {}

    def take(self, key: bytes | None, value: bytes | None, now: float) -> bool:
        """Hear at `now` of a record of the control topic; return whether it is of a replay."""
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
        """The letters of plans that are done, and were not `applied` yet; of the log, where that is known."""
        for part in list(self._unapplied):
            plan = self._heads.get(part.plan)
            if plan is not None and plan.is_done and (log is None or plan.log in {None, log}):
                yield part, list(offsets_of(self._parts[part]))

    def applied(self, part: Part) -> None:
        """Hear that the letters of a part need not be told again."""
        self._unapplied.discard(part)

    @property
    def begun(self) -> frozenset[str]:
        """Those that are not done."""
        return frozenset(plan.id for plan in self._heads.values() if not plan.is_done)

    def count(self, identities: Identities) -> Mapping[int, int]:
        """Begin anew to count what those that are not done have sent; return where on the source that is."""
        ends: dict[int, int] = {}
        for plan in (self._heads[id_] for id_ in self.begun):
            self._left[plan.id] = Left(plan.total, self._identities_of(plan.id, identities))
            for number, end in plan.ends.items():
                ends[number] = min(end, ends.get(number, end))
        return ends

    def sent(self, identity: int) -> None:
        """Hear of a conversion that is on the source, replayed."""
        for left in self._left.values():
            left.take(identity)

    def question(self, replay_id: str) -> str | None:
        """In which words one was asked for that is not done."""
        plan = self._heads.get(replay_id)
        return None if plan is None or plan.is_done else plan.question

    def shown(self, now: float) -> list[Replay]:
        """Those that are not done, and those of the last hour, the newest first."""
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
    """What a replay was asked for, by the names of the options; nothing where that can't be read."""
    try:
        words = json.loads(plan.question)
    except (ValueError, RecursionError):
        return {}
    return words if isinstance(words, dict) else {}
