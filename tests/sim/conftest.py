"""Simulations are not traced for coverage: the tests of each part cover it, and tracing costs a lot of time.

pytest-cov's own marker stops one of two tracers in a worker of pytest-xdist.
"""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Run a test without the tracer, which is put back after it."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
