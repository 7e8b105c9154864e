"""What the drills came to, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.drills.incident import Incident, Observed

TITLES = (
    *("incident", "alert", "seconds to fire", "explains it", "ends it"),
    *("the console shows", "after seconds", "ends it there", "verdict"),
)


class Row(NamedTuple):
    """One drill: its incident, what was seen, what did not go as it should, and how long it took."""

    incident: Incident
    seen: Observed
    problems: Sequence[str]
    seconds: float

    @property
    def verdict(self) -> str:
        """`ok`, or what is wrong."""
        return "; ".join(self.problems) or "ok"

    @property
    def line(self) -> str:
        """It in one line, for who waits."""
        others = ", ".join(sorted(self.seen.fired.keys() - {self.incident.fires}))
        also = f" (and {others})" if others else ""
        return f"{self.incident.name}: {self.verdict}, {self.seconds:.0f} s{also}"


def table(rows: Sequence[Row]) -> str:
    """All of them, in Markdown."""
    lines = [TITLES, tuple("---" for _ in TITLES), *(_cells(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    incident, after = row.incident, row.seen.fired.get(row.incident.fires)
    commands = ", ".join(f"`{command}`".replace("|", "\\|") for command in incident.explains)
    fired = "never" if after is None else f"{after:.0f}"
    shows, ends_there = ("" if of is None else str(of) for of in (incident.shows, incident.ends_on_page))
    shown = "" if row.seen.shown is None else f"{row.seen.shown:.0f}"
    page = shows, shown, ends_there
    return incident.name, incident.fires, fired, commands, incident.ending, *page, row.verdict
