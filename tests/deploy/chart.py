"""The Helm chart, rendered by Helm's own engine, and what is derived: plain manifest, table of values.

`python -m tests.deploy.chart` (`make chart`) writes both anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.deploy.files import DEPLOY
from tests.support.needed import IN_CI
from worker.settings import Deployment, Settings, load_all

CHART = DEPLOY / "chart"
README = CHART / "README.md"
PLAIN = DEPLOY / "kubernetes.yaml"
NAME = "postback-worker"
MOUNT = Path("/etc/postback-worker")

NAMED_VALUES = ("plain", "minimal", "five-destinations", "hpa", "all-on", "extras")
"""The values of the chart's `ci` folder."""

needs_helm = pytest.mark.skipif(
    find_spec("helm_python") is None and not IN_CI, reason="Helm's engine is not packaged for this machine"
)

_WITH_PODS = {"Deployment", "StatefulSet", "Job", "Pod"}

_PLAIN_HEAD = """\
# The worker on Kubernetes 1.29 or newer, where Helm is not at hand:
#
#   kubectl apply -f deploy/kubernetes.yaml
#
# Set the ConfigMap and the images' registry to yours first. Secrets are yours to make: every key of the
# Secret `postback-worker` is a setting by the name of its variable, for example
#
#   kubectl create secret generic postback-worker --from-literal=POSTBACK_KAFKA__PROPERTIES__SASL_PASSWORD=…
#
# `make chart` renders this file from deploy/chart.
"""
# What only Helm has a use for. A checksum of settings would be wrong as soon as somebody edits them here.
_HELMS_OWN = re.compile(
    r" +(helm\.sh/chart|app\.kubernetes\.io/managed-by|checksum/config): .*\n|# Source: .*\n"
)


class Refused(Exception):
    """Helm does not take these values; the text is what it prints."""


def values_of(name: str) -> dict[str, Any]:
    """The values of a file of the chart's `ci` folder."""
    values: dict[str, Any] = yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text("utf-8"))
    return values


def texts(values: Mapping[str, Any], release: str = NAME) -> dict[str, str]:
    """What each template renders to, by its path in `templates`; Refused where the values are wrong."""
    from helm_python import Chart, HelmError

    with Chart.load(CHART) as chart:
        try:
            rendered: dict[str, str] = chart.render(dict(values), name=release, namespace="shop")
        except HelmError as error:
            raise Refused(str(error)) from error
    return {path.removeprefix(f"{NAME}/templates/"): text for path, text in sorted(rendered.items())}


def objects(values: Mapping[str, Any], release: str = NAME) -> list[Any]:
    """Every Kubernetes object that is rendered."""
    rendered = texts(values, release)
    found = [yaml.safe_load_all(text) for path, text in rendered.items() if path.endswith(".yaml")]
    return [one for documents in found for one in documents if one is not None]


def pods(rendered: Iterable[Any]) -> list[Any]:
    """The pods, and the templates of pods, among these objects."""
    return [
        one if one["kind"] == "Pod" else one["spec"]["template"]
        for one in rendered
        if one["kind"] in _WITH_PODS
    ]


def container(pod: Any) -> Any:
    """The one container of a pod."""
    (only,) = pod["spec"]["containers"]
    return only


def settings_of(config_map: Any, folder: Path) -> Settings:
    """What the worker reads of this ConfigMap for its first destination; see `deployment_of`."""
    return deployment_of(config_map, folder).common


def deployment_of(config_map: Any, folder: Path) -> Deployment:
    """What the worker reads of this ConfigMap, and of the keys of Secrets that it names, which are made."""
    text = config_map["data"]["config.toml"].replace(str(MOUNT), str(folder))
    for path in re.findall(rf'"({folder}/from/[^"]+)"', text):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(_secret(path))
    config = folder / "config.toml"
    config.write_text(text, "utf-8")
    return load_all(config=config, environ={}, dotenv=folder / "none")


def _secret(path: str) -> bytes:
    """What a key of a Secret holds, by its name: a certificate, its key, or a word."""
    authority, own = _certificates()
    held = {"ca.crt": authority.cert_pem, "tls.crt": own.cert_chain_pems[0], "tls.key": own.private_key_pem}
    pem = held.get(Path(path).name)
    return b"secret" if pem is None else pem.bytes()


@cache
def _certificates() -> tuple[trustme.CA, trustme.LeafCert]:
    authority = trustme.CA()
    return authority, authority.issue_cert("postback-worker")


def plain_manifest() -> str:
    """The chart as it is applied without Helm."""
    rendered = texts(values_of("plain"))
    order = ["configmap.yaml", "topics.yaml", "worker.yaml", "poddisruptionbudget.yaml"]
    parts = [_HELMS_OWN.sub("", rendered[path]).strip("\n") + "\n" for path in order]
    return _PLAIN_HEAD + "".join(f"---\n{part}" for part in parts)


def readme() -> str:
    """The chart's README, its table of values made anew."""
    rows = [f"| `{path}` | `{default}` | {text} |\n" for path, default, text in described_values()]
    table = "| value | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)
    text = README.read_text("utf-8")
    return re.sub(
        r"(<!-- values -->\n).*(<!-- /values -->)",
        lambda m: m[1] + "\n" + table + "\n" + m[2],
        text,
        flags=re.DOTALL,
    )


def described_values() -> Iterator[tuple[str, str, str]]:
    """Each value that values.yaml describes with `# --`: its path, its default as JSON, the description."""
    lines = (CHART / "values.yaml").read_text("utf-8").splitlines()
    root = yaml.compose("\n".join(lines))
    assert isinstance(root, yaml.MappingNode)
    yield from _described(root, lines, ())


def _described(
    node: yaml.MappingNode, lines: list[str], path: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    for key, value in node.value:
        here = (*path, key.value)
        text = _comment(lines, key.start_mark.line)
        if text is not None:
            default = yaml.safe_load(yaml.serialize(value))
            yield ".".join(here), json.dumps(default, ensure_ascii=False), text
        elif isinstance(value, yaml.MappingNode):
            yield from _described(value, lines, here)
        else:
            raise ValueError(f"values.yaml: {'.'.join(here)} has no line `# -- …` above it")


def _comment(lines: list[str], line: int) -> str | None:
    above: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("# "):
        line -= 1
        above.insert(0, lines[line].lstrip().removeprefix("# "))
    if not above or not above[0].startswith("-- "):
        return None
    return " ".join(above).removeprefix("-- ").replace("|", "\\|")


def write(path: Path, text: str) -> None:
    """Write a file that is derived, and say so."""
    path.write_text(text, "utf-8")
    print(path.relative_to(DEPLOY.parent))


if __name__ == "__main__":
    write(README, readme())
    write(PLAIN, plain_manifest())
