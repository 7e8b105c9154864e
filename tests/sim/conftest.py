"""Simulations are not traced for coverage: the tests of each part cover it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.untraced import untraced


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Run a test without the tracer."""
    with untraced():
        return (yield)
