"""The rate, with retries and probes."""

from __future__ import annotations

from bisect import bisect_left

import pytest

from tests.sim import scenes


def test_the_rate() -> None:
    """With 50 a second no second sees more than 51 and a minute 3,000 within 1 %, retries and probes too."""
    starts = scenes.rated(50.0, 90.0).partner.starts
    fullest = max(bisect_left(starts, start + 1.0 - 1e-9) - index for index, start in enumerate(starts))
    assert fullest <= 51
    assert bisect_left(starts, 80.0) - bisect_left(starts, 20.0) == pytest.approx(3_000, rel=0.01)
