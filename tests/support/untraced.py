"""Runs what simulates much without the tracer of coverage: tracing would cost minutes, and finds nothing new.

pytest-cov's own marker stops one of two tracers in a worker of pytest-xdist.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Take the tracer away, and put it back at the end."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
