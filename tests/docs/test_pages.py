"""The pages for people are true: links lead somewhere, files are there, commands and settings exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.docs.pages import PAGES, ROOT, anchors, blocks, commands, files, links
from worker.cli import app
from worker.settings import describe, load

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
README = ROOT / "README.md"
MOST_LINES = 150
# What the first run needs beside the program; a test of the whole first run has them work.
PROGRAMS = {"make", "curl", "mkdir", "export", ".venv/bin/python", ".venv/bin/postback-worker"}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_readme_is_short() -> None:
    """README is read in one go."""
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES


@each_page
def test_links(page: Path) -> None:
    """Each link leads to a file that is there, and to a heading that it has."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_files(page: Path) -> None:
    """Each file that is named is there."""
    assert [name for name in files(page) if not (ROOT / name).exists()] == []


@each_page
def test_commands(page: Path) -> None:
    """Each command exists, with its options."""
    for command in commands(page):
        program, *arguments = shlex.split(command.split("|")[0].split("&&")[0])
        assert program in PROGRAMS, command
        if program == "make":
            assert {word for word in arguments if "=" not in word} <= TARGETS, command
        elif program.endswith("postback-worker"):  # asked for help it parses all the same
            assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0, command


@each_page
def test_toml(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each TOML block is a configuration that starts."""
    for text in blocks(page, "toml"):
        tomllib.loads(text)
        config = tmp_path / "worker.toml"
        config.write_text(text, "utf-8")
        monkeypatch.chdir(tmp_path)
        load(config=config, environ={})


def test_settings_are_all_there() -> None:
    """The page of settings has the very table that the program prints: no setting more, none less."""
    printed = CliRunner().invoke(app, ["config", "schema", "-o", "markdown"]).stdout.strip()
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    assert printed in page
    named = set(re.findall(r"^\| `(POSTBACK_\w+)`", page, re.MULTILINE))
    assert named == {entry.variable for entry in describe()}
