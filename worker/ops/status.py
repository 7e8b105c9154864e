"""The status of each destination, read only from Kafka: no worker need be reachable.

The rules: repeated looks use one Watcher, which keeps its clients. A destination that can't be looked at, as
its topics are missing, hides no other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Self

from worker.ops.addressing import addressed
from worker.ops.broker import answering
from worker.ops.errors import CannotDo
from worker.ops.looking import FollowedTopics, Looker
from worker.ops.reading import DESTINATIONS_AT_A_TIME

SILENT_SECONDS = 5.0
"""A look that fails after so long met a broker that does not answer at all, unless another look succeeded."""

if TYPE_CHECKING:
    from worker.core.flow import Flow, RecentAttempts
    from worker.core.flow_diagnosis import FlowDiagnosis
    from worker.settings import Deployment, Settings


class Status(NamedTuple):
    """A destination, its verdict, and the figures behind it."""

    destination: str
    diagnosis: FlowDiagnosis
    flow: Flow


class Looked(NamedTuple):
    """The destinations that could be looked at, and why others could not."""

    found: Sequence[Status]
    lacking: CannotDo | None = None


class DestinationWatcher:
    """Looks at one destination, repeatedly. One thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looker = Looker(settings)

    def look(self, followed: FollowedTopics | None = None) -> Status:
        """Its status now; `followed` values are not read again. Raises CannotDo."""
        from worker.core.flow_diagnosis import judge

        with answering(self._settings):
            flow = self._looker.flow(time.time(), followed)
        found = judge(flow)
        if found.command is not None:
            found = found._replace(command=addressed(found.command, self._settings))
        return Status(self._settings.destination.name, found, flow)

    def renew(self, settings: Settings) -> None:
        """Log in with these settings from the next look on. Any thread may call it."""
        self._looker.renew(settings)

    def close(self) -> None:
        """Close the clients."""
        self._looker.close()


class Watcher:
    """Looks at each destination of a deployment, repeatedly; a context manager."""

    def __init__(self, deployment: Deployment) -> None:
        self._destinations = [DestinationWatcher(one) for one in deployment.destinations]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._destinations:
            one.close()

    def look(self) -> Looked:
        """The status of each now. Raises CannotDo where none can be looked at."""
        with ThreadPoolExecutor(DESTINATIONS_AT_A_TIME, "status") as threads:
            seen = list(threads.map(_OneLook().at, self._destinations))
        found = [one for one in seen if isinstance(one, Status)]
        failed = [one for one in seen if isinstance(one, CannotDo)]
        lines = dict.fromkeys(line for one in failed for line in one.reasons)
        lacking = CannotDo(lines, failed[0].hint) if failed else None
        if lacking is not None and not found:
            raise lacking
        return Looked(found, lacking)

    def renew(self, deployment: Deployment) -> None:
        """Log in with this deployment's settings from the next look on."""
        for one, settings in zip(self._destinations, deployment.destinations, strict=True):
            one.renew(settings)


class _OneLook:
    """One look at all of them: a broker that does not answer is asked for the first few alone."""

    def __init__(self) -> None:
        self._answers = False
        self._silent: CannotDo | None = None

    def at(self, one: DestinationWatcher) -> Status | CannotDo:
        """The status of one, or why it can't be looked at."""
        if self._silent is not None and not self._answers:
            return self._silent
        begun = time.monotonic()
        try:
            seen = one.look()
        except CannotDo as error:
            if time.monotonic() - begun >= SILENT_SECONDS:
                self._silent = error
            return error
        self._answers = True
        return seen


def as_json(one: Status) -> Mapping[str, object]:
    """A status as an object."""
    from schemas import format_time
    from worker.ops.orders import as_json as order_as_json

    diagnosis, flow = one.diagnosis, one.flow
    return {
        "destination": one.destination,
        "verdict": diagnosis.verdict,
        "why": diagnosis.why,
        "since": None if diagnosis.since is None else format_time(diagnosis.since),
        "command": diagnosis.command,
        "lag": flow.lag,
        "oldest_seconds": round(flow.oldest, 1),
        "waiting": [
            {"tier": tier.tier, "waiting": tier.waiting, "overdue_seconds": round(tier.overdue, 1)}
            for tier in flow.tiers
        ],
        "delivered_per_second": per_second(flow.steps, flow.steps.delivered),
        "failing_per_second": {
            status: per_second(flow.steps, count) for status, count in flow.steps.failed.items()
        },
        "dead_letters_last_hour": flow.dead_letters,
        "circuit": circuit_of(flow),
        "orders": [order_as_json(order, one.destination) for order in flow.orders],
        "members": flow.members._asdict(),
        "unread": [str(at) for at in flow.unread.every],
        "workers": [
            {"id": report.id, "bound_by": report.bound_by, "not_ready": report.not_ready}
            for report in flow.reports
        ],
    }


def per_second(steps: RecentAttempts, count: int) -> float:
    """A count of the latest steps per second."""
    return round(count / steps.seconds, 2) if steps.seconds else 0.0


def circuit_of(flow: Flow) -> str:
    """The workers' circuits: `closed`, `open`, or open at how many; `unknown` without reports."""
    if not flow.reports:
        return "unknown"
    down = sum(report.circuit is not None for report in flow.reports)
    if down in {0, len(flow.reports)}:
        return "open" if down else "closed"
    return f"open at {down} of {len(flow.reports)}"


def unwell(found: Sequence[Status]) -> bool:
    """Whether one of these needs somebody's attention."""
    return any(not one.diagnosis.is_well for one in found)
