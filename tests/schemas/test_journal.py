"""The contract of the journal, for whoever reads it."""

from __future__ import annotations

import json

import pytest

from schemas.journal import JournalStep, StepKind, read_step

STEP = JournalStep(at="2026-01-02T03:04:05.000Z", step=StepKind.RETRY, origin="conversions/0/1", tier="10s")


def test_round_trip() -> None:
    """What is written is read back, and nothing is written of what a step does not say."""
    assert json.loads(STEP.to_json()).keys() == {"at", "step", "origin", "tier"}
    assert read_step(STEP.to_json()) == STEP


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"{}", b'{"at":"x","step":"new","origin":"o"}'])
def test_no_step(value: bytes | None) -> None:
    """What is no step is passed over."""
    assert read_step(value) is None


def test_unknown_field() -> None:
    """A field that a later program writes disturbs nobody."""
    assert read_step(json.dumps({**json.loads(STEP.to_json()), "new": 1}).encode()) == STEP
