"""What a partner says in the body of its answer decides, on a real Kafka: recorded already, or never."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from schemas.journal import StepKind, read_step
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, Write, committed, create_topics, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]

ANSWERS: dict[str, list[Act]] = {
    "c-recorded": [(409, "Conversion already recorded")],
    "c-conflict": [(409, "try again later"), 200],
    "c-terminal": [(200, '{"ok": false, "error": "unknown click"}')],
    "c-both": [(200, "already recorded, unknown click")],
    "c-well": [200],
}


def answer(query: Query, nth: int) -> Act:
    """What this click gets the nth time."""
    return ANSWERS[query["click_id"]][nth - 1]


def test_bodies_that_decide(kafka: str, names: Names, tmp_path: Path) -> None:
    """A 409 that says "already recorded" is a delivery, a 200 that says "unknown click" a dead letter.

    Neither is sent again; a 409 that says neither is, and what says both is recorded.
    """
    create_topics(kafka, {names.topic: 1})
    with Tracker(answer) as tracker:
        env = settings(
            kafka,
            names,
            tracker,
            DESTINATION__RECORDED_BODY="already recorded",
            DESTINATION__TERMINAL_BODY="unknown click",
        )
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        produce(kafka, names.topic, [Write(value(f"e{click[1:]}", click)) for click in ANSWERS])
        with Program(env, tmp_path) as program:
            wait_until("all have ended", lambda: len(endings(kafka, names)) == len(ANSWERS))
            wait_until("all is committed", lambda: committed(kafka, names.group, names.topic)[0].offset == 5)
            assert program.end() == 0
        assert tracker.clicks == Counter({click: len(answers) for click, answers in ANSWERS.items()})
    assert endings(kafka, names) == {
        "e-recorded": (StepKind.DELIVERED, 409, None),
        "e-conflict": (StepKind.DELIVERED, 200, None),
        "e-terminal": (StepKind.DEAD, 200, "rejected"),
        "e-both": (StepKind.DELIVERED, 200, None),
        "e-well": (StepKind.DELIVERED, 200, None),
    }
    (letter,) = read_all(kafka, names.dlq)
    assert letter.header("postback-reason") == "rejected"
    assert letter.header("postback-status") == "200"


def endings(kafka: str, names: Names) -> dict[str | None, tuple[StepKind, int | None, str | None]]:
    """How each event ended, by the journal."""
    steps = [read_step(read.value) for read in read_all(kafka, names.journal)]
    return {
        step.event_id: (step.step, step.status, step.reason)
        for step in steps
        if step is not None and step.step is not StepKind.RETRY
    }
