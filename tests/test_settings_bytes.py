"""Settings in bytes, and what is made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.settings import read
from worker.settings import Deployment, SettingsError, effective
from worker.settings.byte_bounds import ByteBounds
from worker.settings.values import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "count", "shown"),
    [
        ("64MB", 64_000_000, "64MB"),
        ("1GiB", 2**30, "1GiB"),
        ("1024KiB", 2**20, "1MiB"),
        ("2000kB", 2_000_000, "2MB"),
        ("1048577", 1_048_577, "1048577"),
    ],
)
def test_bytes(text: str, count: int, shown: str) -> None:
    """Bytes are read with or without a unit, and shown with the largest that divides them."""
    settings = read({"POSTBACK_MAX_HELD_BYTES": text})
    assert settings.max_held_bytes == count
    assert (
        next(one.value for one in effective(Deployment.of(settings)) if "HELD_BYTES" in one.variable) == shown
    )


@given(st.integers(1, 2**45))
def test_bytes_are_read_back(count: int) -> None:
    """What is shown of a number of bytes is read as just that number."""
    assert parse_bytes(format_bytes(count)) == count


@pytest.mark.parametrize(
    ("name", "text", "most"),
    [
        ("QUEUED_MAX_MESSAGES_KBYTES", "8192", "3906"),
        ("FETCH_MAX_BYTES", "52428800", "3999744"),
        ("FETCH_MESSAGE_MAX_BYTES", "4000000", "3999744"),
        ("MAX_PARTITION_FETCH_BYTES", "4000000", "3999744"),
    ],
)
def test_properties_beyond_the_bytes(name: str, text: str, most: str) -> None:
    """A property with which a client would hold more than its part of the bytes is an error that says so."""
    variable = f"POSTBACK_KAFKA__PROPERTIES__{name}"
    with pytest.raises(SettingsError) as caught:
        read({variable: text})
    (line,) = caught.value.problems
    assert line == (
        f"{variable}: must be at most {most}, the part of POSTBACK_MAX_HELD_BYTES that a client's queue has; "
        "raise that, or leave this out"
    )
    read({variable: text, "POSTBACK_MAX_HELD_BYTES": "1GB"})


@pytest.mark.parametrize("most", [10**6, 64 * 10**6, 2**30])
def test_the_parts_fit_together(most: int) -> None:
    """What is held, its copies on their way and the queues of two clients are no more than the whole."""
    held, client = ByteBounds.of(most)
    queues = 2 * (client["queued.max.messages.kbytes"] * 1024 + client["fetch.max.bytes"])
    assert 2 * held + queues <= most * 1.02
