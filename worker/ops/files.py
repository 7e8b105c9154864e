"""A file of events published once, however often that is broken off and begun again.

The rule: a file is known by the events in it and their order, not by its name. Its plan is at the broker
before its first event; what of it has come to the source since is found there by the bytes of the values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.control import Control
from worker.ops.errors import CannotDo
from worker.ops.plans import Plan
from worker.ops.progress_at_source import come_since, settle, since_of, source_spans

if TYPE_CHECKING:
    from worker.ops.checking import Checked
    from worker.ops.publishing import Item
    from worker.settings import Settings

KIND = "publish"

KEPT_SECONDS = 30 * 24 * 3600.0
"""Seconds that a file is known after it was published."""


class Known(NamedTuple):
    """What is known of a file: its plan, and how often each of its values is at the source by now.

    `is_new` says that it was never begun; `is_done` that all of it is there.
    """

    plan: Plan
    there: Counter[bytes]
    is_new: bool = True

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.is_new and self.plan.is_done


class Files:
    """The files that were published; `hear` is told what is waited for, and why one can't be resumed."""

    def __init__(self, settings: Settings, hear: Callable[[str], None]) -> None:
        self._settings = settings
        self._hear = hear
        self._control = Control(settings, KIND, hear)

    def known(self, checked: Checked, now: float, *, again: bool) -> Known:
        """Say what is known of a file, `again` as if it had not been published. Raises CannotDo."""
        source = source_spans(self._settings)
        name = blake2b(f"{self._settings.kafka.topic} {checked.digest}".encode(), digest_size=12).hexdigest()
        found = next((plan for plan in self._plans() if plan.id == name), None)
        since = None if found is None else since_of(found, source)
        if found is not None and not found.is_done and since is None and not again:
            lost = ["the file was begun before, and the source no longer holds all that came since then"]
            raise CannotDo(lost, "--again publishes it from its beginning")
        if found is not None and not found.is_done and since is not None:
            settle(self._hear)
            there = Counter(_digest(record.value) for record in come_since(self._settings, since))
            return Known(found, there, is_new=False)
        if found is not None and not again:
            return Known(found, Counter(), is_new=False)
        ends = {at.number: span.end for at, span in source.items()}
        return Known(Plan(KIND, name, "", now, ends, checked.total), Counter())

    def _plans(self) -> list[Plan]:
        """The plans that there are; none where this user may not read them, which is told."""
        try:
            return self._control.plans()
        except CannotDo as error:
            self._hear(f"whether it was begun before can't be known: {error}")
            return []

    def begin(self, known: Known) -> bool:
        """Write the plan of a new file, and forget those of old ones; return whether that could be done."""
        try:
            self._control.make()
            if known.is_new:
                self._control.write(known.plan)
        except CannotDo as error:
            self._hear(f"broken off, it can't go on later: {error}")
            return False
        return True

    def end(self, known: Known) -> None:
        """Write that all of it is at the source; forget what was published long ago."""
        self._control.end(known.plan)
        for plan in self._control.plans():
            if plan.is_done and plan.at < known.plan.at - KEPT_SECONDS:
                self._control.forget(plan)


def left_of(items: Iterable[Item], there: Counter[bytes]) -> Iterator[Item]:
    """Those that are not at the source: each that is counts once."""
    counts = there.copy()
    for item in items:
        digest = _digest(item.value)
        if counts[digest] > 0:
            counts[digest] -= 1
        else:
            yield item


def _digest(value: bytes | None) -> bytes:
    return blake2b(value or b"", digest_size=16).digest()
