"""Keeping what is in memory within its bytes: counting it, and giving back to Kafka what has to wait.

The rules: no more is ever in memory than is counted. It is not counted with each record that ends, which
would be dear, but anew where bytes seem short, and again and again while they are. Where they are short
indeed a tier partition's records from the first on that is not due are forgotten: the partition rests with
nothing in memory, and is read from there again once that record is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from itertools import chain

from worker.core.held_bytes import HeldBytes
from worker.core.holding import SOON, Holding
from worker.core.record import Partition
from worker.core.schedule import Schedule
from worker.ports import Clock, Source

# Seconds after which it is counted again, while bytes are short.
_AGAIN = 0.02
# Due times are wall-clock times: a clock that is set is noticed this soon.
_LONGEST_SLEEP = 1.0


class ByteRelief:
    """Minds the bytes of `holdings`, which are the intake's; `rest` has it look at one again."""

    def __init__(
        self,
        source: Source,
        schedule: Schedule,
        held_bytes: HeldBytes,
        clock: Clock,
        holdings: Mapping[Partition, Holding],
        rest: Callable[[Holding, float], None],
    ) -> None:
        self._source = source
        self._schedule = schedule
        self._held_bytes = held_bytes
        self._clock = clock
        self._holdings = holdings
        self._rest = rest
        self._came = 0  # bytes of all records that ever came
        self._asleep: set[Holding] = set()
        self._counting: asyncio.TimerHandle | None = None
        self._waking: asyncio.TimerHandle | None = None
        self.leaving: Collection[Holding] = ()
        """Not ours any more, but something was under way when this was last counted."""

    def took_up(self, size: int, now: float) -> None:
        """Note the bytes of records that have been taken up, or passed over."""
        self._came += size
        if self._held_bytes.is_pressed:
            self.count()
            if self._counting is not None and self._give_back(now):
                self.count()

    def leave(self, *holdings: Holding) -> None:
        """Note partitions that are not ours any more: what is under way of them is in memory still."""
        self.leaving = [*self.leaving, *holdings]
        self.count()

    def idle(self) -> None:
        """Count anew, where bytes were short: what is read next is waited for."""
        if self._counting is not None:
            self.count()

    def count(self) -> None:
        """Count what is in memory."""
        self.leaving = [holding for holding in self.leaving if holding.busy]
        holdings = chain(self._holdings.values(), self.leaving)
        in_memory = sum(record.size for holding in holdings for record in holding.in_memory())
        self._held_bytes.ended = self._came - in_memory
        if self._counting is not None:
            self._counting.cancel()
        again = self._held_bytes.is_pressed
        self._counting = asyncio.get_running_loop().call_later(_AGAIN, self.count) if again else None

    def close(self) -> None:
        """Count and wake nothing any more."""
        self._asleep.clear()
        for timer in (self._counting, self._waking):
            if timer is not None:
                timer.cancel()

    def _give_back(self, now: float) -> bool:
        """Give back what is not due; tell whether there was any."""
        before = len(self._asleep)
        for holding in self._holdings.values():
            if holding.tier is not None and not holding.closing and not holding.rewinding:
                self._give_back_of(holding, now)
        self._set_alarm(now)
        return len(self._asleep) > before

    def _give_back_of(self, holding: Holding, now: float) -> None:
        waiting = self._schedule.not_due(holding, now + SOON)
        if not waiting or not holding.offsets.rewind(waiting[0].record.offset, len(waiting)):
            return
        self._schedule.forget(holding, len(waiting))
        holding.asleep_until, holding.rewinding = waiting[0].due, True
        self._rest(holding, now)
        self._source.rewind(holding.at, waiting[0].record.offset)
        self._asleep.add(holding)

    def _wake(self) -> None:
        self._waking = None
        now = self._clock.now()
        for holding in tuple(self._asleep):
            if holding.tier is not None:  # the clock may have been set back
                holding.asleep_until = min(holding.asleep_until, now + holding.tier.seconds)
            if not holding.live or holding.asleep_until <= now + SOON:
                self._asleep.remove(holding)
                holding.asleep_until = 0.0
                if holding.live:
                    self._rest(holding, now)
        self._set_alarm(now)

    def _set_alarm(self, now: float) -> None:
        if self._asleep and self._waking is None:
            first = min(holding.asleep_until for holding in self._asleep) - SOON
            delay = min(max(first - now, 0.0), _LONGEST_SLEEP)
            self._waking = asyncio.get_running_loop().call_later(delay, self._wake)
