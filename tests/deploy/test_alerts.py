from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, alerts, dashboard_expressions, document, rules, selectors
from tests.support.exported import exported
from tests.support.needed import IN_CI

PROMTOOL = shutil.which("promtool")
TARGET_LABELS = {"job", "instance"}
OF_DESTINATIONS = {name for name, labels in exported().items() if "destination" in labels}
EXPRESSIONS = [*(rule["expr"] for rule in rules()), *dashboard_expressions()]

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None and not IN_CI, reason="promtool is not on PATH (Debian: prometheus)"
)


def _promtool(*arguments: str | Path) -> None:
    assert PROMTOOL is not None, "promtool is not on PATH, and under CI nothing is skipped"
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_is_asked_for_exists() -> None:
    """Rules and dashboard name only metrics and labels that the worker exports."""
    there = exported()
    asked = {pair for text in EXPRESSIONS for pair in selectors(text)}
    assert {name for name, _ in asked} <= there.keys()
    assert [(name, extra) for name, on in asked if (extra := on - there[name] - TARGET_LABELS)] == []


def test_each_panel_is_of_the_chosen_destinations() -> None:
    """A query of what has a destination selects by it and groups by it."""
    for text in filter(_is_of_destinations, dashboard_expressions()):
        assert all("destination" in on for name, on in selectors(text) if name in OF_DESTINATIONS), text
        assert not _mixing(text), text


def test_each_destination_has_alerts_of_its_own() -> None:
    """A rule of what has a destination is held against each by itself, and its text names the one."""
    of_destinations = [rule for rule in alerts() if _is_of_destinations(rule["expr"])]
    assert [rule["alert"] for rule in of_destinations if _mixing(rule["expr"])] == []
    said = {rule["alert"]: rule["annotations"]["summary"] for rule in of_destinations}
    assert [name for name, text in said.items() if "$labels.destination" not in text] == []


def _is_of_destinations(expression: str) -> bool:
    return any(name in OF_DESTINATIONS for name, _ in selectors(expression))


def _mixing(expression: str) -> list[str]:
    """What adds up destinations, or takes one for all, but for what is the process's."""
    ours = expression.replace("min(postback_start_time_seconds", "").replace("seconds:max", "")
    return re.findall(r"\b(?:sum|max|min|count|absent)\b(?! by \([^)]*destination)", ours)


def test_what_is_recorded_is_by_job_and_destination() -> None:
    """A recorded series is named by what it keeps, and is taken by rules that name the job."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert [name for name in recorded if not name.startswith("job_destination:postback_")] == []
    taken = [
        pair for text in EXPRESSIONS for pair in re.findall(r"(job_destination:[\w:]+)(\{[^}]*\})?", text)
    ]
    assert {name for name, _ in taken} == recorded
    assert [name for name, selector in taken if 'job="postback-worker"' not in selector] == []


def test_rules_and_dashboard_ask_for_the_job_that_is_scraped() -> None:
    """The scrape's job is the one that every rule and panel selects."""
    (job,) = document("prometheus.yml")["scrape_configs"]
    named = {name for text in EXPRESSIONS for name in re.findall(r'job="([^"]+)"', text)}
    assert named == {job["job_name"]}


def test_every_alert_is_explained() -> None:
    """The runbook has a section for each alert, and none for an alert that is gone."""
    sections = re.findall(r"(?m)^## (\w+)$", (DEPLOY / "RUNBOOK.md").read_text("utf-8"))
    assert sections == [rule["alert"] for rule in alerts()]


def test_every_alert_is_tested() -> None:
    """Each alert is seen firing in the rules' own tests."""
    tests = document("alerts_test.yaml")["tests"]
    fired = {
        one["alertname"] for test in tests for one in test.get("alert_rule_test", []) if one["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in alerts()}


def test_every_panel_is_described() -> None:
    """Each panel of the dashboard says in a sentence what it shows."""
    panels = json.loads((DEPLOY / "dashboard.json").read_text("utf-8"))["panels"]
    assert [panel["title"] for panel in panels if not panel.get("description", "").endswith(".")] == []


@needs_promtool
def test_the_rules_fire_when_they_should() -> None:
    """The rules pass their own tests, which say when each fires and when it does not."""
    _promtool("check", "config", DEPLOY / "prometheus.yml")
    _promtool("test", "rules", DEPLOY / "alerts_test.yaml")


@needs_promtool
def test_the_dashboard_asks_in_the_language(tmp_path: Path) -> None:
    """Every query of the dashboard is one that Prometheus understands."""
    recorded = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(dashboard_expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}), "utf-8")
    _promtool("check", "rules", file)


@needs_promtool
def test_the_share_that_fails_is_none_before_the_first_failure(tmp_path: Path) -> None:
    """The panel of the share that fails shows 0, and no gap, where attempts were made and none has failed."""
    (share,) = (text for text in dashboard_expressions() if 'outcome!="delivered"' in text)
    series = 'postback_attempts_total{job="postback-worker",instance="a",destination="d",outcome="delivered"}'
    asked = {"expr": share, "eval_time": "10m", "exp_samples": [{"labels": '{destination="d"}', "value": 0}]}
    test = {"interval": "1m", "input_series": [{"series": series, "values": "0+1x10"}]}
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"tests": [{**test, "promql_expr_test": [asked]}]}), "utf-8")
    _promtool("test", "rules", file)
