"""`config`: check, show and explain the settings.

The rule: checking changes nothing, and a secret is never shown.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    WRONG,
    Output,
    OutputOption,
    errors_shown,
    examples,
    fail_all,
    load_deployment,
    warn,
)
from worker.cli.tables import print_markdown, print_rows

if TYPE_CHECKING:
    from worker.settings import Deployment

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check, show and explain the settings.")


class ReferenceForm(StrEnum):
    """How the reference of settings is printed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command(epilog=examples("postback-worker config check", "postback-worker config check --online"))
def check(
    ctx: typer.Context,
    online: Annotated[bool, typer.Option("--online", help="Ask the broker, too: topics, rights.")] = False,
) -> None:
    """Check the settings, and with --online the broker, the topics and what this user may do with them.

    It reads at the end of each partition, joins no group, commits and writes nothing.
    """
    deployment = load_deployment(ctx)
    certificates = _check_settings(deployment)
    print("configuration is valid", *certificates, sep="\n")
    if online:
        _check_broker(deployment)
        print("broker and topics are ready")


@app.command(epilog=examples("postback-worker config show", "postback-worker config show -o json"))
def show(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Show the settings in effect and where each came from; secrets are masked."""
    from worker.settings import EffectiveSetting, effective

    rows = [row._asdict() for row in effective(load_deployment(ctx))]
    print_rows(rows, output, EffectiveSetting._fields)


@app.command(epilog=examples("postback-worker config schema", "postback-worker config schema -o markdown"))
def schema(
    output: Annotated[
        ReferenceForm, typer.Option("--output", "-o", help="How the reference is printed.")
    ] = ReferenceForm.TABLE,
) -> None:
    """Explain every setting: variable, default, type, meaning."""
    from worker.settings import SettingEntry, describe

    rows = describe()
    if output is ReferenceForm.MARKDOWN:
        print_markdown(
            SettingEntry._fields, [(f"`{row.variable}`", _code(row.default), *row[2:]) for row in rows]
        )
    else:
        print_rows([row._asdict() for row in rows], Output(output), SettingEntry._fields)


def _check_settings(deployment: Deployment) -> list[str]:
    """Warn of settings that look unintended, and return a line on each certificate.

    Exit 2 if the destination's address is forbidden or a TLS file can't be used.
    """
    from worker.ops.settings_report import report

    found = asyncio.run(report(deployment))
    for line in found.warnings:
        warn(line)
    if found.problems:
        fail_all(found.problems, code=WRONG)
    return found.certificates


def _check_broker(deployment: Deployment) -> None:
    """Exit 1 if the broker does not answer, a topic is missing or a right is lacking."""
    from worker.ops.access import look_for_all

    with errors_shown():
        found = look_for_all(deployment)
    for line in found.warnings:
        warn(line)
    if found.problems:
        fail_all(found.problems, found.hint)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
