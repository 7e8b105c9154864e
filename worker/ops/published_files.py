"""Publishes a file of events once, however often that is interrupted and begun again.

The rule: a file is identified by its events and their order, not by its name. Its plan is at the broker
before its first event; what has come to the source since is found there by the bytes of the values. If
several runs publish it at once, only one does, and it holds the plan while it sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.errors import CannotDo
from worker.ops.hearing import UNHEARD, Hearing
from worker.ops.plan_lease import UNDER_WAY, PlanLease, PlanTaken, alive
from worker.ops.plan_store import PlanStore
from worker.ops.plans import Plan
from worker.ops.progress_at_source import come_since, settle, since_of, source_spans

if TYPE_CHECKING:
    from worker.ops.checking import CheckedFile
    from worker.ops.publishing import NamedRecord
    from worker.settings import Settings

KIND = "publish"

KEPT_SECONDS = 30 * 24 * 3600.0
"""Seconds for which a published file is remembered."""


class FileState(NamedTuple):
    """What is known of a file: its plan, and how often each of its values is on the source.

    `found` is the plan that existed already, or None; `former` is the dead run that held it last. `is_new`
    says that it is published from its beginning.
    """

    plan: Plan
    there: Counter[bytes]
    found: Plan | None
    former: str | None = None
    is_new: bool = True

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.is_new and self.plan.is_done


class PublishedFiles:
    """The published files; `hearing` is told what is waited for, and why a file can't be resumed."""

    def __init__(self, settings: Settings, hearing: Hearing) -> None:
        self._settings = settings
        self._hearing = hearing
        self._control = PlanStore(settings, KIND, hearing)

    def known(self, checked: CheckedFile, now: float, *, again: bool) -> FileState:
        """What is known of a file; `again` ignores that it was published. Raises CannotDo."""
        source = source_spans(self._settings)
        name = blake2b(f"{self._settings.kafka.topic} {checked.digest}".encode(), digest_size=12).hexdigest()
        ends = {at.number: span.end for at, span in source.items()}
        plan = Plan(KIND, name, "", now, ends, checked.total)
        try:
            found = self._found(plan.id)
            if found is not None and found.is_done and not again:
                return FileState(found, Counter(), found, is_new=False)
            living, former = alive(self._control, [plan.key], self._hearing)
        except CannotDo as error:
            self._hearing.says(f"whether it was begun before can't be known: {error}")
            return FileState(plan, Counter(), None)
        if living:
            raise CannotDo(["this file is being published by another command"], UNDER_WAY)
        if found is None or found.is_done:
            return FileState(plan, Counter(), found, former.get(plan.key))
        if since_of(found, source) is not None:
            if not former:
                settle(self._hearing)
            return FileState(found, self._there(found), found, former.get(plan.key), is_new=False)
        if again:
            return FileState(plan, Counter(), found, former.get(plan.key))
        lost = ["the file was begun before, and the source no longer holds all that came since then"]
        raise CannotDo(lost, "--again publishes it from its beginning")

    @contextmanager
    def begun(self, known: FileState) -> Iterator[PlanLease | None]:
        """Write its plan and hold it for this run; inside, it may be sent and ended.

        Yields None, after a warning, if that is impossible: then it can't be resumed. Raises PlanTaken if
        another run was quicker.
        """
        with ExitStack() as stack:
            try:
                self._control.make()
                control = PlanStore(self._settings, KIND, UNHEARD)
                holding = PlanLease(control, known.plan.key, known.former, self._hearing)
                stack.enter_context(holding)
                self._must_be_as_it_was(known)
                if known.is_new:
                    self._control.write(known.plan)
            except PlanTaken:
                raise
            except CannotDo as error:
                self._hearing.says(f"broken off, it can't go on later: {error}")
                holding = None
            yield holding

    def end(self, known: FileState) -> None:
        """Write that all of it is on the source; forget files that were published long ago."""
        self._control.end(known.plan)
        for plan in self._control.plans():
            if plan.is_done and plan.at < known.plan.at - KEPT_SECONDS:
                self._control.forget(plan)

    def _found(self, id_: str) -> Plan | None:
        return next((plan for plan in self._control.plans() if plan.id == id_), None)

    def _there(self, plan: Plan) -> Counter[bytes]:
        """How often each value came to the source since a plan was made, if all of that is still there."""
        since = since_of(plan, source_spans(self._settings))
        come = [] if since is None else come_since(self._settings, since)
        return Counter(_digest(record.value) for record in come)

    def _must_be_as_it_was(self, known: FileState) -> None:
        """Raise PlanTaken if another run has touched the file since its progress was read."""
        if self._found(known.plan.id) != known.found or (
            not known.is_new and self._there(known.plan) != known.there
        ):
            raise PlanTaken


def left_of(items: Iterable[NamedRecord], there: Counter[bytes]) -> Iterator[NamedRecord]:
    """The items that are not on the source; each occurrence there counts once."""
    counts = there.copy()
    for item in items:
        digest = _digest(item.value)
        if counts[digest] > 0:
            counts[digest] -= 1
        else:
            yield item


def _digest(value: bytes | None) -> bytes:
    return blake2b(value or b"", digest_size=16).digest()
