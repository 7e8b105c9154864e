"""The page on the architecture is of this code: its words, its answers to "where is …?", a record's way."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.docs.pages import ROOT, prose, section

PAGE = ROOT / "docs/architecture.md"
LEAST_QUESTIONS = 20
_FILE = re.compile(r"`((?:worker|schemas)/[\w/]+\.py)`")


def rows(title: str) -> list[list[str]]:
    """The cells of each row of a section's table, without its titles."""
    lines = [line for line in section(PAGE, title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_where_is() -> None:
    """Twenty questions and more are answered, each with a file, and no two with the same ones."""
    answers = [tuple(_FILE.findall(file)) for _, file in rows("Where is …?")]
    assert all(answers)
    assert len(set(answers)) == len(answers) >= LEAST_QUESTIONS


@pytest.mark.parametrize("title", ["A record's way", "An outage"])
def test_the_way_returns_to_no_file(title: str) -> None:
    """Who follows the steps opens each file once."""
    opened = _FILE.findall(section(PAGE, title))
    assert len(opened) == len(set(opened))


def test_layers() -> None:
    """The layers that CONTRIBUTING names are those that the imports are held to, in their order."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    told = next(line for line in prose(ROOT / "CONTRIBUTING.md").split("\n- ") if "importlinter" in line)
    assert re.findall(r"`(worker\.\w+|schemas)`", told) == [
        name for layer in layers for name in layer.split(" | ")
    ]


def test_words() -> None:
    """Each word of the glossary is one that the code uses."""
    places = (ROOT / "worker", ROOT / "schemas")
    code = "\n".join(file.read_text("utf-8") for place in places for file in place.rglob("*.py")).lower()
    words = [word.strip() for word, _ in rows("Words") for word in word.split(",")]
    unknown = [word for word in words if not re.search(r"[-_ ]?".join(re.split(r"[- ]", word)), code)]
    assert unknown == []
