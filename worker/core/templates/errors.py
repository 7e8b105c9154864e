"""Errors of templates at start-up, and of events when a template is filled.

The rule: a line never quotes a secret or a value of an event, only macros and names from the template.
"""

from __future__ import annotations


class TemplateError(ValueError):
    """The template is wrong; the text says why, and what would be right."""


class CannotFill(ValueError):
    """The event is `invalid` for this destination: a value is missing, or can't stand in its place."""


class LeftOut(Exception):
    """An optional macro has no value, so the member that it stands in is left out."""
