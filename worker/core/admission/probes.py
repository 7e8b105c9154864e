"""Which record to probe with while the circuit is open, when, and whether a failed probe uses up an attempt.

The rules: one event, one click or one partition never speaks for the destination. Probes take turns through
all partitions; within one they go to places far apart, and first to records that have not failed yet. If the
circuit opens and nothing was taken lately, a few probes go out soon, elsewhere. While nothing is taken, a
partner that is away looks the same as clicks that it never takes, and all held records may be such clicks. So
after a while records that fail as probes use up an attempt, one after another, and go to their tier, which
makes room for others. While there is still room, new records are probed without that. How soon and how fast
this happens depends on the signs of an outage:
- If several partitions fail (unless a probe was answered a short while ago), it begins after a minute, and
only one of them is worked through: each may begin with more such clicks than are held, and one gets past them
soonest.
- If the partner had taken anything before, it is no faster than the circuit's own probes.
- If the failure is about the partner (a gateway's 502, 503 or 504, or no answer), it is ten times as slow,
and a hundred times with several partitions. A record pays at most once, with its first attempt, and never if
the partner is not even reached: an outage of hours costs some records one attempt of a dozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from worker.core.answer import FailureKind
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.classify import AnswerVerdict

_NEVER, _INF = float("-inf"), float("inf")
# The number of early probes when the circuit opens and nothing was taken, and the seconds between an answer
# and the next.
_SOON_PROBES, _SOON_SECONDS = 10, 0.05
# One of so many probes goes to a delay tier, whose records have failed before; and one of so many to another
# partition than the one being worked through.
_TIERS_TURN_PROBES, _ANOTHERS_TURN_PROBES = 8, 4
# The next place in a partition is this share of it further on, which spreads the places evenly.
_STEP_SHARE = 0.618
# Seconds of an outage in which no probe costs an attempt; then the pauses between those that do: a share of
# the time since then, within these bounds in seconds. Signs of an outage multiply both: a failure that is
# about the partner, and several partitions besides. With several partitions alone, probes are free for
# longer.
_FREE_SECONDS, _PAUSE_SHARE, _LEAST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS = 3.0, 0.005, 0.1, 30.0
_SIGN_FACTOR = 10.0
_FREE_OF_SEVERAL_SECONDS = 60.0
# Seconds after an answered probe in which several failing partitions are no sign.
_MIXED_SECONDS = 60.0
# Statuses of a gateway or of load: they are about the partner, not the record.
_AWAY = frozenset({408, 425, 429, 502, 503, 504})
# Failures with which the partner may not even have been reached.
_NOT_REACHED = frozenset({FailureKind.CONNECTION, FailureKind.TLS})


class _Signs(NamedTuple):
    """The signs of an outage.

    Several partitions fail; the partner had taken others before; the failure is about the partner.
    """

    several: bool
    sudden: bool
    away: bool

    @property
    def is_outage(self) -> bool:
        """Whether it looks so much like an outage that the circuit's own probes must do."""
        return self.away or (self.several and self.sudden)

    @property
    def free(self) -> float:
        """Seconds in which no failed probe uses up an attempt."""
        if self.several and not self.away:
            return _FREE_OF_SEVERAL_SECONDS
        return _FREE_SECONDS * self._patience

    def pause(self, since: float) -> float:
        """The pause between two probes that use up an attempt, `since` seconds after the first could."""
        if self.several and self.sudden and not self.away:
            return _MOST_PAUSE_SECONDS
        pause = min(max(since * _PAUSE_SHARE, _LEAST_PAUSE_SECONDS), _MOST_PAUSE_SECONDS)
        return pause * self._patience

    @property
    def _patience(self) -> float:
        """The factor by which everything is slower."""
        return _SIGN_FACTOR ** (1 + self.several) if self.away else 1.0


