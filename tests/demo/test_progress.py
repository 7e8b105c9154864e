"""How far a demonstration is, as it is shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.adapters.happenings import tell_everything
from worker.cli.demo import MEANS, described_meanwhile, next_lines, program
from worker.cli.demo_view import lines, rates
from worker.core.admission.circuit import CircuitState
from worker.demo.account import Meanwhile
from worker.demo.progress import Endings, NetworkProgress, Progress

FIRST = NetworkProgress(
    name="momentscience",
    delivered=9_345,
    retries=1_234,
    dead=567,
    in_flight=256,
    circuit=CircuitState.CLOSED,
    answers={"200": 9_345, "400": 300, "429": 5, "500": 300, "reset": 300, "slow": 300},
    waiting={"1s": 100, "2s": 100, "3s": 100},
)
SECOND = FIRST._replace(
    name="voluum", circuit=CircuitState.HALF_OPEN, answers={**FIRST.answers, "503": 300}, waiting={}
)
BUSY = Progress(published=20_000, networks=[FIRST, SECOND], http="http://127.0.0.1:8080")


def test_the_lines() -> None:
    """What worker, network and tiers are at stands in a block for each network."""
    assert list(lines(BUSY)) == [
        "",
        "momentscience: circuit closed",
        "worker   9345 delivered  1234 retries  567 dead  256 in flight",
        "network  200: 9345  400: 300  429: 5  500: 300  reset: 300  slow: 300",
        "waiting  1s: 100  2s: 100  3s: 100",
        "",
        "voluum: circuit half-open",
        "worker   9345 delivered  1234 retries  567 dead  256 in flight",
        "network  200: 9345  400: 300  429: 5  500: 300  503: 300  reset: 300  slow: 300",
        "waiting  nothing yet",
    ]
    assert rates(BUSY, 2.0) == ("19824/20000 ended", "9912/s")


def test_when_it_is_over() -> None:
    """It is over when all have ended, and no network has yet to pass over what is another's."""
    first = FIRST._replace(delivered=8, dead=1, passed=6)
    second = SECOND._replace(delivered=6, dead=0, passed=9)
    assert Progress(15, [first, second], "").is_over
    assert not Progress(15, [first, second._replace(passed=8)], "").is_over
    assert not Progress(15, [first._replace(delivered=7), second], "").is_over


def test_they_fit() -> None:
    """Every line that is shown fits a terminal of 80 columns, however much there is."""
    meanwhile = described_meanwhile(Meanwhile("voluum", "momentscience", 10_000))
    after = (*MEANS, *next_lines("postback-worker"))
    assert max(map(len, (*lines(BUSY), meanwhile, *after))) <= 80
    assert 30 + 2 + 2 + sum(map(len, rates(BUSY, 0.001))) <= 80


def test_what_to_try_next_can_be_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is proposed can be copied to the shell: a path, where that does not find the name."""
    called = tmp_path / ".venv/bin/postback-worker"
    called.parent.mkdir(parents=True)
    called.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(called)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(called.parent))
    assert program() == "postback-worker"
    monkeypatch.setenv("PATH", "/nowhere")
    assert program() == ".venv/bin/postback-worker"
    monkeypatch.chdir(called.parents[1])
    monkeypatch.setattr(sys, "argv", ["/opt/other/bin/postback-worker"])
    assert program() == "/opt/other/bin/postback-worker"
    assert next_lines(program())[0].startswith("  /opt/other/bin/postback-worker demo ")


def test_what_waits() -> None:
    """A retry waits in its tier until its record has another ending."""
    endings = Endings({"worker.retry.10s": "10s", "conversions": "as if a tier"})
    tell_everything(endings)
    assert (endings.delivered_count, endings.retry_count, endings.dead_count) == (1, 1, 1)
    assert endings.passed_count == 4
    assert endings.waiting == {"10s": 1, "as if a tier": -3}
