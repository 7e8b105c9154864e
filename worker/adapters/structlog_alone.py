"""structlog without what it would load to draw tracebacks in colour: rich and pygments, a tenth of the start.

The rule: nothing is lost by it, for tracebacks are plain text here; whoever wants rich itself has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_RICH = "rich"


@contextmanager
def _without_rich() -> Iterator[None]:
    """Have an import of rich fail, as if it were not installed, where nobody has loaded it yet."""
    if _RICH in sys.modules:
        yield
        return
    sys.modules[_RICH] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    try:
        yield
    finally:
        del sys.modules[_RICH]


with _without_rich():
    import structlog

__all__ = ["structlog"]
