"""The account of a demonstration: every published record and its one ending.

The rule: it is drawn up from outside the worker, from each network's log, its dead letters and the commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple


class AccountLine(NamedTuple):
    """One line of the account: how many records of all networks, and of each by its name."""

    ending: str
    records: int
    by_network: Mapping[str, int]

    def row(self) -> dict[str, object]:
        """The line as a row: a column for all, and one for each network."""
        return {"ending": self.ending, "records": self.records, **self.by_network}


class NetworkFindings(NamedTuple):
    """What was found about one network."""

    requested: Collection[str]
    """The event ids of its requests."""
    recorded: Mapping[str, int]
    """The attempt at which it took each event id."""
    again: int
    """Requests for an event that already had its 200."""
    dead: Mapping[str, Sequence[str]]
    """The reasons of the dead letters of each origin."""
    behind: int
    """Records not committed by its groups."""


class NetworkAccount(NamedTuple):
    """What became of every record that is one network's."""

    published: int
    delivered: Mapping[int, int]
    """The number delivered at each attempt."""
    dead: Mapping[str, int]
    """The number of dead letters by reason."""
    unaccounted: int
    twice: int
    """Records with two endings."""
    astray: int
    """Requests and dead letters that belong to another network."""
    again: int
    behind: int

    @property
    def faults(self) -> Mapping[str, int]:
        """Counts that must be zero, by name."""
        return {
            "not accounted for": self.unaccounted,
            "with two endings": self.twice,
            "at the wrong network": self.astray,
            "sent again after a 200": self.again,
            "not committed": self.behind,
        }


class Meanwhile(NamedTuple):
    """How many events `flowing` took while `down` was down."""

    down: str
    flowing: str
    delivered: int


class Account(NamedTuple):
    """What became of every record, by network."""

    networks: Mapping[str, NetworkAccount]
    meanwhile: Meanwhile | None = None
    """None if no network went down."""

    @property
    def published(self) -> int:
        """How many records there were."""
        return sum(one.published for one in self.networks.values())

    @property
    def complete(self) -> bool:
        """Whether every record had one ending, at its own network, and all is committed."""
        return not any(count for one in self.networks.values() for count in one.faults.values())

    def lines(self) -> list[AccountLine]:
        """The account, line by line."""
        every = self.networks.values()
        attempts = sorted({attempt for one in every for attempt in one.delivered})
        reasons = sorted({reason for one in every for reason in one.dead})
        faults = dict.fromkeys(name for one in every for name in one.faults)
        return [
            self._line("published", (one.published for one in every)),
            *(
                self._line(f"delivered at attempt {n}", (one.delivered.get(n, 0) for one in every))
                for n in attempts
            ),
            *(self._line(f"dead letter: {why}", (one.dead.get(why, 0) for one in every)) for why in reasons),
            *(self._line(name, (one.faults[name] for one in every)) for name in faults),
        ]

    def _line(self, ending: str, counts: Iterable[int]) -> AccountLine:
        by_network = dict(zip(self.networks, counts, strict=True))
        return AccountLine(ending, sum(by_network.values()), by_network)


def draw_up(published: Mapping[str, str | None], found: NetworkFindings) -> NetworkAccount:
    """Match the records published for a network (event id by origin) with their endings."""
    delivered: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    unaccounted = twice = 0
    for origin, event_id in published.items():
        attempt = found.recorded.get(event_id) if event_id is not None else None
        dead = found.dead.get(origin, ())
        if attempt is not None:
            delivered[attempt] += 1
        reasons.update(dead)
        endings = (attempt is not None) + len(dead)
        unaccounted += endings == 0
        twice += endings > 1
    astray = len(set(found.requested) - set(published.values())) + len(found.dead.keys() - published.keys())
    return NetworkAccount(
        len(published), delivered, reasons, unaccounted, twice, astray, found.again, found.behind
    )
