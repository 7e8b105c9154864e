"""What is seen of a step at a glance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.journal import JournalStep, StepKind
from worker.core.step_glance import StepGlance, glance

TEXT = st.none() | st.text(max_size=20) | st.just('","status":599,"ms":7,"reason":"x"')


@st.composite
def steps(draw: st.DrawFn) -> JournalStep:
    """Any step, with what looks like a field in its texts."""
    made = draw(st.booleans())
    return JournalStep(
        at="2026-11-27T12:00:00.000Z",
        step=draw(st.sampled_from(StepKind)),
        event_id=draw(TEXT),
        click_id=draw(TEXT),
        attempt=1 if made else None,
        status=draw(st.none() | st.integers(100, 999)) if made else None,
        reason=draw(st.none() | st.sampled_from(["status", "timeout", "rejected_body", "exhausted"])),
        error=draw(TEXT),
        ms=12 if made else None,
        url=draw(TEXT),
        body=draw(TEXT),
        origin="conversions/4/77",
        worker="w",
    )


@given(steps())
def test_the_same_as_reading_it(step: JournalStep) -> None:
    """A glance sees what reading the whole step tells, whatever stands in its texts."""
    whole = step.to_json().replace(b"{", b"{ ", 1)  # written so, it is read whole
    assert glance(step.to_json()) == glance(whole)
    assert glance(whole) == told(step)


def told(step: JournalStep) -> StepGlance:
    """What a step says."""
    if step.step is StepKind.DELIVERED:
        return StepGlance(StepKind.DELIVERED, "delivered", None)
    status = None if step.status is None else str(step.status)
    return StepGlance(step.step, None if step.ms is None else status or step.reason, step.reason)


@pytest.mark.parametrize("value", [None, b"", b"no JSON", b'{"at":"x","step":"lost","origin":"a/1/2"}'])
def test_no_step(value: bytes | None) -> None:
    """What is no step says nothing."""
    assert glance(value) is None
