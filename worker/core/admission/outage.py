"""What is reported of an open circuit: since when, why, and how its probes went.

The rule: it is reported twice, when the circuit opens and when it closes; between them probes are counted.
"""

from __future__ import annotations

from typing import NamedTuple

from worker.core.classify import AnswerVerdict


class Outage(NamedTuple):
    """An open circuit; `label` is the status code or the failure kind of the last answer."""

    since: float
    """When it opened, in epoch seconds."""
    opened_at: float
    """The same on the monotonic clock: requests that began later are probes."""
    share: float
    """The share of failures in the window when it opened."""
    label: str
    error: str
    """The last answer in words, one line without secrets."""
    probes: int = 0

    def probed(self, verdict: AnswerVerdict) -> Outage:
        """Count one more probe; if it failed, its answer is the last cause."""
        if verdict.pressure:
            return self._replace(probes=self.probes + 1, label=verdict.label, error=verdict.error)
        return self._replace(probes=self.probes + 1)
