"""Settings that were loaded, judged."""

from __future__ import annotations

from typing import Any

from worker.ops.settings_report import SettingsReport, report
from worker.settings import Deployment, Settings


def settings(host: str, **more: Any) -> Deployment:
    """Settings of a partner at a host."""
    url = f"https://{host}/?c={{click_id}}"
    destination = {"simple_url": url, "event_url": url}
    return Deployment.of(Settings.model_validate({"destination": destination, **more}))


async def test_nothing_to_say() -> None:
    """Of settings that are right nothing is said."""
    assert await report(settings("8.8.8.8")) == SettingsReport([], [], [])


async def test_a_forbidden_address() -> None:
    """What would keep a worker from starting is a problem that names the variables."""
    (problem,) = (await report(settings("127.0.0.1"))).problems
    assert problem.startswith("POSTBACK_DESTINATION__SIMPLE_URL, POSTBACK_DESTINATION__EVENT_URL: ")
    assert "is forbidden" in problem


async def test_what_may_not_be_meant() -> None:
    """What may not be meant is a warning."""
    found = await report(settings("8.8.8.8", drain_timeout="1s"))
    assert found.problems == []
    assert found.warnings[0].startswith("POSTBACK_DRAIN_TIMEOUT: ")
