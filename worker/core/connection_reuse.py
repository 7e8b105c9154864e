"""Whether connections to a partner are worth keeping, learned from the fate of those that were kept.

The rule: many connections are kept only once one has served again. If a partner closes without saying so,
each kept connection that it closes just as the next request comes costs a failed attempt; and so does one on
which more comes than the answer was to have. So keeping is tried with one connection at a time, more and more
seldom.
"""

from __future__ import annotations

PROOF_ANSWERS = 2
"""Answers on one connection that show, at first, that the partner keeps connections."""

WORTHWHILE_ANSWERS = 20
"""Answers that make a connection worth the failure that its end may cost; after a pause, also the proof."""

CLOSINGS_IN_A_ROW = 3
"""How many connections in a row that were not worth keeping begin a pause."""

TRIAL_SECONDS = 1.0
"""Seconds between trials: until keeping is proven to work, one more connection is kept so often."""

PAUSE_SECONDS = 10.0
"""Seconds of the first pause, in which none is kept; each further one lasts twice as long."""

LONGEST_PAUSE_SECONDS = 320.0


class ConnectionReuse:
    """What is known of one origin; times are monotonic seconds."""

    def __init__(self) -> None:
        self._proven = False
        self._proof = PROOF_ANSWERS
        self._closings = 0
        self._pause = PAUSE_SECONDS
        self._next_trial = self._pause_ends = float("-inf")

    def keep(self, now: float, served: int) -> bool:
        """Decide, after an answer, whether to keep its connection; `served` counts its answers, this one too.

        It need not be called for a connection that has served more than WORTHWHILE_ANSWERS.
        """
        if served >= WORTHWHILE_ANSWERS:
            self._closings = 0
            self._pause = PAUSE_SECONDS
        if served >= self._proof:
            self._proven = True
        return self._proven or self._tries(now, served)

    def closed(self, now: float, served: int) -> None:
        """Note that the partner closed a kept connection just as it was to serve again, or broke it."""
        if served >= WORTHWHILE_ANSWERS or (not self._proven and now < self._pause_ends):
            return
        self._closings += 1
        if self._proven and self._closings < CLOSINGS_IN_A_ROW:
            return
        self._proven, self._proof, self._closings = False, WORTHWHILE_ANSWERS, 0
        self._pause_ends = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _tries(self, now: float, served: int) -> bool:
        """Whether this connection is a trial; a trial goes on until its connection ends."""
        if now < self._pause_ends:
            return False
        if served == 1:
            if now < self._next_trial:
                return False
            self._next_trial = now + TRIAL_SECONDS
        return True
