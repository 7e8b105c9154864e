"""`publish`: conversion events from a file or a pipe to the source topic.

The rule: a file is sent only once all of it is valid; a pipe is sent up to its first bad line.
Counted as published is what the broker acknowledged (`ops.publishing`). `ops.files` says how an interrupted
file is continued.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from worker.cli.common import WRONG, errors_shown, examples, fail, load_deployment, say

if TYPE_CHECKING:
    from worker.ops.checking import CheckedFile, SkippedFile
    from worker.ops.jsonl import BadLine, EventLine, Skip
    from worker.ops.publishing import NamedRecord
    from worker.ops.routes import Routes
    from worker.settings import Settings

app = typer.Typer(add_completion=False)

STDIN = "-"
EXAMPLES = "examples"


class Format(StrEnum):
    """How events are written in a file."""

    JSONL = "jsonl"
    CSV = "csv"


FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="JSON Lines: one conversion event a line, blank lines skipped; or CSV, whose first row names "
        "the fields. '-' is stdin; 'examples', where there is no file of that name, a handful of made-up "
        "conversions of the last hour.",
    ),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="The format of FILE; by default its name decides (.csv).")
]
SkipOption = Annotated[
    bool, typer.Option("--skip-invalid", help="Publish the valid lines, and write the others to a file.")
]
SkippedOption = Annotated[
    str | None,
    typer.Option(
        "--skipped",
        metavar="FILE",
        help="That file, JSON Lines with line, reason and text; by default FILE.skipped.jsonl. What is "
        "skipped of a pipe is added to it, of stdin by default to skipped.jsonl.",
    ),
]
AgainOption = Annotated[
    bool, typer.Option("--again", help="Publish again a file that was published whole before.")
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Check, print what would be sent, say where it would go, and send nothing."
    ),
]


class _Source(NamedTuple):
    """The input: its name, stream and format, who judges its lines, and where bad lines go."""

    name: str
    stream: BinaryIO
    format: Format
    routes: Routes
    skipped: SkippedFile | None

    @property
    def is_whole(self) -> bool:
        """Whether all of it can be checked before anything is sent."""
        return self.name != STDIN and self.stream.seekable()

    @property
    def skip(self) -> Skip | None:
        """The function that takes bad lines; None if there must be none."""
        return None if self.skipped is None else self.skipped.note

    def lines(self, what: str) -> Iterator[EventLine]:
        """Read the lines and show the progress."""
        from worker.cli.progress import shown
        from worker.ops.csv_lines import csv_lines
        from worker.ops.jsonl import bytes_to_come, lines

        found = (csv_lines if self.format is Format.CSV else lines)(self.stream)
        return shown(found, what, bytes_to_come(self.stream), lambda line: len(line.written) + 1)


@app.command(
    epilog=examples(
        "postback-worker publish examples",
        "postback-worker publish conversions.jsonl",
        "postback-worker publish conversions.csv --skip-invalid",
        "postback-worker publish - < conversions.jsonl",
        "postback-worker publish --dry-run examples > conversions.jsonl",
    )
)
def publish(
    ctx: typer.Context,
    file: FileArgument,
    format_: FormatOption = None,
    skip_invalid: SkipOption = False,
    skipped: SkippedOption = None,
    again: AgainOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Publish conversion events to the source topic, keyed by their click ids.

    What no destination could send is refused, too. A file is checked whole before anything is sent. What
    comes from a pipe is checked and sent line by line; the first bad line ends it, and what came before it
    is sent.

    It waits for the broker as long as it takes; Ctrl-C ends it. However it ends, it says which events are
    published, which may be (no answer came), and how many were not sent. A file that was broken off goes on
    when it is given again, and sends nothing twice; one of which all is published sends nothing.
    """
    from worker.ops.checking import SkippedFile
    from worker.ops.routes import Routes

    if skipped is not None and not skip_invalid:
        raise typer.BadParameter("--skipped takes --skip-invalid")
    deployment = load_deployment(ctx)
    path = skipped or ("skipped.jsonl" if file == STDIN else f"{file}.skipped.jsonl")
    _must_differ(file, path)
    of_name = Format.CSV if file.lower().endswith(".csv") else Format.JSONL
    with _opened(file) as stream:
        is_pipe = file == STDIN or not stream.seekable()
        kept = SkippedFile(path, adds=is_pipe) if skip_invalid else None
        source = _Source(file, stream, format_ or of_name, Routes(deployment), kept)
        try:
            _run(deployment.common, source, again=again, dry_run=dry_run)
        finally:
            _tell_skipped(kept)


