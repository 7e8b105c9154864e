"""Parses forms and links: filters, who acts, how fast.

The rule: pure; an unreadable field is WrongUsage with its name, and never matches everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from worker.console.actions import ReplayOptions
from worker.console.watch import RowsQuery
from worker.core.event_filter import FIELDS, FROM_HEADERS, TIMES, EventFilter
from worker.core.undelivered import OTHER_ERRORS, GroupKey, UndeliveredState
from worker.ops.errors import WrongUsage
from worker.ops.filters import Filters, read_event_filter, read_filters

if TYPE_CHECKING:
    from worker.ops.explain_reading import SoughtConversion

FormFields = Mapping[str, str]

OF_DEAD = ("reason", "status", "error", "event_id", "click_id", "offer_id", "network", "since", "until")
"""The fields that select dead letters, named as for `dlq list`."""

OF_PENDING = (*FROM_HEADERS, *FIELDS, *TIMES)
"""The fields that select pending conversions, named as for `waiting list` and `cancel`."""

IDS = frozenset({"id", "event_id", "click_id", "order_id", "offer_id", "affiliate_id"})
"""Fields that are not stripped, as even a space at the end counts."""

OF_A_GROUP = ("reason", "status", "error")

LONGEST_NAME_CHARACTERS = 64
LONGEST_WHY_CHARACTERS = 500
ROWS = 50
MOST_ROWS = 1_000


def text(fields: FormFields, name: str) -> str | None:
    """The text of a field; None if it is empty."""
    value = fields.get(name, "")
    return (value if name in IDS else value.strip()) or None


def kind(fields: FormFields) -> UndeliveredState:
    """The kind of rows: dead letters, unless the field says waiting."""
    return (
        UndeliveredState.WAITING if fields.get("kind") == UndeliveredState.WAITING else UndeliveredState.DEAD
    )


def names(of: UndeliveredState) -> Sequence[str]:
    """The fields that select rows of a kind."""
    return OF_PENDING if of is UndeliveredState.WAITING else OF_DEAD


def given(fields: FormFields, of: UndeliveredState) -> dict[str, str]:
    """The filters that are not empty, as written."""
    return {name: value for name in names(of) if (value := text(fields, name)) is not None}


def rows_asked(fields: FormFields, now: float) -> RowsQuery:
    """The rows that a page asks for: with `whole`, those of one group of failures."""
    of, limit = kind(fields), rows_wanted(fields)
    wanted, group = given(fields, of), None
    if fields.get("whole"):
        group = GroupKey(of, text(fields, "reason"), _status(fields), text(fields, "error"))
        wanted = {name: value for name, value in wanted.items() if name not in OF_A_GROUP}
    if of is UndeliveredState.WAITING:
        return RowsQuery(of, group, wanted=event_filter(wanted, now), limit=limit)
    return RowsQuery(of, group, _filters(wanted, now), limit=limit)


def meant(fields: FormFields) -> dict[str, str]:
    """The filters of an order or replay for the rows of a page."""
    wanted = given(fields, kind(fields))
    if wanted.get("error") == OTHER_ERRORS:
        del wanted["error"]
    return wanted


def _filters(wanted: dict[str, str], now: float) -> Filters:
    reason = wanted.pop("reason", None)
    return read_filters(
        now=now, reasons=() if reason is None else (reason,), status=_status(wanted), **_texts(wanted)
    )


def rows_wanted(fields: FormFields) -> int:
    """The number of rows on a page."""
    return min(MOST_ROWS, _number(fields, "limit", ROWS))


def event_filter(fields: FormFields, now: float) -> EventFilter:
    """The filter of a cancellation, or of an order about waiting conversions; ages count back from `now`."""
    _status(fields)
    return read_event_filter({name: text(fields, name) for name in OF_PENDING}, now)


def replay_asked(fields: FormFields) -> ReplayOptions:
    """A replay's options, as `dlq replay` has them."""
    wanted = given(fields, UndeliveredState.DEAD)
    reason = wanted.pop("reason", None)
    edits = (line.strip() for line in fields.get("set", "").splitlines())
    return ReplayOptions(
        reason=() if reason is None else (reason,),
        status=_status(wanted),
        limit=_number(fields, "limit", 0),
        again=bool(fields.get("again")),
        set_=tuple(line for line in edits if line),
        **_texts(wanted),
    )


def per_second(fields: FormFields, name: str = "rate") -> float | None:
    """The bound per second; None if the field is empty."""
    written = text(fields, name)
    if written is None:
        return None
    try:
        rate = float(written)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise WrongUsage([f"{name}: {written!r} must be a number above 0, of attempts a second"])
    return rate


def wanted_conversion(fields: FormFields) -> SoughtConversion | None:
    """The conversion to search for; None if none is given."""
    from worker.ops.explain_reading import SoughtConversion

    value = text(fields, "id")
    field = fields.get("by", "event_id")
    if value is None:
        return None
    if field not in {"event_id", "click_id", "order_id"}:
        raise WrongUsage(["by: must be event_id, click_id or order_id"])
    return SoughtConversion(field, value)


def who(name: str) -> str:
    """Check the name of who acts; raise WrongUsage if it is no name."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME_CHARACTERS or not name.isprintable():
        raise WrongUsage([f"who: say who you are, in 1 to {LONGEST_NAME_CHARACTERS} characters"])
    return name


def why(fields: FormFields) -> str | None:
    """The reason for an action; None if none is given."""
    said = text(fields, "because")
    if said is not None and (len(said) > LONGEST_WHY_CHARACTERS or not said.isprintable()):
        raise WrongUsage([f"because: must be one line of at most {LONGEST_WHY_CHARACTERS} characters"])
    return said


def _texts(wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if name != "status"}


def _status(wanted: Mapping[str, str]) -> int | None:
    written = text(wanted, "status")
    if written is None:
        return None
    if not written.isdecimal() or len(written) != 3 or int(written) < 100:
        raise WrongUsage([f"status: {written!r} must be an HTTP status, from 100 to 999"])
    return int(written)


def _number(fields: FormFields, name: str, default: int) -> int:
    written = text(fields, name)
    if written is None:
        return default
    if not written.isdecimal() or len(written) > 9:
        raise WrongUsage([f"{name}: {written!r} must be a whole number"])
    return int(written)
