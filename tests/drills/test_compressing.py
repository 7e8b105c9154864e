from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import dashboard_expressions, document, rules
from tests.deploy.test_alerts import PROMTOOL, needs_promtool
from tests.drills import compressing

FACTOR = 60


@pytest.mark.parametrize(
    ("text", "divided"),
    [
        ('rate(a_total{job="j"}[5m])', 'rate(a_total{job="j"}[5000ms])'),
        (
            'max(a_seconds{tier!~".+[.]x"}) > 900 and b{} > 900',
            'max(a_seconds{tier!~".+[.]x"}) > 15 and b{} > 900',
        ),
        ('l:a_seconds:max{job="j"} > 300', 'l:a_seconds:max{job="j"} > 5'),
        ('a and time() - b_seconds{job="j"} < 3600', 'a and time() - b_seconds{job="j"} < 60'),
        ('a{tier=~"(1[5-9]|[2-5][0-9])m"}[1h]', 'a{tier=~"(1[5-9]|[2-5][0-9])m"}[60000ms]'),
        ("a_seconds_count{} == 0 or b{} > 20", "a_seconds_count{} == 0 or b{} > 20"),
    ],
)
def test_durations_alone(text: str, divided: str) -> None:
    """Ranges and limits in seconds are divided; counts, shares and the texts of selectors are not."""
    assert compressing.query(text, FACTOR) == divided


def test_a_duration_of_two_units() -> None:
    """What can't be divided is refused rather than left as it is."""
    with pytest.raises(ValueError, match="1h30m"):
        compressing.duration("1h30m", FACTOR)


def test_no_duration_of_the_rules_is_left() -> None:
    """Of our own rules and queries nothing is left in minutes, hours or days."""
    shorter = compressing.rules(document("alerts.yaml"), FACTOR)
    held = [rule for group in shorter["groups"] for rule in group["rules"]]
    texts = [
        *(rule["expr"] for rule in held),
        *(compressing.query(q, FACTOR) for q in dashboard_expressions()),
    ]
    assert [text for text in texts if re.search(r"\}\[\d+[smhd]\]|> (?:900|300)\b", text)] == []
    assert [rule["alert"] for rule in held if not rule.get("for", "0ms").endswith("ms")] == []
    assert sum("for" in rule for rule in held) == sum("for" in rule for rule in rules())


def test_nothing_else_changes() -> None:
    """By one, the rules are those of the file, but for how a duration is written."""
    same = compressing.rules(document("alerts.yaml"), 1)
    changed = [
        (before, after)
        for before, after in zip(
            rules(), [rule for group in same["groups"] for rule in group["rules"]], strict=True
        )
        if {**before, "expr": "", "for": ""} != {**after, "expr": "", "for": ""}
    ]
    assert changed == []


@needs_promtool
def test_prometheus_takes_them(tmp_path: Path) -> None:
    """The divided rules are rules."""
    assert PROMTOOL is not None, "promtool is not on PATH, and under CI nothing is skipped"
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(compressing.rules(document("alerts.yaml"), FACTOR)), "utf-8")
    done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