class Probes:
    """The probes of an outage; times are monotonic seconds."""

    def __init__(self) -> None:
        self._failed: dict[AssignedPartition, set[int]] = {}
        """Offsets that failed as probes and are still held."""
        self._highest: dict[AssignedPartition, int] = {}
        """The highest offset of a partition that failed."""
        self._spoke: set[AssignedPartition] = set()
        """The source partitions that have failed in a row."""
        self._more = False
        """Whether the source partition that failed last holds records that were not probed yet."""
        self._dug: AssignedPartition | None = None
        """The partition that is worked through while several fail."""
        self._opinions = self._made = 0
        self._opened_at = self._costs_at = self._mixed_until = _NEVER
        self._was_there = False
        """Whether the partner had taken anything before it opened."""
        self.crowded = False
        """Whether nothing more is read for want of bytes, whatever room partitions have."""

    def note(self, partition: AssignedPartition, *, first: bool) -> None:
        """Note a failure; the `first` one begins a row of them."""
        if first:
            self._spoke.clear()
        if partition.tier is None:
            self._spoke.add(partition)

    def opened(
        self, pending: PendingRecord, now: float, *, none_taken: bool, was_there: bool = False
    ) -> float:
        """Note that a record's failure opened the circuit; return when to send an extra probe.

        `none_taken`: nothing was taken lately. `was_there`: something was taken at some time.
        """
        self._opened_at, self._costs_at, self._more, self._dug = now, _NEVER, False, None
        self._was_there = was_there
        for gone in [partition for partition in self._failed if not partition.tenure.is_ours]:
            del self._failed[gone], self._highest[gone]
        for partition in self._spoke:
            self.step(partition, 0.0)
        self._remember(pending).add(pending.record.offset)
        self._opinions = _SOON_PROBES if none_taken else 0
        return self._opinion(now)

    def failed(
        self, pending: PendingRecord, verdict: AnswerVerdict, started: float, now: float
    ) -> tuple[bool, float]:
        """Note a failed probe; return whether it costs an attempt, and when to send an extra probe."""
        partition = pending.partition
        self.note(partition, first=False)
        signs = _Signs(
            several=len(self._spoke) > 1 and not self.is_mixed(now),
            sudden=self._was_there,
            away=verdict.status is None or verdict.status in _AWAY,
        )
        pause = signs.pause(started - self._opened_at - signs.free)
        costs = verdict.label not in _NOT_REACHED and self._costs(partition, signs, started)
        if costs:
            self._costs_at = started + pause
        failed = self._remember(pending)
        if not costs:
            failed.add(pending.record.offset)
        ask_at = self._opinion(now)
        if partition.tier is None:
            self._more = len(partition.waiting) > len(failed)
        wants_more = self._dug is not None if signs.several else self._more
        if ask_at == _INF and wants_more and not signs.is_outage:
            ask_at = max(now, started + pause)
        return costs, ask_at

    def answered(self, now: float) -> None:
        """Note an answered probe: if others fail soon after, that is no sign of an outage."""
        self._mixed_until = now + _MIXED_SECONDS

    def is_mixed(self, now: float) -> bool:
        """Return whether a probe was answered a short while ago: some records are taken, some are not."""
        return now < self._mixed_until

    def choose(self, partitions: Sequence[AssignedPartition]) -> AssignedPartition:
        """Choose the partition of the next probe, from those that have something due, in turn order."""
        self._made += 1
        turn = self._made % _TIERS_TURN_PROBES
        if self._dug is not None and turn not in {0, _ANOTHERS_TURN_PROBES} and self._dug in partitions:
            return self._dug
        on_tier = turn == 0
        return next((one for one in partitions if (one.tier is not None) is on_tier), partitions[0])

    def step(self, partition: AssignedPartition, now: float) -> None:
        """Move another place of a partition to the front: far on, or beyond what failed."""
        waiting, line = partition.waiting, []
        while waiting and waiting[0].due <= now:  # due times need not rise
            line.append(waiting.popleft())
        at = int(len(line) * _STEP_SHARE)
        line = line[at:] + line[:at]
        first = self._place(line, partition) if line else 0
        waiting.extendleft(reversed(line[first:] + line[:first]))

    def _place(self, line: Sequence[PendingRecord], partition: AssignedPartition) -> int:
        """The index in the line to go on at: in turns the first that has not failed, or one beyond those.

        Beyond means in the middle of the rest, so a few probes reach the end of a long run.
        """
        failed = self._failed.get(partition, set())
        failed.intersection_update([pending.record.offset for pending in line])
        fresh = [index for index, pending in enumerate(line) if pending.record.offset not in failed] or [0]
        highest = self._highest.get(partition, -1)
        beyond = [index for index in fresh if line[index].record.offset > highest]
        return beyond[len(beyond) // 2] if beyond and self._made % 2 else fresh[0]

    def _remember(self, pending: PendingRecord) -> set[int]:
        """Note how far failures reach in a partition; return the set of failed offsets there."""
        partition, offset = pending.partition, pending.record.offset
        self._highest[partition] = max(self._highest.get(partition, offset), offset)
        return self._failed.setdefault(partition, set())

    def _costs(self, partition: AssignedPartition, signs: _Signs, started: float) -> bool:
        may_more_come = partition.granted > 0 and not partition.paused and not self.crowded
        if partition.tier is not None or may_more_come:
            return False
        if started < max(self._opened_at + signs.free, self._costs_at):
            return False
        if signs.several and not signs.away:
            if self._dug is None or not (self._dug.tenure.is_ours and self._dug.waiting):
                self._dug = partition
            return self._dug is partition
        return True

    def _opinion(self, now: float) -> float:
        if not self._opinions:
            return _INF
        self._opinions -= 1
        return now + _SOON_SECONDS
