"""The command lines of a page: taken apart as a shell does, and parsed as the program does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from typer import TyperException
from typer.main import get_command

from tests.docs.pages import blocks, spans
from worker.cli import COMMANDS, PROGRAM, app

_BETWEEN = {"|", "&&", "||", ";", "&"}
_REDIRECTIONS = {">", ">>", "<"}
# A command that is named without all that it takes: `publish`, `dlq`.
_IS_INCOMPLETE = {"MissingParameter", "NoArgsIsHelpError"}


def shell_lines(text: str) -> Iterator[str]:
    """Each line of a block of the shell, without comments, continued lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        command = line.removeprefix("$ ").split(" #")[0].strip()
        if command:
            yield command


def commands(line: str) -> list[list[str]]:
    """The commands of a line, each as its words; without redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    parts = (list(words) for between, words in groupby(lexer, _BETWEEN.__contains__) if not between)
    return [_without_redirections(part) for part in parts]


def block_commands(page: Path) -> list[list[str]]:
    """Every command of the page's blocks."""
    return [
        words
        for block in blocks(page, "sh", "console")
        for line in shell_lines(block)
        for words in commands(line)
    ]


def named_commands(page: Path) -> list[list[str]]:
    """The arguments of every command that the text names: `postback-worker run`, `dlq list`."""
    named = []
    for span in spans(page):
        first = span.removeprefix(f"{PROGRAM} ").split(" ")[0]
        if first in COMMANDS:
            named.append(commands(span.removeprefix(f"{PROGRAM} "))[0])
    return named


def every_command() -> set[str]:
    """The name of each command, and of each part of one: `run`, `dlq list`."""
    return {part for name in COMMANDS for part in _parts_of(name)}


def _parts_of(name: str) -> list[str]:
    command: Any = get_command(app).get_command(None, name)  # type: ignore[attr-defined]
    parts = [f"{name} {part}" for part in getattr(command, "commands", {})]
    return [name, *parts] if not parts or command.invoke_without_command else parts


def parse(arguments: Sequence[str]) -> Any:
    """Parse a command line of the program and run nothing; the context of its command.

    Raises TyperException for an unknown command or option, a value that is none, one that lacks.
    """
    command: Any = get_command(app)
    context = command.make_context(PROGRAM, list(arguments))
    while hasattr(command, "resolve_command"):
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not rest and command.invoke_without_command:
            break
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context


def problem(arguments: Sequence[str], *, complete: bool) -> str | None:
    """What is wrong with a command line; one that need not be `complete` may name just the command."""
    try:
        parse(arguments)
    except TyperException as error:
        if complete or type(error).__name__ not in _IS_INCOMPLETE:
            return f"{' '.join(arguments)}: {error.format_message() or type(error).__name__}"
    return None


def _without_redirections(words: Sequence[str]) -> list[str]:
    skipped = {at + more for at, word in enumerate(words) if word in _REDIRECTIONS for more in (0, 1)}
    return [word for at, word in enumerate(words) if at not in skipped]
