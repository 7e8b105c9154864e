from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.chart import needs_helm, objects, values_of
from tests.deploy.files import DEPLOY, document, rules
from tests.deploy.test_alerts import PROMTOOL, needs_promtool

pytestmark = needs_helm

JOB = re.compile(r'job=\\?"([^"\\]+)\\?"')


def _one(kind: str, release: str = "ads") -> Any:
    values = {**values_of("all-on"), "fullnameOverride": ""}
    found = {one["metadata"]["name"]: one for one in objects(values, release) if one["kind"] == kind}
    return found.get(f"{release}-postback-worker-dashboard") or next(iter(found.values()))


def test_the_alerts_are_those_of_the_file() -> None:
    """Each alert of deploy/alerts.yaml is there as it is, but for the job that it asks for."""
    ours = [rule for group in _one("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    file = [
        {**rule, "expr": rule["expr"].replace("postback-worker", "ads-postback-worker")} for rule in rules()
    ]
    assert ours == file


def test_the_dashboard_is_the_file() -> None:
    """The dashboard of deploy/dashboard.json is there as it is, but for the job that it asks for."""
    (text,) = _one("ConfigMap")["data"].values()
    file = (DEPLOY / "dashboard.json").read_text("utf-8")
    assert json.loads(text) == json.loads(
        JOB.sub(lambda match: match[0].replace("postback", "ads-postback"), file)
    )


def test_alerts_and_dashboard_ask_for_the_job_that_is_scraped() -> None:
    """The operator scrapes the workers as the very job that each alert and each panel asks for."""
    endpoint = _one("PodMonitor")["spec"]["podMetricsEndpoints"][0]
    (job,) = [one["replacement"] for one in endpoint["relabelings"] if one["targetLabel"] == "job"]
    asked = JOB.findall(
        json.dumps([_one("PrometheusRule")["spec"], _one("ConfigMap")["data"]]).replace("\\\\", "")
    )
    assert len(asked) > len(rules())
    assert set(asked) == {job}


def test_workers_are_scraped_once() -> None:
    """Where the operator scrapes the workers, their pods ask nobody else to."""
    annotations = _one("StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    assert not [name for name in annotations if name.startswith("prometheus.io/")]


@needs_promtool
def test_prometheus_takes_the_alerts(tmp_path: Path) -> None:
    """The rules, as the operator hands them on, are rules."""
    assert PROMTOOL is not None, "promtool is not on PATH, and under CI nothing is skipped"
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(_one("PrometheusRule")["spec"]), "utf-8")
    done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_release_of_the_plain_name_has_the_plain_job() -> None:
    """A release named postback-worker is the job of deploy/prometheus.yml."""
    (job,) = document("prometheus.yml")["scrape_configs"]
    assert _one("PodMonitor", "postback-worker")["metadata"]["name"] == job["job_name"]
