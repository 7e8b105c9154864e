"""What a dead letter, or a pending conversion, must be to be meant; read from what somebody wrote.

The rule: a filter that can't be read is an error, and never lets everything through.
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
    """A filter, by its `name`, that can't be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__([reason])
        self.name = name


class Backwards(WrongUsage):
    """No time is since the one and until the other."""

    def __init__(self) -> None:
        super().__init__(["since is after until"])


class Filters(NamedTuple):
    """What a dead letter must be; None, and no reasons, let every one through. Times are epoch seconds."""

    reasons: frozenset[str] = frozenset()
    status: int | None = None
    event_id: str | None = None
    click_id: str | None = None
    since: float | None = None
    until: float | None = None
    offer_id: str | None = None
    network: str | None = None
    error: str | None = None
    """A part of the error's text, in upper or lower case."""

    def match(self, letter: DeadLetter) -> bool:
        """Whether a dead letter passes all of them; without a time it passes no filter of time."""
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
        """What tells by the bytes of a record that it can't pass, for a part of what reading it costs."""
        from schemas.headers import REASON, STATUS

        reasons = {reason.encode() for reason in self.reasons}
        status = None if self.status is None else str(self.status).encode()
        texts = [text.encode() for text in (self.event_id, self.click_id, *self._of_event.values()) if text]

        def may_pass(headers: Headers, value: bytes | None) -> bool:
            told = dict(headers) if reasons or status else {}  # of headers that repeat the last counts
            return (
                (not reasons or told.get(REASON) in reasons)
                and status in {None, told.get(STATUS)}
                and _may_hold(value, texts)
            )

        return may_pass

    @property
    def _of_event(self) -> Mapping[str, str]:
        """The fields that a letter does not tell by itself, and what the event must have there."""
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
    """Read filters as they are written; raise WrongFilter or Backwards."""
    from schemas import DeadReason

    wanted = frozenset(_reason(one, DeadReason) for one in reasons)
    first, last = _times(since, until, now)
    return Filters(wanted, status, event_id, click_id, first, last, offer_id, network, error)


def read_event_filter(named: Mapping[str, str | None], now: float) -> EventFilter:
    """Read what a pending conversion must be, by names; None is anything. Raises WrongFilter, Backwards.

    An age becomes the moment that it means now: an order that is followed later means the same.
    """
    from schemas import RetryReason, format_time
    from worker.core.event_filter import TIMES, EventFilter

    reason = named.get("reason")
    if reason is not None:
        _reason(reason, RetryReason)
    found = dict(zip(TIMES, _times(named.get("since"), named.get("until"), now), strict=True))
    times = {name: None if moment is None else format_time(moment) for name, moment in found.items()}
    return EventFilter.of({**named, **times})


def _times(since: str | None, until: str | None, now: float) -> tuple[float | None, float | None]:
    first, last = read_time("since", since, now), read_time("until", until, now)
    if first is not None and last is not None and first > last:
        raise Backwards
    return first, last


def _may_hold(value: bytes | None, texts: Iterable[bytes]) -> bool:
    """Whether JSON may hold these texts: what has an escape is looked into, whatever its bytes."""
    return all(value is not None and (text in value or b"\\" in value) for text in texts)


def _reason(text: str, known: Iterable[str]) -> str:
    if text not in set(known):
        raise WrongFilter("reason", f"{text!r} is no reason; known are {', '.join(known)}")
    return text


def read_time(name: str, text: str | None, now: float) -> float | None:
    """Read a time, RFC 3339 or an age before `now` such as `2h`, as epoch seconds; raise WrongFilter.

    `name` is the filter's.
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
