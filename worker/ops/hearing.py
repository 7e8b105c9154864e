"""Whom a long operation tells what it does.

The rule: who hears of it decides the words about waiting, because only they know how it can be ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Hearing(NamedTuple):
    """Callbacks: `says` hears a line; `waits` hears why the broker is waited for, and again while it is.

    Either may raise CannotDo, which ends the operation.
    """

    says: Callable[[str], None]
    waits: Callable[[str], None]


def _ignore(_text: str) -> None:
    """Say nothing."""


UNHEARD = Hearing(_ignore, _ignore)
"""Tells nobody: where nobody listens, or something else says why it waits."""
