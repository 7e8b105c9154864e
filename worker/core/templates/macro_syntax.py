"""Parses one macro: `{name?:form-or-map|default:number}`, where each part but the name is optional.

The rule: text inside a macro is taken literally; it is encoded like a value, for its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from worker.core.templates.errors import TemplateError
from worker.core.templates.macro_names import SECRET, TIMES, check_name

BRACED: Final = re.compile(r"\{([^{}]*)\}")
"""A macro as it stands in a template."""

UNIX, UNIX_MS, ISO, MINOR, SHA256 = "unix", "unix_ms", "iso", "minor", "sha256"
NUMBER: Final = ":number"

_PARTS = re.compile(r"([^?:|]*)(\?)?(?::([^|]*))?(?:\|(.*))?", re.DOTALL)
_LATE_FORM = re.compile(rf"(.*):({UNIX}|{UNIX_MS}|{ISO}|{MINOR}|{SHA256})", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_OTHERS = "*"
_RIGHT_MAP = "{event:purchase=Sale,signup=Lead,*=Other}"


class Choices(NamedTuple):
    """A map: what is sent for known values, and for others (`*` is the value itself, None an error)."""

    known: Mapping[str, str]
    other: str | None
    keeps_others: bool


class Macro(NamedTuple):
    """One macro of a template; `written` is its text there, with its braces."""

    written: str
    name: str
    is_optional: bool
    form: str | None
    choices: Choices | None
    default: str | None
    is_number: bool

    @property
    def is_secret(self) -> bool:
        """Whether its value comes from the settings, not from an event."""
        return self.name.startswith(SECRET)

    @property
    def is_required(self) -> bool:
        """Whether an event without a value for it can't be sent."""
        return not (self.is_optional or self.is_secret) and self.default is None

    @property
    def is_plain(self) -> bool:
        """Whether the event's value is sent as it is, and must be there."""
        return self.is_required and self.form is None and self.choices is None and not self.is_number


def parse_macro(content: str) -> Macro:
    """Parse what stands between two braces; raise TemplateError if it is no macro."""
    written = f"{{{content}}}"
    is_number = content.endswith(NUMBER)
    parts = _PARTS.fullmatch(content.removesuffix(NUMBER) if is_number else content)
    if parts is None:
        raise TemplateError(f"has {written}: ? stands right after the name, as in {{order_id?}}")
    name, optional, form, default = parts.groups()
    if not name:
        raise TemplateError(f"has {written}, which names no value; write {{click_id}}, or {_RIGHT_MAP}")
    check_name(name)
    if optional and default is not None:
        raise TemplateError(f"has {written}: ? leaves it out and | sends a default; keep one of them")
    _check_order(written, name, form, default)
    choices = None
    if form is not None and ("=" in form or _OTHERS in form.split(",")):
        choices, form = _choices(form, written), None
    _check_form(name, form, written)
    macro = Macro(written, name, optional is not None, form, choices, default, is_number)
    _check_numbers(macro)
    _check_secret(macro)
    return macro


def is_number(text: str) -> bool:
    """Whether it is a number as JSON writes them."""
    return _NUMBER.fullmatch(text) is not None


def _check_order(written: str, name: str, form: str | None, default: str | None) -> None:
    """Refuse a form after the default, or `:number` before it: either would be sent as text."""
    if default is None:
        return
    late = _LATE_FORM.fullmatch(default)
    if late is not None:
        right = written.replace(f"{written.partition('|')[0]}|{default}", f"{{{name}:{late[2]}|{late[1]}", 1)
        raise TemplateError(f"has {written}: :{late[2]} stands before |, as in {right}")
    if f":{form}".endswith(NUMBER):
        right = written.replace(f"{NUMBER}|{default}", f"|{default}{NUMBER}", 1)
        raise TemplateError(f"has {written}: {NUMBER} stands last, as in {right}")


def _choices(form: str, written: str) -> Choices:
    known: dict[str, str] = {}
    others: list[str | None] = []
    for entry in form.split(","):
        value, equals, sent = (part.strip() for part in entry.partition("="))
        if value == _OTHERS:
            others.append(sent if equals else None)
        elif not equals or not value:
            raise TemplateError(
                f"has {written}, whose map is not value=sent with commas between: {_RIGHT_MAP}"
            )
        elif value in known:
            raise TemplateError(f"has {written}, whose map has {value} twice; keep one")
        else:
            known[value] = sent
    if len(others) > 1:
        raise TemplateError(f"has {written}, whose map has {_OTHERS} twice; keep one")
    return Choices(known, others[0] if others else None, others == [None])


def _check_form(name: str, form: str | None, written: str) -> None:
    """Refuse an unknown form, or one that does not fit this value."""
    if form is None:
        return
    fitting = {
        UNIX: name in TIMES,
        UNIX_MS: name in TIMES,
        ISO: name in TIMES,
        MINOR: name == "payout",
        SHA256: not (name in TIMES or name == "payout" or name.startswith(SECRET)),
    }
    if form not in fitting:
        said = f"whose form {form} is not known" if form else "where nothing follows the colon"
        raise TemplateError(
            f"has {written}, {said}; forms are :unix, :unix_ms and :iso of times, {{payout:minor}}, "
            f":sha256 of texts, or a map as in {_RIGHT_MAP}"
        )
    if not fitting[form]:
        right = {MINOR: "{payout:minor}", SHA256: "{attributes.email:sha256}"}.get(
            form, f"{{occurred_at:{form}}}"
        )
        raise TemplateError(f"has {written}, but :{form} is for other values, as in {right}")


def _check_numbers(macro: Macro) -> None:
    """Refuse text that would be sent as a number but is none."""
    if not macro.is_number:
        return
    choices = macro.choices or Choices({}, None, keeps_others=False)
    for sent in (macro.default, choices.other, *choices.known.values()):
        if sent is not None and not is_number(sent):
            raise TemplateError(f"has {macro.written}, where {sent!r} is no number; write 0, 4999 or 49.99")


def _check_secret(macro: Macro) -> None:
    """Refuse what would never count: a secret is never absent, and no event's value."""
    if macro.is_secret and (macro.is_optional or macro.default is not None or macro.choices is not None):
        right = f"{{{macro.name}{NUMBER if macro.is_number else ''}}}"
        raise TemplateError(
            f"has {macro.written}: a secret is always there, and sent as it is; write {right}"
        )
