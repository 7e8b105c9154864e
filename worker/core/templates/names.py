"""Which macros there are, and how the value of each is read.

The rule: a name is a field of the event, one of its attributes, a secret of the settings, or of the attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, Final

from schemas import ConversionEvent
from worker.core.templates.errors import TemplateError

Fields = Mapping[str, Any]
"""The fields of an event, as its `__dict__`: there they cost a fraction of what pydantic's attributes do.

Where a template names them, `attempt` (a number) and `now` (a datetime) are among them.
"""

ATTRIBUTE: Final = "attributes."
SECRET: Final = "secret."  # noqa: S105 - the beginning of a macro's name

FIELDS: Final = tuple(name for name in ConversionEvent.model_fields if name != "attributes")
ATTEMPT: Final = "attempt"
NOW: Final = "now"
OF_ATTEMPT: Final = frozenset({ATTEMPT, NOW})
TIMES: Final = frozenset({"occurred_at", "clicked_at", NOW})
MACROS: Final = (*sorted(FIELDS, key=lambda name: name != "click_id"), ATTEMPT, NOW)
"""The names that stand for themselves."""


def is_field(name: str) -> bool:
    """Whether it is a field of the event whose text is what `str` says."""
    return name in FIELDS and name not in TIMES


def is_text(name: str) -> bool:
    """Whether what it names is sent as `str` says it."""
    return is_field(name) or name.startswith(ATTRIBUTE)


def check_name(name: str) -> None:
    """Raise TemplateError, with the names that there are, where a macro of this name can't be filled."""
    prefixed = any(name.startswith(prefix) and name != prefix for prefix in (ATTRIBUTE, SECRET))
    if name in MACROS or prefixed:
        return
    close = get_close_matches(name.lower(), MACROS, n=1)
    hint = f"; did you mean {{{close[0]}}}?" if close else ""
    known = ", ".join(f"{{{macro}}}" for macro in (*MACROS, f"{ATTRIBUTE}NAME", f"{SECRET}NAME"))
    raise TemplateError(f"has an unknown macro {{{name}}}; known are {known}{hint}")


def getter(name: str) -> Callable[[Fields], Any]:
    """What reads a macro's value, None where there is none. Secrets are no event's to read."""
    if not name.startswith(ATTRIBUTE):
        return itemgetter(name)
    attribute = name.removeprefix(ATTRIBUTE)
    return lambda fields: fields["attributes"].get(attribute)
