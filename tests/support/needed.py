"""What a machine may lack: a test that needs it is skipped there, and fails under CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.java import BrokerUnavailable

IN_CI = bool(os.environ.get("CI"))


@contextmanager
def needs_kafka() -> Iterator[None]:
    """Skip the test, and say why, where no broker can be had for what is done within; under CI it fails."""
    try:
        yield
    except BrokerUnavailable as missing:
        if IN_CI:
            raise
        pytest.skip(f"no Kafka here: {missing}")
