"""From a record's ending to its step in the journal.

The rule: a step says nothing that did not happen, and holds no secret: known secrets are masked wherever a
partner or an error may repeat them. No step is longer than a topic takes.
The JSON is put together by hand, because each delivery pays for it; `schemas/journal.py` reads the same back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from operator import itemgetter
from typing import Any, NamedTuple

from schemas import BadRecord, DeadLetter, DeadReason, decode, format_time
from schemas.headers import DUE_AT, replays_of
from schemas.text import one_line
from worker.core.answer import HttpOrigin, Request, Response
from worker.core.endings import Dead, Delivered, Duplicate, Ending, RetryLater, partition_of, read_history
from worker.core.masking import echo_masked, masked
from worker.core.record import Outgoing, Partition, Record, make
from worker.core.trial import Trial

MOST_URL_CHARACTERS = 2048
"""Characters of a URL that are kept: attributes can make it arbitrarily long."""

MOST_STEP_BYTES = 16_384
"""Most bytes of a step: 512 characters of click id, error and body, up to six bytes each, and a URL."""

BODY_BYTES = 2048
"""Bytes of a refusal's body that are read for its first 512 characters, up to four bytes each."""

Ended = Ending | Duplicate


class DestinationJournal(NamedTuple):
    """A destination's journal: its topic, this worker's name, secrets to mask, and whether to keep bodies."""

    topic: str
    worker: str
    secrets: tuple[str, ...] = ()
    bodies: bool = True


def step_of(
    ending: Ended, trial: Trial | None, now: float, on_tier: bool, journal: DestinationJournal
) -> Outgoing:
    """The step of a record that ended at `now` (epoch seconds); `trial` is the attempt that it ended with.

    Its key is the event id, or the origin if none can be read; its partition is the origin's.
    """
    record = ending[0]
    at, headers = record.at, record.headers
    is_first = not on_tier and (not headers or replays_of(headers) is None)
    if type(ending) is Delivered and trial is not None and is_first:
        return _of_delivery(ending, trial, now, journal)
    if not is_first:
        _, _, origin, replays, *_ = read_history(record, on_tier)
        number = partition_of(origin)
    else:
        origin, replays, number = f"{_place(at)}/{record.offset}", None, at.number
    if trial is None:
        key, event = _of_value(record, now)
    else:
        key, event = _of_event(trial.event.__dict__)
    text = f'{{"at":"{_time(int(now * 1000))}","step":"{_kind(ending)}"{event}'
    if trial is not None:
        text += _of_trial(ending, trial, journal)
    if not isinstance(ending, Delivered) and not isinstance(ending, Duplicate):
        text += _of_failure(ending, trial, journal)
    if replays:
        text += f',"replays":{replays}'
    value = f'{text},"origin":"{origin}","worker":"{journal.worker}"}}'.encode()
    return make(Outgoing, (journal.topic, (key or origin).encode(), value, (), number))


def _of_delivery(ending: Delivered, trial: Trial, now: float, journal: DestinationJournal) -> Outgoing:
    """The step of a source record that was delivered at once, like nearly all: in one piece."""
    record, event_id, attempts, status, _ = ending
    event, request, seconds, _ = trial
    topic, worker, secrets, _ = journal
    at = record[0]  # by index, which costs half of what the name does
    _, fields = _of_event(event.__dict__)
    value = (
        f'{{"at":"{_time(int(now * 1000))}","step":"delivered"{fields},"attempt":{attempts},"status":{status}'
        f',"ms":{round(seconds * 1000)},"url":{_url(request, secrets)}'
        f',"origin":"{_place(at)}/{record[1]}","worker":"{worker}"}}'
    )
    return make(Outgoing, (topic, event_id.encode(), value.encode(), (), at[1]))


_KINDS = {Delivered: "delivered", RetryLater: "retry", Dead: "dead", Duplicate: "duplicate"}


def _kind(ending: Ended) -> str:
    is_cancelled = isinstance(ending, Dead) and ending.reason is DeadReason.CANCELLED
    return "cancelled" if is_cancelled else _KINDS[type(ending)]


_TOLD = itemgetter("event_id", "click_id", "order_id", "event", "payout", "currency")
"""The fields of an event that a step has."""


def _of_event(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The event id and the fields as JSON, from the `__dict__`: pydantic's attributes cost far more."""
    event_id, click_id, order, name, payout, currency = _TOLD(fields)
    text = f',"event_id":{quoted(event_id)},"click_id":{quoted(click_id)}'
    if order is not None:
        text = f'{text},"order_id":{quoted(order)}'
    if name is not None:
        text = f'{text},"event":{quoted(name)}'
    if payout is not None:
        # `!s` costs a third of what formatting a decimal does
        text = f'{text},"payout":"{payout!s}","currency":"{currency}"'
    return event_id, text


def _of_value(record: Record, now: float) -> tuple[str | None, str]:
    """The event id and the event's fields, as far as a record without an attempt is readable."""
    try:
        event = decode(record.value, now=now, fields=record.fields)
    except BadRecord:
        letter = letter_of(record)
        ids = {"event_id": letter.event_id, "click_id": letter.click_id}
        text = "".join(f',"{name}":{quoted(value)}' for name, value in ids.items() if value is not None)
        return letter.event_id, text
    return _of_event(event.__dict__)


def letter_of(record: Record) -> DeadLetter:
    """The readable parts of a record that is no valid event."""
    at, offset, key, value, headers, timestamp, *_ = record
    return DeadLetter.from_record(at.topic, at.number, offset, key, value, headers, timestamp)


def _of_trial(ending: Ended, trial: Trial, journal: DestinationJournal) -> str:
    _, request, seconds, answer = trial
    url = _url(request, journal.secrets)
    status = f',"status":{answer.status}' if type(answer) is Response else ""
    return f',"attempt":{ending.attempts}{status},"ms":{round(seconds * 1000)},"url":{url}'


def _url(request: Request, secrets: tuple[str, ...]) -> str:
    """A request's URL as JSON: secrets masked, and cut to MOST_URL_CHARACTERS."""
    origin, target, _ = request
    url = _base(origin) + target
    if secrets:
        url = masked(url, secrets)
    return quoted(url if len(url) <= MOST_URL_CHARACTERS else url[:MOST_URL_CHARACTERS])


def _of_failure(ending: RetryLater | Dead, trial: Trial | None, journal: DestinationJournal) -> str:
    error = one_line(masked(ending.error, journal.secrets))
    text = f',"reason":"{ending.reason.value}","error":{quoted(error)}'
    if trial is not None and journal.bodies and isinstance(trial.answer, Response) and trial.answer.body:
        text += _of_body(trial.answer.body, journal.secrets)
    if trial is None and ending.attempts:
        text += f',"attempt":{ending.attempts}'
    if isinstance(ending, RetryLater):
        due_at = dict(ending.message.headers)[DUE_AT] or b""
        text += f',"due_at":"{due_at.decode()}","tier":"{ending.tier.label}"'
    return text


def _of_body(body: bytes, secrets: tuple[str, ...]) -> str:
    beginning = body[:BODY_BYTES].decode(errors="replace").strip()
    return f',"body":{quoted(one_line(echo_masked(beginning, secrets)))}' if beginning else ""


@lru_cache(maxsize=64)
def _time(milliseconds: int) -> str:
    return format_time(milliseconds / 1000)


@lru_cache(maxsize=1024)
def _place(at: Partition) -> str:
    return str(at)


@lru_cache(maxsize=64)
def _base(origin: HttpOrigin) -> str:
    return str(origin)
