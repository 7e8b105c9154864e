"""What the pages name of the program is there: settings, metrics, log lines; and one name means one class."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.docs.pages import PAGES, ROOT, section, spans
from tests.support.exported import exported
from worker.cli import app
from worker.settings import describe
from worker.settings.variable_names import CONFIG, SECRETS_DIR, path_of

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
SETTINGS = ROOT / "docs/settings.md"
OPERATING = ROOT / "docs/operating.md"
TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
# A name as it stands in a text, `…` where a part is left out; a whole one, or the beginning of several.
_VARIABLE = re.compile(r"POSTBACK_\w+…?")
_METRIC = re.compile(r"(?<![:\w-])postback_\w+")
_OF_A_HISTOGRAM = re.compile(r"_(?:bucket|count|sum)$")
# Names of files, of examples, of the tests' own.
_NOT_SETTINGS = {"POSTBACK_X", "POSTBACK_X_FILE", "POSTBACK_TEST_BOOTSTRAP", "POSTBACK_TEST_LOOP"}
# Said by librdkafka and the broker.
_KAFKAS_OWN = ("authorization failed", "Failed to resolve", "SASL")
_HOLE = "\0"


def test_the_page_of_settings_is_the_program_s() -> None:
    """The page has the very table that the program prints."""
    printed = CliRunner().invoke(app, ["config", "schema", "-o", "markdown"]).stdout.strip()
    assert printed in SETTINGS.read_text("utf-8")


def test_no_setting_is_missing_and_none_is_too_many() -> None:
    """Each setting of the model has a row of the page, and each row is a setting of the model."""
    rows = re.findall(r"^\| `(POSTBACK_[\w…]+)`", SETTINGS.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(entry.variable for entry in describe())


@each_page
def test_settings(page: Path) -> None:
    """Each setting that a page names is one."""
    named = set(_VARIABLE.findall(page.read_text("utf-8"))) - _NOT_SETTINGS
    assert [name for name in named if not _is_setting(name)] == []


@each_page
def test_metrics(page: Path) -> None:
    """Each metric that a page names is exported."""
    named = set(_METRIC.findall(page.read_text("utf-8")))
    there = {name for sample in exported() for name in (sample, _OF_A_HISTOGRAM.sub("", sample))}
    assert named - there == set()


def test_the_table_of_metrics() -> None:
    """The tables have each metric that is exported, with its labels, and no other."""
    of_destinations, of_the_process = section(OPERATING, "Metrics").split("Metrics of the process:")
    told = {name: labels | {"destination"} for name, labels in _metrics_of(of_destinations)}
    told.update(_metrics_of(of_the_process))
    there: dict[str, set[str]] = {}
    for sample, labels in exported().items():
        there.setdefault(_OF_A_HISTOGRAM.sub("", sample), set()).update(labels - {"le"})
    assert told == there


def test_lines_of_the_log() -> None:
    """What the page on troubles quotes of the program's lines is what the program says."""
    quoted = [part for line in _quoted() for part in _parts(line)]
    assert len(quoted) > 20
    assert [part for part in quoted if part not in _said()] == []


def test_a_name_means_one_class() -> None:
    """No two public classes of the program share a name, wherever they are."""
    files: dict[str, list[str]] = {}
    for folder in ("worker", "schemas"):
        for file in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"^class ([A-Za-z]\w*)", file.read_text("utf-8"), re.MULTILINE):
                files.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert len(files) > 300
    assert {name: places for name, places in files.items() if len(places) > 1} == {}


def _metrics_of(tables: str) -> Iterator[tuple[str, set[str]]]:
    for name, labels in re.findall(r"^\| `(postback_\w+)` \| (.*?) ?\| ", tables, re.MULTILINE):
        yield name, set(re.findall(r"`(\w+)`", labels))


def _is_setting(name: str) -> bool:
    if name.endswith("…"):
        return any(entry.variable.startswith(name[:-1]) for entry in describe())
    return name in {CONFIG, SECRETS_DIR} or path_of(name) is not None


def _quoted() -> Iterator[str]:
    """The lines in the first column of the page on troubles."""
    for row in re.findall(r"^\| (`.+?) \| ", TROUBLESHOOTING.read_text("utf-8"), re.MULTILINE):
        yield from re.findall(r"`([^`]+ [^`]*)`", row)


def _parts(line: str) -> Iterator[str]:
    """What stands between the places that a line fills in, but for what is Kafka's own."""
    for part in re.split(r"…|: |\{[a-z]+\}", line.removeprefix("error: ")):
        bare = part.strip(" :,;")
        if " " in bare and not bare.startswith(_KAFKAS_OWN):
            yield bare


@cache
def _said() -> str:
    """Every text of the program, the places that it fills in left out."""
    trees = [ast.parse(file.read_text("utf-8")) for file in (ROOT / "worker").rglob("*.py")]
    return "\n".join(text for tree in trees for node in ast.walk(tree) if (text := _text(node)))


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else _HOLE for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def test_spans_are_read() -> None:
    """The names are looked for where there are some."""
    assert any(span.startswith("POSTBACK_") for span in spans(SETTINGS))
