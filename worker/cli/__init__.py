"""The command line: `postback-worker COMMAND`; a file for each command, loaded when it is called.

The rule: exit 0 done, 1 failed while running, 2 wrong usage or configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from worker.adapters.process import signals
from worker.adapters.process.stdout import ResultLost
from worker.cli.common import FAILED, WRONG, GlobalOptions, examples, say
from worker.cli.completion import settings

PROGRAM = "postback-worker"

# In the order of `--help`. Each module holds a `typer.Typer` named `app`.
COMMANDS = {
    "run": "worker.cli.run",
    "demo": "worker.cli.demo",
    "config": "worker.cli.config",
    "destinations": "worker.cli.destinations",
    "topics": "worker.cli.topics",
    "publish": "worker.cli.publish",
    "send": "worker.cli.send",
    "explain": "worker.cli.explain",
    "status": "worker.cli.status",
    "pause": "worker.cli.pause",
    "resume": "worker.cli.resume",
    "rate": "worker.cli.rate",
    "cancel": "worker.cli.cancel",
    "waiting": "worker.cli.waiting",
    "dlq": "worker.cli.dlq",
    "console": "worker.cli.console",
    "schema": "worker.cli.schema",
    "healthcheck": "worker.cli.healthcheck",
}

_INTERRUPTED = 130  # what typer makes of Ctrl-C


class Commands(TyperGroup):
    """The commands of the table; their errors are short lines on stderr."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer calls it so
        """Name the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Load the command of this name; where there is none, load all, so that one can be suggested."""
        for name in [cmd_name] if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = get_command(import_module(COMMANDS[name]).app)
                self.commands[name].name = name
        return self.commands.get(cmd_name)

    def main(self, args: Any = None, *, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        """Run the command and end the process with its exit code."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        try:
            code = self._run(args, extra)
            sys.stdout.flush()
        except ResultLost as lost:
            code = _told(lost)
        sys.exit(code)

    def _run(self, args: Any, extra: Mapping[str, Any]) -> int:
        """Run the command; print what went wrong and return the exit code."""
        try:
            code = super().main(args, standalone_mode=False, **extra)
        except typer.TyperException as error:
            _explain(error)
            return WRONG
        except typer.Abort:
            code = _INTERRUPTED
        except SystemExit as end:  # the shell's completion
            code = end.code
        if code == _INTERRUPTED:
            with signals.last_words():
                say(signals.INTERRUPTED)
            return FAILED
        return code or 0


def _told(lost: ResultLost) -> int:
    """Say why the output is incomplete, unless its reader left (`| head`); return the exit code."""
    if lost.reader_gone:
        return 0
    say(f"error: {lost}")
    return FAILED


def _explain(error: typer.TyperException) -> None:
    message = error.format_message()
    if message:  # empty if the help was printed instead
        say(f"error: {message}")
    context = getattr(error, "ctx", None)
    if message and context is not None:
        say(f"hint: {_hint(context, getattr(error, 'option_name', None))}")


def _hint(context: Any, option: str | None) -> str:
    """Say what to do: the program's own options go before the command."""
    own = {"--config": "--config FILE", "--set": "--set NAME=VALUE"}
    if option in own and context.parent is not None:
        command = context.command_path.removeprefix(context.find_root().command_path).strip()
        return f"{option} comes before the command: `{PROGRAM} {own[option]} {command}`"
    return f"`{context.command_path} --help` shows the usage"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


def _overrides(pairs: list[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE, such as kafka.topic=conversions")
    return dict(pair.split("=", 1) for pair in pairs)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        f"{PROGRAM} config check",
        f"{PROGRAM} run",
        f"{PROGRAM} --config worker.toml config show",
        f"{PROGRAM} --set kafka.topic=signups config show -o json",
    ),
)


@app.callback()
def options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="TOML file with settings (else POSTBACK_CONFIG)."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting, over every other source: kafka.topic=signups. May be repeated.",
            autocompletion=settings,
        ),
    ] = None,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Tell the advertising network about conversions: events from Kafka in, one HTTP postback each out."""
    signals.begin(ctx.invoked_subcommand == "run")
    ctx.obj = GlobalOptions(config, _overrides(set_ or []))


def main() -> None:
    """Run the command line of this process."""
    arguments = sys.argv[1:]
    if (wrong := next((text for text in arguments if not _is_text(text)), None)) is not None:
        shown = os.fsencode(wrong).decode(errors="backslashreplace")
        say(f"error: not text in UTF-8: '{shown}'")
        sys.exit(WRONG)
    app(arguments, prog_name=PROGRAM)


def _is_text(argument: str) -> bool:
    """Whether an argument is valid text; the name of an existing file need not be."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return Path(argument).exists()
    return True