def _must_differ(file: str, skipped: str) -> None:
    """Refuse to write what is skipped over the file that is being read."""
    with suppress(OSError):  # one of them is not there
        if Path(skipped).samefile(file):
            raise typer.BadParameter(f"--skipped is {file} itself, which is being published")


def _run(settings: Settings, source: _Source, *, again: bool, dry_run: bool) -> None:
    """Check the input if it is a file, then print or publish it."""
    checked = _check(source) if source.is_whole else None
    if dry_run:
        _print_lines(source, _skip_of(source, counting=checked is None))
    elif checked is None or isinstance(source.stream, BytesIO):
        _publish(settings, _items(source, counting=checked is None), checked and checked.total)
    else:
        _publish_file(settings, source, checked, again=again)


def _tell_skipped(kept: SkippedFile | None) -> None:
    if kept is None:
        return
    kept.close()
    if kept.count:
        say(f"skipped: {kept.count} {'line' if kept.count == 1 else 'lines'}, written to {kept.path}")


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


def _check(source: _Source) -> CheckedFile:
    """Check every line and rewind; exit 1 if a line is bad and bad lines are not allowed."""
    from worker.ops.checking import check_whole

    with errors_shown():
        checked = check_whole(source.lines("checking"), source.name, source.routes.event_of, source.skip)
    source.stream.seek(0)
    return checked


def _print_lines(source: _Source, skip: Skip | None) -> None:
    """Print the events that would be published, and where each would go; bad lines go to `skip`, if given."""
    from worker.ops.jsonl import BadLine

    try:
        with errors_shown():
            for line in source.lines("reading"):
                try:
                    texts = list(source.routes.described(line))
                except BadLine as error:
                    if skip is None:
                        raise
                    skip(line, error)
                    continue
                for text in texts:
                    say(text)
                sys.stdout.buffer.write(line.value + b"\n")
    finally:
        sys.stdout.buffer.flush()


def _items(source: _Source, *, counting: bool = False) -> Iterator[NamedRecord]:
    """The events to publish, up to the first bad line; a file's bad lines were written out before."""
    from worker.ops.jsonl import items_of

    skip = _skip_of(source, counting=counting)
    return items_of(source.lines("publishing"), source.routes.event_of, skip)


def _skip_of(source: _Source, *, counting: bool) -> Skip | None:
    """What takes bad lines; where they were written out before, it does nothing."""
    return source.skip if counting or source.skip is None else _ignore


def _ignore(_line: EventLine, _error: BadLine) -> None:
    """Skip a line that was written out before."""


def _publish_file(settings: Settings, source: _Source, checked: CheckedFile, *, again: bool) -> None:
    """Publish the events of a file that are not in the source topic yet."""
    from worker.cli.publishing import waits
    from worker.ops.checking import as_checked
    from worker.ops.hearing import Hearing
    from worker.ops.published_files import PublishedFiles, left_of

    files = PublishedFiles(settings, Hearing(say, waits))
    with errors_shown():
        known = files.known(checked, time.time(), again=again)
        if known.is_done:
            when = datetime.fromtimestamp(known.plan.at, UTC).isoformat(timespec="seconds")
            say(f"hint: all of it was published at {when}; --again publishes it once more")
            print(f"published 0 events to {settings.kafka.topic}")
            return
        left = checked.total
        if not known.is_new:
            left = sum(1 for _ in left_of(as_checked(_items(source), checked), known.there))
            source.stream.seek(0)
            say(f"goes on with a file of {checked.total} events: {checked.total - left} of them are there")
        with files.begun(known) as holding:
            items = left_of(as_checked(_items(source), checked), known.there)
            _publish(settings, items if holding is None else holding.while_ours(items), left)
            if holding is not None:
                files.end(known)


def _publish(settings: Settings, items: Iterator[NamedRecord], total: int | None) -> None:
    """Publish up to the first bad line; `total` is the number of events, None if unknown."""
    from worker.cli.publishing import deliver
    from worker.ops.publishing import Words

    deliver(settings, items, total, Words("published", "event", "events"))
