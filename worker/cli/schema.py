"""`schema`: print the published contracts, for producers in any language.

The rule: it prints the published text, byte for byte.
"""

from __future__ import annotations

import typer

from worker.cli.common import examples

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Print the published contracts.")


@app.callback()
def group() -> None:
    """Print the published contracts."""


@app.command(epilog=examples("postback-worker schema event > conversion-event.schema.json"))
def event() -> None:
    """Print the JSON Schema of the conversion event."""
    from schemas import event_schema_text

    print(event_schema_text(), end="")


@app.command(epilog=examples("postback-worker schema asyncapi > asyncapi.json"))
def asyncapi() -> None:
    """Print the topics, their messages and headers as an AsyncAPI 3.0 document (JSON)."""
    from schemas import asyncapi_text

    print(asyncapi_text(), end="")
