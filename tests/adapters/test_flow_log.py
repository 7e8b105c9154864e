"""The quiet line of a worker at a terminal."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.adapters.happenings import tell_everything
from worker.adapters.flow_log import FlowLog


def test_what_flows() -> None:
    """A line says what ended since the last one, and what waits."""
    with capture_logs() as lines:
        flow = FlowLog("momentscience")
        tell_everything(flow)
        flow.write(in_flight=3, waiting=20)
    assert lines == [
        {
            "event": "flow",
            "log_level": "info",
            "destination": "momentscience",
            "delivered": 1,
            "failing": 1,
            "dead": 1,
            "in_flight": 3,
            "waiting": 20,
        }
    ]


def test_nothing_flows() -> None:
    """Where nothing ended since the last line there is none, whatever waits."""
    with capture_logs() as lines:
        flow = FlowLog("momentscience")
        tell_everything(flow)
        flow.write(0, 5)
        flow.write(0, 5)
    assert len(lines) == 1
