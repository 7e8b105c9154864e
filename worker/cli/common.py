"""What the commands share: settings or exit 2, results on stdout, everything else on stderr.

The rule: an expected failure is one short line that starts with `error:`, and never a traceback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn, TypeVar

import typer

from worker.cli.completion import destinations

if TYPE_CHECKING:
    from rich.console import Console

    from worker.ops.errors import CannotDo
    from worker.settings import Deployment, Settings

_Number = TypeVar("_Number", int, float)

FAILED = 1
WRONG = 2


class Output(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")]


class GlobalOptions(NamedTuple):
    """The options given before the command."""

    config: Path | None = None
    overrides: Mapping[str, str] = {}


class _Running(NamedTuple):
    """The running command and the settings of its destinations."""

    command: str
    settings: Sequence[Settings]


_running: ContextVar[_Running | None] = ContextVar("running", default=None)


DestinationOption = Annotated[
    str | None,
    typer.Option(
        "--destination",
        metavar="NAME",
        help="Which destination, if there are several.",
        autocompletion=destinations,
    ),
]


def load_settings(ctx: typer.Context, destination: str | None = None) -> Settings:
    """Load the settings of one destination, or exit 2 with one line for each problem."""
    from worker.settings.deployment import choose

    deployment = load_deployment(ctx)
    with settings_told():
        settings = choose(deployment, destination)
    _note(ctx, settings)
    return settings


def load_deployment(ctx: typer.Context, only: Sequence[str] | None = None) -> Deployment:
    """Load the settings of all destinations, or of `only` these; errors as in `load_settings`."""
    from worker.settings import load_all

    given = ctx.find_object(GlobalOptions) or GlobalOptions()
    with settings_told():
        deployment = load_all(config=given.config, overrides=given.overrides)
        deployment = deployment if only is None else deployment.only(only)
    _note(ctx, *deployment.destinations)
    return deployment


def _note(ctx: typer.Context, *settings: Settings) -> None:
    """Remember the command and its settings, to explain a failure by a missing right."""
    command = ctx.command_path.removeprefix(ctx.find_root().command_path).strip()
    _running.set(_Running(command, settings))


@contextmanager
def settings_told() -> Iterator[None]:
    """Turn a SettingsError into exit 2 with one line for each problem."""
    from worker.settings import SettingsError

    try:
        yield
    except SettingsError as error:
        fail_all(error.problems, error.hint, WRONG)


def fail(message: str, hint: str | None = None, code: int = FAILED) -> NoReturn:
    """End the command with this exit code, an error line and, if given, a hint."""
    fail_all([message], hint, code)


def fail_all(messages: Iterable[str], hint: str | None = None, code: int = FAILED) -> NoReturn:
    """End the command as `fail` does, with a line for each message."""
    _say_errors(messages, hint)
    raise typer.Exit(code)


def _say_errors(messages: Iterable[str], hint: str | None) -> None:
    for message in messages:
        say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Turn a CannotDo into error lines and an exit code."""
    from worker.ops.errors import CannotDo, WrongUsage

    try:
        yield
    except CannotDo as error:
        show_error(error)
        raise typer.Exit(WRONG if isinstance(error, WrongUsage) else FAILED) from None


def show_error(error: CannotDo) -> None:
    """Print what can't be done, or the rights whose lack is why, and what to do."""
    rights, hint = lacking_of(error.reasons)
    _say_errors(rights or error.reasons, hint or error.hint)


def lacking_of(reasons: Iterable[str]) -> tuple[list[str], str | None]:
    """Name the rights whose lack made the command fail, with a hint; nothing if that is not the cause."""
    running = _running.get()
    if running is None:
        return [], None
    from worker.ops.access import DENIED, rights_lacking

    found = [rights_lacking(settings, running.command, reasons) for settings in running.settings]
    lines = list(dict.fromkeys(line for of_one in found for line in of_one))
    return lines, DENIED if lines else None


def warn(message: str) -> None:
    """Print a warning on stderr."""
    say(f"warning: {message}")


def say(message: str) -> None:
    """Print a line on stderr. The results so far come before it where both go to one place."""
    sys.stdout.flush()
    print(printable(message), file=sys.stderr)


def print_line(text: str) -> None:
    """Print a line on stdout."""
    print(printable(text))


def printable(text: str) -> str:
    """Replace control characters: others may have written the text, and a terminal would obey them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def progress_console() -> Console:
    """A console on stderr, for progress."""
    from rich.console import Console

    return Console(stderr=True)


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    print("\n".join(map(_harmless, lines)))


def print_json_line(text: str) -> None:
    """Print a line of JSON on stdout."""
    print(_harmless(text))


def _harmless(json_line: str) -> str:
    """Escape what a terminal would obey, which changes no value."""
    return json_line if json_line.isprintable() else "".join(map(_escaped, json_line))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def number_option(name: str, text: str, least: float, most: float = float("inf")) -> Any:
    """An option for a number from `least` to `most`; `text` is its help."""
    return typer.Option(name, metavar="N", callback=_within(least, most), help=text)


def _plain(number: float) -> str:
    return f"{number:.15g}"


def is_of_subcommand(ctx: typer.Context) -> bool:
    """Whether a subcommand does it all; options given before it, which it would not hear, are wrong usage."""
    if ctx.invoked_subcommand is None:
        return False
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        option = f"--{given[0].strip('_').replace('_', '-')}"
        raise typer.BadParameter(f"{option} stands before `{ctx.invoked_subcommand}`, which does not hear it")
    return True


def examples(*lines: str) -> str:
    """The epilog of a command: what one might type."""
    return "\n\n".join(["Examples:", *lines])


def _within(least: float, most: float) -> Callable[[_Number | None], _Number | None]:
    """Make an option's callback that refuses numbers below `least` or above `most` (exit 2)."""

    def check(value: _Number | None) -> _Number | None:
        if value is None or least <= value <= most:
            return value
        wanted = (
            f"{_plain(least)} or more" if most == float("inf") else f"from {_plain(least)} to {_plain(most)}"
        )
        raise typer.BadParameter(f"{_plain(value)} is not {wanted}")

    return check
