"""Names of destinations that mean other networks than before."""

from __future__ import annotations

import pytest

from worker.core.exchanged_names import taken_origins

A, B, C = "https://a.example", "https://b.example", "https://c.example"


@pytest.mark.parametrize(
    ("before", "now", "taken"),
    [
        ({"x": A, "y": B}, {"x": [B], "y": [A]}, [("x", A, "y"), ("y", B, "x")]),
        (
            {"x": A, "y": B, "z": C},
            {"x": [B], "y": [C], "z": [A]},
            [("x", A, "z"), ("y", B, "x"), ("z", C, "y")],
        ),
        ({"x": A}, {"x": [B], "y": [A]}, [("x", A, "y")]),
        ({"x": A, "y": B}, {"x": [A, C], "y": [B]}, []),
        ({"x": A, "y": B}, {"x": [C], "y": [B]}, []),
        ({"x": A, "y": A}, {"x": [C], "y": [A]}, []),
        ({}, {"x": [A], "y": [B]}, []),
    ],
    ids=[
        "exchanged",
        "in a ring",
        "its place is a new one's",
        "as before",
        "moved",
        "left the others",
        "unknown",
    ],
)
def test_whose_place_is_taken(
    before: dict[str, str], now: dict[str, list[str]], taken: list[tuple[str, str, str]]
) -> None:
    """A destination is named whose origin is another one's now, unless somebody stayed there."""
    assert list(taken_origins(before, now)) == taken
