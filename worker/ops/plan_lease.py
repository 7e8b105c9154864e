"""Holds a plan for this run of a command while it sends.

The rule: nothing is sent unless a recent, acknowledged claim says that this run is alive: another run takes a
plan only from one that was silent for longer than that. After a standstill the run checks whether the plan is
still its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from uuid import uuid4

from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.hearing import UNHEARD, Hearing
from worker.ops.plan_claims import Claim, holder

if TYPE_CHECKING:
    from worker.ops.plan_store import PlanStore, Stop

BEAT_SECONDS = 2.0
"""Seconds between two claims of a live run."""

DEAD_AFTER_SECONDS = 10.0
"""Seconds without a claim after which a run counts as dead."""

SENDS_FOR_SECONDS = 7.0
"""Seconds after its last claim for which a run sends; the difference is for records on their way."""

_LOOK_SECONDS = 1.0  # between two looks at what may have changed
_SAID_AT_LOOK = 3  # that a run waits: after a standstill of its own its next claim counts sooner
_SAID_EVERY_LOOKS = 30
_LET_GO_WITHIN_SECONDS = 2.0

UNDER_WAY = "wait for its end; after a Ctrl-C there the same command goes on with what is left"
AGAIN = "give the command again: it goes on with what is left"

_Item = TypeVar("_Item")


class PlanTaken(CannotDo):
    """Another run has taken the plan."""

    def __init__(self) -> None:
        super().__init__(["another command has taken this up meanwhile"], AGAIN)


def alive(control: PlanStore, keys: Iterable[str], hearing: Hearing) -> tuple[set[str], Mapping[str, str]]:
    """Which of these plans, by key, a live run holds; and for the others, the run that held each last.

    It takes DEAD_AFTER_SECONDS if one of them is claimed by a silent run. Raises CannotDo.
    """
    first = _held(control, keys)
    deadline = time.monotonic() + DEAD_AFTER_SECONDS
    if first:
        hearing.says(f"one is under way, or was broken off: up to {DEAD_AFTER_SECONDS:g} s to see which")
    living: set[str] = set()
    latest = first
    while latest.keys() - living and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        latest = _held(control, first)
        living = {key for key in latest if latest[key] != first[key]}
    return living, {key: claim.run for key, claim in latest.items() if key not in living}


def _held(control: PlanStore, keys: Iterable[str]) -> dict[str, Claim]:
    records = control.records()
    found = {key: holder(records, key) for key in keys}
    return {key: claim for key, claim in found.items() if claim is not None}


class PlanLease:
    """A context manager that holds the plan with this key, taking it over from the run `after`.

    `hearing` is told when the run waits for the broker. Raises PlanTaken if another run holds the plan,
    CannotDo if that can't be known.
    """

    def __init__(
        self,
        control: PlanStore,
        plan_key: str,
        after: str | None = None,
        hearing: Hearing = UNHEARD,
    ) -> None:
        self._control, self._key, self._hearing = control, plan_key, hearing
        self._claim = Claim(uuid4().hex[:12], after)
        self._said_at = time.monotonic()
        self._over = Event()
        self._lost: str | None = None
        self._thread = Thread(target=self._beat, name="claim", daemon=True)

    def __enter__(self) -> Self:
        self._control.write_raw([self._claim.record(self._key)])
        if not self._is_ours():
            raise PlanTaken
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_LET_GO_WITHIN_SECONDS)
        deadline = time.monotonic() + _LET_GO_WITHIN_SECONDS
        with suppress(CannotDo):  # otherwise the next run waits until this one counts as dead
            self._control.write_raw(
                [self._claim._replace(is_over=True).record(self._key)], lambda: time.monotonic() > deadline
            )

    def while_ours(self, items: Iterable[_Item], stop: Stop = lambda: False) -> Iterator[_Item]:
        """Pass items on while this run may send; wait while it may not, unless `stop` returns True.

        Raises CannotDo once the plan is lost, and PublishStopped once stopped amid a wait.
        """
        from worker.adapters.kafka.bulk_publisher import PublishStopped

        for item in items:
            looks = 0
            while time.monotonic() > self._said_at + SENDS_FOR_SECONDS and self._lost is None:
                if stop():
                    raise PublishStopped
                time.sleep(_LOOK_SECONDS)
                looks += 1
                if looks % _SAID_EVERY_LOOKS == _SAID_AT_LOOK:
                    self._hearing.waits("it does not answer")
            if self._lost is not None:
                raise CannotDo([self._lost], AGAIN)
            yield item

    def _beat(self) -> None:
        """Repeat the claim; after a standstill, check that the plan is still ours."""
        try:
            while not self._over.wait(BEAT_SECONDS):
                began = time.monotonic()
                self._claim = self._claim._replace(beat=self._claim.beat + 1)
                self._control.write_raw([self._claim.record(self._key)], self._over.is_set)
                if time.monotonic() > self._said_at + SENDS_FOR_SECONDS:
                    self._look_again()
                self._said_at = began
        except CannotDo as error:
            self._lost = str(error)

    def _look_again(self) -> None:
        """Wait until it is known whether the plan is ours; raise CannotDo if it is not."""
        while not self._over.is_set():
            with suppress(BrokerUnavailable):
                if self._is_ours():
                    return
                raise PlanTaken
            self._over.wait(_LOOK_SECONDS)

    def _is_ours(self) -> bool:
        held = holder(self._control.records(), self._key)
        return held is not None and held.run == self._claim.run
