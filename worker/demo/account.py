"""The account of a demonstration: every record that was published, and the one ending that it had.

The rule: it is drawn up from outside the worker: the partner's log, the dead-letter topic, the commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class Line(NamedTuple):
    """One line of the account."""

    ending: str
    records: int


class Account(NamedTuple):
    """What became of every record."""

    published: int
    delivered: Mapping[int, int]
    """How many were delivered at which attempt."""
    dead: Mapping[str, int]
    """How many were dead-lettered for what reason."""
    unaccounted: int
    twice: int
    """Records with two endings."""
    again: int
    """Requests for an event that had got its 200 before."""
    behind: int
    """Records that are not committed."""

    @property
    def complete(self) -> bool:
        """Whether every record had exactly one ending, none was sent again, and all is committed."""
        return not (self.unaccounted or self.twice or self.again or self.behind)

    def lines(self) -> list[Line]:
        """The account, line by line."""
        return [
            Line("published", self.published),
            *(Line(f"delivered at attempt {n}", count) for n, count in sorted(self.delivered.items())),
            *(Line(f"dead letter: {reason}", count) for reason, count in sorted(self.dead.items())),
            Line("not accounted for", self.unaccounted),
            Line("with two endings", self.twice),
            Line("sent again after a 200", self.again),
            Line("not committed", self.behind),
        ]


def draw_up(
    published: Mapping[str, str | None],
    recorded: Mapping[str, int],
    dead: Mapping[str, str],
    again: int,
    behind: int,
) -> Account:
    """Match what was published (event id by origin) with what ended where."""
    delivered: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    unaccounted = twice = 0
    for origin, event_id in published.items():
        attempt = recorded.get(event_id) if event_id is not None else None
        reason = dead.get(origin)
        if attempt is not None:
            delivered[attempt] += 1
        if reason is not None:
            reasons[reason] += 1
        unaccounted += attempt is None and reason is None
        twice += attempt is not None and reason is not None
    return Account(len(published), delivered, reasons, unaccounted, twice, again, behind)
