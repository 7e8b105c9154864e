from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import needs_helm, objects, values_of
from tests.deploy.test_alerts import PROMTOOL, needs_promtool
from tests.sim.autoscaling import ASK_SECONDS, Scaler
from tests.support.exported import exported

pytestmark = needs_helm


@cache
def _one(kind: str, values: str) -> Any:
    (found,) = [one for one in objects(values_of(values)) if one["kind"] == kind]
    return found


def _keda() -> Any:
    return _one("ScaledObject", "all-on")["spec"]


def _hpa() -> Any:
    return _one("HorizontalPodAutoscaler", "hpa")["spec"]


def _query() -> str:
    (trigger,) = _keda()["triggers"]
    text: str = trigger["metadata"]["query"]
    return text


@pytest.mark.parametrize(
    ("values", "scaler", "scaled"),
    [("hpa", "HorizontalPodAutoscaler", "Deployment"), ("all-on", "ScaledObject", "StatefulSet")],
)
def test_only_the_autoscaler_says_how_many(values: str, scaler: str, scaled: str) -> None:
    """What is scaled is the workers, and they have no number of their own that an upgrade would set."""
    target, workers = _one(scaler, values)["spec"]["scaleTargetRef"], _one(scaled, values)
    assert (target["kind"], target["name"]) == (scaled, workers["metadata"]["name"])
    assert "replicas" not in workers["spec"]


def test_it_is_what_was_simulated() -> None:
    """Both autoscalers are as calm as the simulated one, and count as it does; KEDA asks as often."""
    behaviors = [_hpa()["behavior"], _keda()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]]
    calm = [one["scaleDown"]["stabilizationWindowSeconds"] for one in behaviors]
    assert calm == [Scaler.calm] * 2
    assert _keda()["pollingInterval"] == ASK_SECONDS
    (metric,), (trigger,) = _hpa()["metrics"], _keda()["triggers"]
    assert metric["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}
    assert (trigger["metricType"], trigger["metadata"]["threshold"]) == ("AverageValue", "1")


def test_the_figure_is_exported() -> None:
    """Both ask for a metric that the worker exports, of the job that the operator scrapes."""
    (metric,) = _hpa()["metrics"]
    (asked,) = re.findall(r"postback_\w+", _query())
    assert asked == metric["external"]["metric"]["name"]
    assert asked in exported()
    (endpoint,) = _one("PodMonitor", "all-on")["spec"]["podMetricsEndpoints"]
    (job,) = [one["replacement"] for one in endpoint["relabelings"] if one["targetLabel"] == "job"]
    assert f'job="{job}"' in _query()


@needs_promtool
def test_the_destination_that_wants_most_decides(tmp_path: Path) -> None:
    """Of the workers' figures the sum counts, of several destinations the highest, of other releases none."""
    assert PROMTOOL is not None, "promtool is not on PATH, and under CI nothing is skipped"
    figures = {
        'job="postbacks",instance="a",destination="voluum"': 1.25,
        'job="postbacks",instance="b",destination="voluum"': 1.5,
        'job="postbacks",instance="a",destination="binom"': 2.5,
        'job="another",instance="c",destination="voluum"': 9.0,
    }
    series = [
        {"series": f"postback_workers_wanted{{{labels}}}", "values": str(value)}
        for labels, value in figures.items()
    ]
    expected = [{"expr": _query(), "eval_time": "0s", "exp_samples": [{"labels": "{}", "value": 2.75}]}]
    tests = [{"interval": "15s", "input_series": series, "promql_expr_test": expected}]
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"tests": tests}))
    done = subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
