"""The example of a producer publishes a conversion that a worker delivers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, create_topics

EXAMPLE = ROOT / "docs/producer_example.py"


@pytest.mark.kafka
@pytest.mark.process
def test_it_is_delivered(kafka: str, names: Names, tmp_path: Path) -> None:
    """What the example publishes reaches the partner, once."""
    create_topics(kafka, {names.topic: 1})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        made = subprocess.run([sys.executable, EXAMPLE], env={**os.environ, **env}, timeout=60, check=False)
        assert made.returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            tracker.asked(1)
        assert dict(tracker.clicks) == {"abc123": 1}


def test_without_a_broker() -> None:
    """Where nobody takes it the example says so, and fails."""
    env = {**os.environ, "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    code = EXAMPLE.read_text("utf-8").replace("flush(30)", "flush(0.1)")
    made = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=ROOT,
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 1
    assert "not published: the brokers did not answer in time" in made.stderr


def test_the_page_is_python() -> None:
    """The Python of the page on publishing runs as it stands."""
    for block in blocks(ROOT / "docs/publishing.md", "python"):
        exec(compile(block, "docs/publishing.md", "exec"), {})  # noqa: S102 - our own page
