"""What can be sent twice: the rows of README's table, and which of them explains a second ending.

The rule: a row is named by the very words of its first column. What no row names is a violation.
"""

from __future__ import annotations

from enum import Enum

from tests.chaos import history
from tests.chaos.cuts import BLINK, BROKER, DRAIN, Cut
from tests.chaos.evidence import Story


class Row(Enum):
    """The first column of README's table."""

    IN_FLIGHT = "requests in flight"
    SINCE_COMMIT = (
        "what was finished since the last commit: at most 0.2 s of work, and the records whose steps were on "
        "their way to the journal (0.12 s and the broker's answer)"
    )
    STUCK = (
        "what was finished while commits fail: 2 s of work at most; then nothing more is sent until one "
        "succeeds"
    )
    BROKER_AWAY = "the same, while the broker is away"
    LAST_COMMIT = "the same, at a shutdown"
    DRAIN = "what had not ended within `POSTBACK_DRAIN_TIMEOUT`"
    REMADE = "what was read of a recreated topic before the worker noticed that it is new"
    SET = "what lies at or above an offset that is set for the group, finished or not"
    DELETED = (
        "what is not in the journal: what was in flight at the end of the last run; without a journal and a "
        "memory of the offsets, all that `POSTBACK_KAFKA__START` says"
    )
    CLOSED = "one request"


INTERVENTIONS = {
    history.SET: Row.SET,
    history.EDITED: Row.SET,
    history.DELETED: Row.DELETED,
    history.REMADE: Row.REMADE,
}
"""What an intervention other than a cut of the log explains."""


def row_of(cut: Cut, begun: float, ended: float, story: Story) -> Row:
    """Name the row for work of a story from `begun` to `ended` that a cut may have sent round again."""
    if cut.cause == DRAIN:
        return Row.DRAIN
    if cut.cause.startswith(BROKER):
        return Row.BROKER_AWAY
    on_its_way = any(begun <= hop.at and abs(hop.at - cut.start) <= BLINK for hop in story.hops)
    if on_its_way or ended >= cut.start:
        return Row.IN_FLIGHT
    if ended >= cut.tick:
        return Row.SINCE_COMMIT
    return Row.BROKER_AWAY if cut.broker else Row.STUCK
