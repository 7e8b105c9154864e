"""The text of a macro: the event's value in the requested form, or its replacement.

The rule: a value is text before it is encoded, and is never read as a macro.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from schemas.payout import minor_units
from worker.core.templates.errors import CannotFill, LeftOut
from worker.core.templates.macro_names import SECRET, TIMES, EventFields, getter
from worker.core.templates.macro_syntax import ISO, MINOR, SHA256, UNIX, UNIX_MS, Choices, Macro, is_number

Fill = Callable[[EventFields], str]
"""Makes text from an event's fields; it may raise CannotFill and LeftOut."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def value_of(macro: Macro, secrets: Mapping[str, str], where: str) -> Fill:
    """Make what reads a macro's text; `where` begins the line about a missing value.

    Raises KeyError for a missing secret.
    """
    if macro.is_secret:
        secret = secrets[macro.name.removeprefix(SECRET)]
        return lambda _: secret
    get = _minor if macro.form == MINOR else getter(macro.name)
    text = _text_of(macro, where)

    def value(fields: EventFields) -> str:
        found = get(fields)
        return _absent(macro, where) if found is None else text(found)

    return value


def _minor(fields: EventFields) -> int | None:
    payout = fields["payout"]
    return None if payout is None else minor_units(payout, fields["currency"])


def _absent(macro: Macro, where: str) -> str:
    if macro.default is not None:
        return macro.default
    if macro.is_optional:
        raise LeftOut
    raise CannotFill(f"{where} needs {{{macro.name}}}, which this event does not have")


def _text_of(macro: Macro, where: str) -> Callable[[Any], str]:
    form = _FORMS.get(macro.form or (ISO if macro.name in TIMES else ""), str)
    text = form if macro.choices is None else _mapped(macro, macro.choices, form, where)
    return _number(macro, text, where) if macro.is_number else text


def _mapped(macro: Macro, choices: Choices, form: Callable[[Any], str], where: str) -> Callable[[Any], str]:
    def text(found: Any) -> str:
        value = form(found)
        sent = choices.known.get(value, choices.other)
        if sent is not None:
            return sent
        if choices.keeps_others:
            return value
        raise CannotFill(f"{where} needs {macro.written}, whose map does not have this event's value")

    return text


def _number(macro: Macro, form: Callable[[Any], str], where: str) -> Callable[[Any], str]:
    def text(found: Any) -> str:
        value = form(found)
        if not is_number(value):
            raise CannotFill(f"{where} needs {macro.written}, and this event's value is no number")
        return value

    return text


def _unix(moment: datetime) -> str:
    return str((moment - _EPOCH) // _SECOND)


def _unix_ms(moment: datetime) -> str:
    return str((moment - _EPOCH) // _MILLISECOND)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _sha256(text: object) -> str:
    return sha256(str(text).strip().lower().encode()).hexdigest()


_FORMS: Final[Mapping[str, Callable[[Any], str]]] = {
    UNIX: _unix,
    UNIX_MS: _unix_ms,
    ISO: _iso,
    SHA256: _sha256,
}
