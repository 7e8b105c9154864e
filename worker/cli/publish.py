"""`publish`: conversion events from a file or a pipe to the source topic.

The rule: of a file nothing is sent before all of it is right; of a pipe everything up to the first bad line.
What is counted as published was acknowledged by the broker; see `ops.publishing`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from worker.cli.common import WRONG, examples, fail, load_deployment, say, told

if TYPE_CHECKING:
    from worker.ops.jsonl import Line
    from worker.ops.routes import Routes
    from worker.settings import Deployment, Settings

app = typer.Typer(add_completion=False)

STDIN = "-"
EXAMPLES = "examples"


@app.command(
    epilog=examples(
        "postback-worker publish examples",
        "postback-worker publish conversions.jsonl",
        "postback-worker publish - < conversions.jsonl",
        "postback-worker publish --dry-run examples > conversions.jsonl",
    )
)
def publish(
    ctx: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="JSON Lines: one conversion event a line, blank lines skipped. '-' is stdin; 'examples', "
            "where there is no file of that name, a handful of made-up conversions of the last hour.",
        ),
    ],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check, print what would be sent, say where it would go, and send nothing."
        ),
    ] = False,
) -> None:
    """Publish conversion events to the source topic, keyed by their click ids.

    What no destination could send is refused, too. A file is checked whole before anything is sent. What
    comes from a pipe is checked and sent line by line; the first bad line ends it, and what came before it
    is sent.

    It waits for the broker as long as it takes; Ctrl-C ends it. However it ends, it says which events are
    published, which may be (no answer came), and how many were not sent.
    """
    deployment = load_deployment(ctx)
    routes = _routes(deployment)
    with _opened(file) as stream:
        total = _check_whole(stream, file, routes) if file != STDIN and stream.seekable() else None
        if dry_run:
            _print_lines(stream, routes)
        else:
            _publish_lines(deployment.common, stream, total, routes)


def _routes(deployment: Deployment) -> Routes:
    from worker.ops.routes import Routes

    return Routes(deployment)


def _opened(file: str) -> BinaryIO:
    if file == STDIN:
        return sys.stdin.buffer
    path = Path(file)
    if file == EXAMPLES and not path.exists():
        return _samples()
    try:
        return path.open("rb")
    except OSError as error:
        fail(f"can't read {file}: {error.strerror or error}", code=WRONG)


def _samples() -> BinaryIO:
    from worker.ops.samples import sample_events

    return BytesIO(b"".join(event.to_json() + b"\n" for event in sample_events(datetime.now(UTC))))


def _check_whole(stream: BinaryIO, file: str, routes: Routes) -> int:
    """Check every line, go back to the first, and return how many there are; exit 1 where one is bad."""
    from worker.ops.jsonl import check_whole

    with told():
        total = check_whole(_shown(stream, "checking"), file, routes.event_of)
    stream.seek(0)
    return total


def _print_lines(stream: BinaryIO, routes: Routes) -> None:
    """Print the lines that would be published, and say where each event would go."""
    from worker.ops.jsonl import lines

    try:
        with told():
            for line in lines(stream):
                for text in routes.told(line):
                    say(text)
                sys.stdout.buffer.write(line.value + b"\n")
    finally:
        sys.stdout.buffer.flush()


def _publish_lines(settings: Settings, stream: BinaryIO, total: int | None, routes: Routes) -> None:
    """Publish line by line up to the first bad one; `total` is how many lines there are, None unknown."""
    from worker.cli.publishing import deliver
    from worker.ops.jsonl import items_of
    from worker.ops.publishing import Words

    items = items_of(_shown(stream, "publishing"), routes.event_of)
    deliver(settings, items, total, Words("published", "event", "events"))


def _shown(stream: BinaryIO, what: str) -> Iterator[Line]:
    from worker.cli.progress import shown
    from worker.ops.jsonl import bytes_to_come, lines

    return shown(lines(stream), what, bytes_to_come(stream), lambda line: len(line.value) + 1)
