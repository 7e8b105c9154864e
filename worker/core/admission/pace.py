"""How many requests may start per second, learned from what the partner refuses.

The rules: a partner that takes everything is not paced. One that says "too many" (429, 503) is sent a little
less than it took, and then more, as a cubic of time: slowly near what was too many, fast beyond it, and far
beyond it found anew. A refusal and what follows it are one incident until a second of sending is over: its
pause and further refusals cut no more, and no cut takes more than half. Measuring begins when the pause ends,
because without sending nothing is learned. That second is a trial, clearly below what was taken: if the same
share is refused in it as before, load is not the reason. Then the cut is undone, and that share counts as
usual until it is forgotten.
Why a pace beside the limit: a partner's 429 limits requests per second, and a second is many round trips.
Controllers that know only requests in flight (Netflix's AIMD, Vector's ARC) are back at the edge within a few
round trips, and refused there again. Going by what was taken, and tolerating losses that mean nothing, is
from BBR; the growth is CUBIC's.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

_INF = float("inf")
# Partners count requests per second, so a measure takes one; a measure that took longer was idle.
_ROUND_SECONDS, _IDLE_SECONDS = 1.0, 2.0
# The pace in the trial, and after it, as shares of what was taken: first clearly below the partner's limit,
# which lets a burst of some tenths of a second through before it refuses; then as near to it as its grain
# allows.
_TRIED_SHARE, _KEPT_SHARE = 0.9, 0.98
# No cut takes more than this share: if more is refused, the circuit opens.
_MOST_CUT_SHARE = 0.5
# A trial lasts until the old share would have given so many refusals, or so many seconds. A trial with pauses
# does not last that long, because each second costs more than it tells: there so many refusals are enough.
_ANSWERS_FOR_A_VERDICT, _LONGEST_TRIAL_SECONDS = 5.0, 3.0
_MANY_PAUSES = 5
# Shares count as the same up to this factor: the former one was measured when it was high by chance, on few
# answers.
_SAME_SHARE_FACTOR = 4.0
# A larger share never counts as usual; with pauses the bound is lower, because a burst passes before each.
_MOST_USUAL_SHARE, _MOST_USUAL_PAUSED_SHARE = 0.3, 0.1
# This share of refusals costs less than a cut: it is what remains at the edge of a good pace.
_TOLERATED_SHARE = 0.005
# Refusals are more than usual if chance hardly explains them: more than three standard deviations, plus a
# few. A few is three before a whole second is known; then one, plus this share of the answers, three at most.
_DEVIATIONS, _FEW_SHARE, _FEW_ANSWERS = 3.0, 0.02, 3.0
# Seconds in which a usual share is forgotten, so that it is tried again now and then; and in which a rate
# becomes usual.
_FORGOTTEN_AFTER_SECONDS, _USUAL_AFTER_SECONDS = 60.0, 10.0
# After the patience (in seconds) the pace is this much higher; after twice that, eight times as much, and so
# on.
_RISE_SHARE = 0.04
# The patience after measuring a whole second; the least, after a shorter measure or an outage; and the most,
# because it doubles when a refusal returns at the same pace (up to this factor), after this share of the
# patience without: that then is the capacity.
_PATIENCE_SECONDS, _LEAST_PATIENCE_SECONDS, _MOST_PATIENCE_SECONDS = 5.0, 0.5, 60.0
_SAME_PACE_FACTOR, _HELD_SHARE = 1.1, 0.5
# So many times what was thought too much is taken: the refusals were not for load, or are over. From there on
# the pace is found anew, as after an outage: a cubic of one a second would take a quarter of an hour.
_WRONG_BASE_FACTOR = 3.0
# Starts per second: the lowest pace, the lowest after an outage, and from where on there is no pace any more.
_LEAST_PER_SECOND, _LEAST_AFTER_OUTAGE_PER_SECOND, _NO_PACE_PER_SECOND = 1.0, 5.0, 10_000.0
# After an outage the pace begins at this share of the usual rate.
_FIRST_SHARE = 0.5
# Seconds of lateness that late timers may catch up; the longest pause for what was sent too fast.
_LATE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 1.0


class _Cut(NamedTuple):
    """The state before a cut that is on trial."""

    pace: float
    share: float
    held: bool
    most_usual: float
    """The largest share of refusals in the trial that counts as usual."""


class Pace:
    """The learned pace of starts; times are monotonic seconds."""

    __slots__ = (
        "_base", "_before", "_begun", "_last", "_look_at", "_patience", "_refused", "_since", "_taken",
        "_trial", "_used", "_usual_rate", "_usual_share", "_was_used", "per_second", "wake_at",
    )  # fmt: skip

    def __init__(self) -> None:
        self.per_second = _INF
        """The pace; infinite if there is none."""
        self.wake_at = -_INF
        """When the next start is allowed."""
        self._usual_rate = self._usual_share = 0.0
        self._trial: _Cut | None = None
        self._begun = self._since = -_INF
        self._base, self._patience = _INF, _PATIENCE_SECONDS
        self._begin(_INF, _PATIENCE_SECONDS, -_INF)

    def starting(self, now: float) -> None:
        """Note a start."""
        if self.per_second != _INF:
            self.wake_at = max(self.wake_at, now - _LATE_SECONDS) + 1.0 / self.per_second

    def took(self, now: float) -> None:
        """Note a request that the partner took."""
        self._taken += 1
        if now >= self._look_at:
            self._look(now)

    def is_usual(self) -> bool:
        """Return whether one more refusal is usual whatever the load, and so no reason to pause."""
        return self._usual_share > 0.0 and self._trial is None and not self._is_more_than_usual(1.0, 1)

    def refused(self, pause: float, started: float, in_flight: int, now: float) -> None:
        """Note a "too many" with the seconds of its Retry-After; cut the pace if that is due."""
        if started < self._begun:
            return
        if now >= self._since + _ROUND_SECONDS:
            self._turn(now)
        self._refused += 1
        if self._trial is not None:
            self._begun = self._since = self._since + pause  # time without sending proves nothing
            if pause and self._refused >= _MANY_PAUSES:
                self._end_trial(self._trial, self._begun)
        elif self._is_more_than_usual(pause):
            self._cut(pause, in_flight, now)

    def let_go(self, now: float) -> None:
        """Undo a cut whose pause ended early, because it was meant for one record alone."""
        if self._trial is not None and self._begun > now:
            self._begin(self._trial.pace, _LEAST_PATIENCE_SECONDS, now)

    def resume(self, now: float) -> None:
        """Begin anew after an outage, from less than the usual rate."""
        self._begin(
            max(self._usual_rate * _FIRST_SHARE, _LEAST_AFTER_OUTAGE_PER_SECOND), _LEAST_PATIENCE_SECONDS, now
        )
        self.wake_at = now

    # --- what is measured ------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        if now >= self._since + _ROUND_SECONDS:
            self._turn(now)
        if self.per_second != _INF:
            self._rise(now)

    def _turn(self, now: float) -> None:
        """End a round; it becomes the previous one, unless nothing was sent during a part of it."""
        elapsed = now - self._since
        if self._trial is not None and not self._is_enough(self._trial, elapsed):
            return
        rate = self._taken / elapsed
        self._usual_rate += (rate - self._usual_rate) * min(elapsed / _USUAL_AFTER_SECONDS, 1.0)
        self._usual_share -= self._usual_share * min(elapsed / _FORGOTTEN_AFTER_SECONDS, 1.0)
        if self._trial is not None:
            self._end_trial(self._trial, now)
            return
        self._was_used = rate * 2 >= self.per_second
        self._before = (self._taken, self._refused) if elapsed < _IDLE_SECONDS else (0, 0)
        self._measure_from(now)

    def _is_enough(self, cut: _Cut, elapsed: float) -> bool:
        """Return whether a trial has lasted long enough, or should have met a few refusals by now."""
        return (
            cut.held
            or elapsed >= _LONGEST_TRIAL_SECONDS
            or (self._taken + self._refused) * cut.share >= _ANSWERS_FOR_A_VERDICT
        )

    def _measure_from(self, now: float) -> None:
        self._taken = self._refused = 0
        self._since = now
        self._look_at = now + _ROUND_SECONDS if self.per_second == _INF else -_INF

    def _answers(self) -> tuple[int, int]:
        """Refusals and answers of this round and the one before."""
        taken, refused = self._before
        return self._refused + refused, self._refused + refused + self._taken + taken

    def _is_more_than_usual(self, pause: float, more: int = 0) -> bool:
        """Return whether refusals exceed chance; a refusal that pauses everything does unless it is usual."""
        refused, answers = self._answers()
        usual = answers * (self._usual_share + (0.0 if pause else _TOLERATED_SHARE))
        few = min(1.0 + answers * _FEW_SHARE, _FEW_ANSWERS) if any(self._before) else _FEW_ANSWERS
        return refused + more > usual + _DEVIATIONS * sqrt(usual) + (0.0 if pause else few)

    # --- what follows ----------------------------------------------------------------------------

    def _cut(self, pause: float, in_flight: int, now: float) -> None:
        was, elapsed, whole = self.per_second, now - self._since, sum(self._before) > 0
        rate = max(self._taken, self._before[0] if whole else in_flight)
        least = _MOST_CUT_SHARE * (self._usual_rate if was == _INF else was)
        base = max(min(was, max(rate, least)), _LEAST_PER_SECOND)
        cut = self._describe(was, base, pause)
        if was < self._base * _SAME_PACE_FACTOR and self._used >= self._patience * _HELD_SHARE:
            patience = min(self._patience * 2, _MOST_PATIENCE_SECONDS)
        else:
            patience = max(_PATIENCE_SECONDS * (1.0 if whole else elapsed), _LEAST_PATIENCE_SECONDS)
        too_fast = min((self._taken + in_flight) / base - elapsed, _LONGEST_PAUSE_SECONDS)
        self._begin(base * _TRIED_SHARE, patience, now + max(pause, too_fast, 0.0))
        self._base, self._trial = base * _KEPT_SHARE, cut
        self.wake_at = max(self.wake_at, now + max(too_fast, 0.0))

    def _describe(self, was: float, base: float, pause: float) -> _Cut:
        """Describe a cut; it is certainly for load if chance can't explain so many refusals."""
        refused, answers = self._answers()
        share, most = refused / answers, _MOST_USUAL_PAUSED_SHARE if pause else _MOST_USUAL_SHARE
        if share > most or (was != _INF and base <= was * _MOST_CUT_SHARE):
            most = 0.0
        return _Cut(was, share, pause > 0, most)

    def _end_trial(self, cut: _Cut, now: float) -> None:
        """Go on from below the cut, or undo it if the share of refusals is as before."""
        counts = (self._taken, self._refused) if now < self._since + _IDLE_SECONDS else (0, 0)
        share = self._refused / max(self._refused + self._taken, 1)
        if cut.share / _SAME_SHARE_FACTOR <= share <= min(cut.share * _SAME_SHARE_FACTOR, cut.most_usual):
            self._usual_share = max(share, cut.share)
            self._begin(cut.pace, _LEAST_PATIENCE_SECONDS, now)
        else:
            self._begin(self._base, self._patience, now)
            self._before = counts

    def _begin(self, pace: float, patience: float, at: float) -> None:
        self.per_second = self._base = pace
        self._patience = patience
        self._used = 0.0
        self._last = self._begun = at
        self._before = (0, 0)
        self._was_used = True
        self._trial = None
        self._measure_from(at)
        if pace == _INF:
            self.wake_at = -_INF

    def _rise(self, now: float) -> None:
        step, self._last = min(max(now - self._last, 0.0), _ROUND_SECONDS), max(now, self._last)
        if self._trial is not None or not self._was_used:
            return  # no refusals at a pace that is not used say nothing about a higher one
        self._used += step
        self.per_second = self._base * (1.0 + _RISE_SHARE * (self._used / self._patience) ** 3)
        if self.per_second > _NO_PACE_PER_SECOND:
            self._begin(_INF, _PATIENCE_SECONDS, now)
        elif self._patience > _LEAST_PATIENCE_SECONDS and self.per_second >= self._base * _WRONG_BASE_FACTOR:
            self._begin(self.per_second, _LEAST_PATIENCE_SECONDS, now)
