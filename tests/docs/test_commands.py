"""Every command that a page gives exists, with its options; the table of commands has all of them."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.docs.command_lines import block_commands, every_command, named_commands, parse, problem
from tests.docs.pages import PAGES, ROOT, section, spans
from worker.cli import app

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
OPERATING = ROOT / "docs/operating.md"
# What is needed beside the program: `test_first_run` has the first ones work, `test_chart` renders for helm.
OTHERS = {"curl", "grep", "mkdir", "touch", "export", "helm"}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
_MODULE = re.compile(r"\bpython -m (tests[\w.]*)")


def _problem(words: list[str]) -> str | None:
    program, *arguments = words
    if program == "make":
        unknown = {word for word in arguments if "=" not in word} - TARGETS
        return f"make {' '.join(unknown)}" if unknown else None
    if program.endswith("postback-worker"):
        return problem(arguments, complete=True)
    if program.endswith("python") and arguments[0] in {"-m", "docs/producer_example.py"}:
        return None if arguments[0] != "-m" or find_spec(arguments[1]) else f"no module {arguments[1]}"
    return None if program in OTHERS else program


@each_page
def test_blocks(page: Path) -> None:
    """Each command of a block is one that there is, with options that it has and values that they take."""
    assert [wrong for words in block_commands(page) if (wrong := _problem(words))] == []


@each_page
def test_named(page: Path) -> None:
    """Each command that the text names is one that there is, with options that it has."""
    named = named_commands(page)
    assert [wrong for words in named if (wrong := problem(words, complete=False))] == []


@each_page
def test_targets_and_modules(page: Path) -> None:
    """Each target of make, and each module to be run, that the text names is there."""
    named = [span for span in spans(page) if span.startswith("make ")]
    assert [span for span in named if span.split()[1] not in TARGETS] == []
    modules = {found for span in spans(page) for found in _MODULE.findall(span)}
    assert [name for name in modules if find_spec(name) is None] == []


def test_the_table_has_every_command() -> None:
    """The table of commands has each command and each part of one, and no other."""
    rows = [line.split("|")[1] for line in section(OPERATING, "Commands").splitlines() if line[:3] == "| `"]
    told = {name for row in rows for name in _commands_of(row)}
    assert told == every_command()


def test_the_table_names_options_that_there_are() -> None:
    """An option that a row of the table names is one of the commands of the row."""
    for line in section(OPERATING, "Commands").splitlines():
        if line[:3] != "| `":
            continue
        _, row, does, *_ = line.split("|")
        options = {option for name in _commands_of(row) for option in _options_of(name)}
        assert set(re.findall(r"(?<!\w)--[a-z-]+", does)) <= options, line


def test_a_wrong_command_is_found() -> None:
    """What is no command, no option or no value of one is a problem."""
    assert problem(["topics", "creat"], complete=False)
    assert problem(["config", "check", "--onlin"], complete=False)
    assert problem(["demo", "--events", "many"], complete=False)
    assert problem(["publish"], complete=True)
    assert problem(["publish"], complete=False) is None


def _commands_of(row: str) -> list[str]:
    """The commands of a row's first column: "`topics create`, `check`" is two of them."""
    first, *others = re.findall(r"`([a-z ]+)[^`]*`", row)
    group = first.strip().rpartition(" ")[0]
    return [first.strip(), *(f"{group} {other}".strip() for other in others)]


def _options_of(name: str) -> list[str]:
    command: Any = get_command(app)
    for word in name.split():
        command = command.get_command(None, word)
    return [option for parameter in command.params for option in parameter.opts]


def test_options_go_before() -> None:
    """A command line is parsed as the program does it: its own options stand before the command."""
    assert parse(["--set", "kafka.topic=a", "config", "show"]).command_path.endswith("config show")
