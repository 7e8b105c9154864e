"""`status`: each destination on one screen, with a verdict, why, since when, and what explains or ends it.

The rules: it reads Kafka alone. One that can't be looked at hides no other. Exit 1 unless every destination
flows or is idle.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from worker.cli.common import (
    FAILED,
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    load_deployment,
    number_option,
    print_json,
    print_line,
    say,
    show_error,
)
from worker.cli.tables import print_table

if TYPE_CHECKING:
    from worker.core.record import Partition
    from worker.ops.status import Looked, Status, Watcher
    from worker.settings import Deployment

app = typer.Typer(add_completion=False)

COLUMNS = ("destination", "verdict", "lag", "waiting", "late", "ok/s", "bad/s", "dead/h", "workers")
SPARE = ("workers", "dead/h", "late", "bad/s", "ok/s")
"""Columns that a narrow terminal drops, first to last."""

_CLEAR = "\x1b[H\x1b[2J"


@app.command(
    epilog=examples(
        "postback-worker status",
        "postback-worker status --watch",
        "postback-worker status -o json | jq -r '.[].verdict'",
    )
)
def status(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[
        float, number_option("--every", "Seconds between two looks of --watch.", 0.5, 3600)
    ] = 2.0,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell how each destination does: verdict, lag, what waits and is late, rates, dead letters, orders.

    `ok/s` and `bad/s` are attempts of the last seconds, `late` is by how long the tier most behind is.
    """
    from worker.ops.status import Watcher, unwell

    deployment = load_deployment(ctx, None if destination is None else [destination])
    with Watcher(deployment) as watcher:
        looked = _look(watcher, output, clear=watch)
        if watch:
            _go_on(deployment, watcher, every, output)
    if looked.lacking is not None or unwell(looked.found):
        raise typer.Exit(FAILED)


def _look(watcher: Watcher, output: Output, *, clear: bool) -> Looked:
    """Look once, and print it."""
    from worker.ops.status import as_json

    with errors_shown():
        looked = watcher.look()
    if clear and sys.stdout.isatty():
        sys.stdout.write(_CLEAR)
    if output is Output.JSON:
        print_json([as_json(one) for one in looked.found])
    else:
        _print(looked.found)
    if looked.lacking is not None:
        sys.stdout.flush()
        show_error(looked.lacking)
    return looked


def _go_on(deployment: Deployment, watcher: Watcher, every: float, output: Output) -> NoReturn:
    """Look again every so many seconds, with the login that its files hold by then."""
    from worker.adapters.clock import SystemClock
    from worker.adapters.kafka.login import KafkaLogin, RenewingOwner
    from worker.login_renewal import LoginRenewal

    login = KafkaLogin()
    login.have(RenewingOwner(lambda: watcher.renew(deployment.with_properties(login.properties))))
    renewal = LoginRenewal(deployment.common, login, say, SystemClock())
    with asyncio.Runner() as loop:
        while True:
            sys.stdout.flush()
            time.sleep(every)
            loop.run(renewal.look())
            with suppress(typer.Exit):  # the failure was printed; the next look may succeed
                _look(watcher, output, clear=True)


def _print(found: Sequence[Status]) -> None:
    print_table(COLUMNS, [_row(one) for one in found], SPARE)
    for one in found:
        print()
        for line in _lines(one):
            print_line(line)


def _row(one: Status) -> list[str]:
    from worker.ops.status import per_second

    flow, unread = one.flow, one.flow.unread
    return [
        one.destination,
        one.diagnosis.spoken,
        f"{flow.lag}{_or_more(unread.source)}",
        f"{sum(tier.waiting for tier in flow.tiers)}{_or_more(unread.tiers)}",
        f"{_seconds(flow.overdue)}{_or_more(unread.tiers)}",
        f"{per_second(flow.steps, flow.steps.delivered):g}{_or_more(unread.journal)}",
        f"{per_second(flow.steps, flow.steps.failures):g}{_or_more(unread.journal)}",
        f"{flow.dead_letters}{_or_more(unread.dead_letters)}",
        str(flow.members.source),
    ]


def _lines(one: Status) -> Iterator[str]:
    from schemas import format_time
    from worker.core.leaderless import no_leader
    from worker.core.orders import described
    from worker.ops.status import circuit_of, per_second

    diagnosis, flow = one.diagnosis, one.flow
    since = "" if diagnosis.since is None else f", since {format_time(diagnosis.since)}"
    yield f"{one.destination}: {diagnosis.spoken}{since}"
    yield f"  why: {diagnosis.why}"
    if diagnosis.command is not None:
        yield f"  next: {diagnosis.command}"
    if flow.unread.every:
        yield f"  can't be read: {no_leader(flow.unread.every)}"
    for tier in flow.tiers:
        if tier.waiting:
            late = f", {_seconds(tier.overdue)} late" if tier.overdue >= 1 else ""
            yield f"  tier {tier.tier}: {tier.waiting}{_or_more(flow.unread.tiers)} waiting{late}"
    for name, count in flow.steps.failed.items():
        yield f"  failing with {name}: {per_second(flow.steps, count):g}{_or_more(flow.unread.journal)}/s"
    yield f"  circuit: {circuit_of(flow)}"
    for order in flow.orders:
        yield f"  order: {described(order)}"


def _or_more(unread: Sequence[Partition]) -> str:
    """The sign behind a number that is a least, as some partitions can't be read."""
    return "+" if unread else ""


def _seconds(seconds: float) -> str:
    """Seconds in the largest unit that says enough."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"
