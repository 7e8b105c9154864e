"""What may be wrong: with a template, when the program starts; with an event, when a template is filled.

The rule: a line never quotes a secret or a value of an event, only macros and names as the template has them.
"""

from __future__ import annotations


class TemplateError(ValueError):
    """The template is wrong; the text says what, and what would be right."""


class CannotFill(ValueError):
    """The event is `invalid` for this destination: it lacks a value, or has one that can't stand there."""


class LeftOut(Exception):
    """An optional macro has no value: what it stands in is to be left out."""
