"""The names of macros, and how to read the value of each.

The rule: a name is a field of the event, one of its attributes, a secret of the settings, or about the
attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, Final

from schemas import ConversionEvent
from worker.core.templates.errors import TemplateError

EventFields = Mapping[str, Any]
"""The fields of an event, from its `__dict__`, which costs a fraction of pydantic's attributes.

If a template names them, `attempt` (a number) and `now` (a datetime) are among them.
"""

ATTRIBUTE: Final = "attributes."
SECRET: Final = "secret."  # noqa: S105 - the beginning of a macro's name

FIELDS: Final = tuple(name for name in ConversionEvent.model_fields if name != "attributes")
ATTEMPT: Final = "attempt"
NOW: Final = "now"
OF_ATTEMPT: Final = frozenset({ATTEMPT, NOW})
TIMES: Final = frozenset({"occurred_at", "clicked_at", NOW})
MACROS: Final = (*sorted(FIELDS, key=lambda name: name != "click_id"), ATTEMPT, NOW)
"""The names without a prefix."""


def is_field(name: str) -> bool:
    """Whether it is a field of the event whose text is its `str`."""
    return name in FIELDS and name not in TIMES


def is_text(name: str) -> bool:
    """Whether its value is sent as its `str`."""
    return is_field(name) or name.startswith(ATTRIBUTE)


def check_name(name: str) -> None:
    """Raise TemplateError, listing the known names, for an unknown one."""
    prefixed = any(name.startswith(prefix) and name != prefix for prefix in (ATTRIBUTE, SECRET))
    if name in MACROS or prefixed:
        return
    close = get_close_matches(name.lower(), MACROS, n=1)
    hint = f"; did you mean {{{close[0]}}}?" if close else ""
    known = ", ".join(f"{{{macro}}}" for macro in (*MACROS, f"{ATTRIBUTE}NAME", f"{SECRET}NAME"))
    raise TemplateError(f"has an unknown macro {{{name}}}; known are {known}{hint}")


def getter(name: str) -> Callable[[EventFields], Any]:
    """Make what reads a macro's value from an event, None if absent. Not for secrets."""
    if not name.startswith(ATTRIBUTE):
        return itemgetter(name)
    attribute = name.removeprefix(ATTRIBUTE)
    return lambda fields: fields["attributes"].get(attribute)
