"""structlog without rich and pygments, which it loads to colour tracebacks: a tenth of the start-up time.

The rule: nothing is lost, because tracebacks are plain text here; code that wants rich itself can import it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_RICH = "rich"


@contextmanager
def _without_rich() -> Iterator[None]:
    """Make an import of rich fail, as if it were not installed, unless somebody has loaded it already."""
    if _RICH in sys.modules:
        yield
        return
    sys.modules[_RICH] = None  # type: ignore[assignment]  # Python's way to mark a module as absent
    try:
        yield
    finally:
        del sys.modules[_RICH]


with _without_rich():
    import structlog

__all__ = ["structlog"]
