"""What an incident is, and whether a drill of it went as it should: pure.

The rule: the alert of an incident fires, and no other but those said to follow from it; the runbook's command
explains it, it ends, and every conversion of it is recorded by the partner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.drills.page import Deed, Shown

if TYPE_CHECKING:
    from tests.drills.stage import Stage


BURNS = ("PostbackBudgetBurnsFast", "PostbackBudgetBurns")
"""What follows wherever conversions are late; they speak of hours and days, and outlast the cause."""


WORKED_OFF = "PostbackSourceOld"
"""A backlog that is worked off fires it: after an incident it may, during one only where that is said."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident, with commands of the runbook's section of the alert that it fires, as they are written.

    `begins` breaks something, `ends` says in a word what ends it: a command, or what a person repairs.
    """

    name: str
    fires: str
    explains: Sequence[str]
    says: str
    """What the explaining commands print."""
    begins: Callable[[Stage], None]
    shows: Shown | None = None
    """What of it is seen on the console's page; None where it can't be seen there."""
    repairs: Callable[[Stage], None] | None = None
    """What is done before the ending commands, where it takes something that is no command."""
    ends: Sequence[str] = ()
    ends_on_page: Deed | None = None
    """What ends it there, before the commands, which then find nothing left to do."""
    repaired_by: str = ""
    """What `repairs` does, in a few words."""
    follows: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)
    rate: float = 20.0
    """Conversions a second."""
    own_kafka: bool = False
    tls: bool = False

    @property
    def slug(self) -> str:
        """Its name, as that of a destination."""
        return self.name.lower().replace(" ", "-")

    @property
    def ending(self) -> str:
        """What ends it, for a table."""
        commands = ", ".join(f"`{command}`" for command in self.ends)
        return ", then ".join(part for part in (self.repaired_by, commands) if part)


class Observed(NamedTuple):
    """What was seen of one. `fired` is when each alert first fired, in seconds since it began."""

    fired: Mapping[str, float]
    printed: str = ""
    failed: Sequence[str] = ()
    """Commands that ended as they should not."""
    resolved: bool = False
    lost: int = 0
    """Conversions that the partner never recorded."""
    ending: float = float("inf")
    """When its end began, in seconds since it began."""
    page: str = ""
    """What the console's page showed."""
    shown: float | None = None
    """When the page first showed it, in seconds since it began; these are nobody's to divide."""
    trouble: str = ""
    """Why it could not be played to its end."""


def problems(incident: Incident, seen: Observed) -> list[str]:
    """What did not go as it should; nothing where all did."""
    worked_off = {WORKED_OFF} if seen.fired.get(WORKED_OFF, 0.0) > seen.ending else set()
    wrong = sorted(seen.fired.keys() - {incident.fires} - incident.follows - worked_off)
    found = {
        seen.trouble: bool(seen.trouble),
        f"{incident.fires} did not fire": incident.fires not in seen.fired,
        f"{', '.join(wrong)} fired": bool(wrong),
        f"{incident.says!r} is not said by what explains": incident.says not in seen.printed,
        f"the page does not show {incident.shows}": incident.shows is not None
        and incident.shows.text not in seen.page,
        f"failed: {'; '.join(seen.failed)}": bool(seen.failed),
        "the alert was not resolved": not seen.resolved,
        f"{seen.lost} conversions were not recorded": seen.lost > 0,
    }
    return [text for text, holds in found.items() if holds]
