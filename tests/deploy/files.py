"""The files of `deploy/`, read as the tools that use them would read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def documents(name: str) -> list[Any]:
    """Every document of a YAML file of `deploy/`."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def document(name: str) -> Any:
    """The one document of a YAML file of `deploy/`."""
    (only,) = documents(name)
    return only


def manifests(kind: str | None = None) -> list[Any]:
    """The objects of the plain manifest, of one kind or all."""
    return [one for one in documents("kubernetes.yaml") if kind in {None, one["kind"]}]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    pairs = [pair for word, rest in instructions() if word == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def rules() -> list[Mapping[str, Any]]:
    """The rules, those that record and those that alert."""
    return [rule for group in document("alerts.yaml")["groups"] for rule in group["rules"]]


def alerts() -> list[Mapping[str, Any]]:
    """The alert rules."""
    return [rule for rule in rules() if "alert" in rule]


def dashboard_expressions() -> list[str]:
    """Every query of the dashboard, with Grafana's variables filled in."""
    panels = json.loads((DEPLOY / "dashboard.json").read_text("utf-8"))["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [_filled(text) for text in found]


def _filled(query: str) -> str:
    for variable, value in {"$__rate_interval": "5m", "$instance": ".+", "$destination": ".+"}.items():
        query = query.replace(variable, value)
    return query


def selectors(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each of the workers' metrics that a query names, with the labels that its selector matches.

    What a rule records has a colon in its name, and is none of them.
    """
    for name, matchers in re.findall(r"(?<![:\w])(postback_[a-z_]+)(?:\{([^}]*)\})?", expression):
        yield name, frozenset(re.findall(r"([a-z_]+)[!=]", matchers))
