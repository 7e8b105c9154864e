"""Filters of dead letters and pending conversions, read from user input.

The rule: an unreadable filter is an error, and never lets everything through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.errors import WrongUsage

if TYPE_CHECKING:
    from datetime import datetime

    from schemas import DeadLetter
    from worker.core.event_filter import EventFilter
    from worker.core.record import Headers


class WrongFilter(WrongUsage):
    """The filter `name` can't be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__([reason])
        self.name = name


class SinceAfterUntil(WrongUsage):
    """`since` is after `until`."""

    def __init__(self) -> None:
        super().__init__(["since is after until"])


class Filters(NamedTuple):
    """What a dead letter must match; None, or no reasons, match everything. Times are epoch seconds."""

    reasons: frozenset[str] = frozenset()
    status: int | None = None
    event_id: str | None = None
    click_id: str | None = None
    since: float | None = None
    until: float | None = None
    offer_id: str | None = None
    network: str | None = None
    error: str | None = None
    """A part of the error's text, ignoring case."""

    def match(self, letter: DeadLetter) -> bool:
        """Whether a dead letter matches all of them; one without a time matches no filter of time."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.status in {None, letter.status}
            and self.event_id in {None, letter.event_id}
            and self.click_id in {None, letter.click_id}
            and self._is_in_time(letter.dead_at)
            and self._is_in_error(letter.error)
            and self._is_in_event(letter)
        )

    def glance(self) -> Callable[[Headers, bytes | None], bool]:
        """Make a check of a record's bytes that rules out most non-matches at a fraction of the cost."""
        from schemas.headers import REASON, STATUS
        from worker.core.unparsed_json import may_hold

        reasons = {reason.encode() for reason in self.reasons}
        status = None if self.status is None else str(self.status).encode()
        texts = [text.encode() for text in (self.event_id, self.click_id, *self._of_event.values()) if text]

        def may_pass(headers: Headers, value: bytes | None) -> bool:
            told = dict(headers) if reasons or status else {}  # the last of repeated headers counts
            return (
                (not reasons or told.get(REASON) in reasons)
                and status in {None, told.get(STATUS)}
                and all(may_hold(text, value) for text in texts)
            )

        return may_pass

    @property
    def _of_event(self) -> Mapping[str, str]:
        """The wanted values of fields that only the event has."""
        wanted = {"offer_id": self.offer_id, "network": self.network}
        return {name: text for name, text in wanted.items() if text is not None}

    def _is_in_event(self, letter: DeadLetter) -> bool:
        wanted = self._of_event
        if not wanted:
            return True
        from schemas.dead_letter import fields_of

        fields = fields_of(letter.value)
        return all(fields.get(name) == text for name, text in wanted.items())

    def _is_in_error(self, error: str | None) -> bool:
        return self.error is None or self.error.casefold() in (error or "").casefold()

    def _is_in_time(self, dead_at: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if dead_at is None:
            return False
        moment = dead_at.timestamp()
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)


def read_filters(
    *,
    now: float,
    reasons: Iterable[str] = (),
    status: int | None = None,
    event_id: str | None = None,
    click_id: str | None = None,
    since: str | None = None,
    until: str | None = None,
    offer_id: str | None = None,
    network: str | None = None,
    error: str | None = None,
) -> Filters:
    """Read filters as users write them; raise WrongFilter or SinceAfterUntil."""
    from schemas import DeadReason

    wanted = frozenset(_reason(one, DeadReason) for one in reasons)
    ids = {"event_id": event_id, "click_id": click_id, "offer_id": offer_id, "network": network}
    _must_say_something({**ids, "error": error})
    first, last = _times(since, until, now)
    return Filters(wanted, status, event_id, click_id, first, last, offer_id, network, error)


def read_event_filter(named: Mapping[str, str | None], now: float) -> EventFilter:
    """Read the filter of a pending conversion; None matches anything. Raises WrongFilter, SinceAfterUntil.

    An age becomes a fixed time, so that an order means the same whenever it is applied.
    """
    from schemas import RetryReason, format_time
    from worker.core.event_filter import TIMES, EventFilter

    reason = named.get("reason")
    if reason is not None:
        _reason(reason, RetryReason)
    _must_say_something(named)
    found = dict(zip(TIMES, _times(named.get("since"), named.get("until"), now), strict=True))
    times = {name: None if moment is None else format_time(moment) for name, moment in found.items()}
    return EventFilter.of({**named, **times})


def _times(since: str | None, until: str | None, now: float) -> tuple[float | None, float | None]:
    first, last = read_time("since", since, now), read_time("until", until, now)
    if first is not None and last is not None and first > last:
        raise SinceAfterUntil
    return first, last


def _must_say_something(named: Mapping[str, str | None]) -> None:
    """Refuse an empty text, as of a shell's unset variable: nothing has it, or every error's text."""
    for name, text in named.items():
        if text == "":
            raise WrongFilter(name.replace("_", "-"), "it is empty; give a value, or leave it out")


def _reason(text: str, known: Iterable[str]) -> str:
    if text not in set(known):
        raise WrongFilter("reason", f"{text!r} is no reason; known are {', '.join(known)}")
    return text


def read_time(name: str, text: str | None, now: float) -> float | None:
    """Read a time (RFC 3339, or an age before `now` such as `2h`) as epoch seconds; raise WrongFilter.

    `name` is the filter's name.
    """
    from schemas.moment import parse_time
    from worker.settings.values import parse_duration

    if text is None:
        return None
    try:
        return now - parse_duration(text)
    except ValueError:
        moment = parse_time(text)
    if moment is None:
        raise WrongFilter(
            name, f"{text!r} is no time: write 2026-01-31T12:00:00Z, or an age such as 90s, 30m, 2h or 7d"
        )
    return moment
