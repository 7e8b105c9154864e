"""A worker's report about itself on the control topic: what nobody else can read from Kafka.

The rule: it holds states that last for seconds, so that a report is written only when something changes. A
report counts while its writer is a member of the group.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from schemas.moment import format_time, parse_time
from worker.core.record import CONTROL_PARTITION, Outgoing

PREFIX = "worker/"

AGAIN_AFTER_SECONDS = 86_400.0
"""A worker that lives writes its report again after this time, even if it says the same."""

ABANDONED_AFTER_SECONDS = 3 * AGAIN_AFTER_SECONDS
"""A report of this age is of a worker that was killed."""

START_SECONDS = 60.0
"""What each start takes may take so long, before it counts as what keeps a worker from its work."""


class OpenCircuit(NamedTuple):
    """An open circuit: since when (epoch seconds), and the last answer."""

    since: float
    status: str
    error: str


class WorkerReport(NamedTuple):
    """One worker of a destination.

    `members` are the client ids of its members of the two groups; `bound_by` says what keeps it from sending
    more than it does, by the words of the gauge of what is held, and `pace` and `limit` where the partner's
    refusals have lowered those; `not_ready` are the reasons of `/readyz`; `starts` is since when they are but
    those that each start has for a while (None: there are others, or none at all); `silent` are partitions
    that have records and give none.
    """

    id: str
    at: float
    members: tuple[str, ...] = ()
    circuit: OpenCircuit | None = None
    bound_by: tuple[str, ...] = ()
    not_ready: tuple[str, ...] = ()
    starts: float | None = None
    silent: tuple[str, ...] = ()

    def is_starting(self, now: float) -> bool:
        """Whether it lacks but what each start takes, and not for long."""
        return self.starts is not None and now - self.starts < START_SECONDS

    def says_the_same(self, other: WorkerReport | None) -> bool:
        """Whether another report differs at most in its time."""
        return other is not None and self == other._replace(at=self.at)

    def is_due(self, last: WorkerReport | None) -> bool:
        """Whether it is to be written after the last one: it says something else, or that is long ago."""
        return not self.says_the_same(last) or (last is not None and self.at - last.at >= AGAIN_AFTER_SECONDS)


def write(report: WorkerReport, topic: str) -> Outgoing:
    """Make the record of a report."""
    circuit = report.circuit
    value = {
        "at": format_time(report.at),
        "members": report.members,
        "circuit": None
        if circuit is None
        else {"since": format_time(circuit.since), "status": circuit.status, "error": circuit.error},
        "bound_by": report.bound_by,
        "not_ready": report.not_ready,
        "starts": None if report.starts is None else format_time(report.starts),
        "silent": report.silent,
    }
    key = f"{PREFIX}{report.id}".encode()
    return Outgoing(topic, key, json.dumps(value).encode(), (), CONTROL_PARTITION)


def ended(report_id: str, topic: str) -> Outgoing:
    """Make the tombstone for a worker that has ended."""
    return Outgoing(topic, f"{PREFIX}{report_id}".encode(), None, (), CONTROL_PARTITION)


def report_id(key: bytes) -> str:
    """The id of the report with this key."""
    return key.decode(errors="replace").removeprefix(PREFIX)


def is_report(key: bytes | None) -> bool:
    """Whether a record of the control topic is a worker's report."""
    return (key or b"").startswith(PREFIX.encode())


def read(key: bytes | None, value: bytes | None) -> WorkerReport | None:
    """Read a report back; None for any other record and for an unreadable one."""
    try:
        fields = json.loads(value or b"")
        circuit, starts = fields["circuit"], fields.get("starts")
        return WorkerReport(
            (key or b"").decode().removeprefix(PREFIX),
            _time(fields["at"]),
            _texts(fields["members"]),
            None
            if circuit is None
            else OpenCircuit(_time(circuit["since"]), str(circuit["status"]), str(circuit["error"])),
            _texts(fields["bound_by"]),
            _texts(fields["not_ready"]),
            None if starts is None else _time(starts),
            _texts(fields.get("silent", [])),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _time(text: str) -> float:
    moment = parse_time(text)
    if moment is None:
        raise ValueError(f"{text!r} is no time")
    return moment


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError("not a list")
    return tuple(str(value) for value in values)
