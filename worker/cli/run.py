"""`run`: the worker, until a signal.

The rule: the first SIGTERM, SIGINT or SIGHUP drains and exits 0; a second one exits at once, unless it is a
SIGHUP, as a closing terminal sends several.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.adapters.process.descriptors import raise_limit
from worker.cli.common import FAILED, WRONG, examples, fail, load_deployment, say
from worker.cli.completion import several_destinations
from worker.cli.interrupts import until_signal

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from worker.app import Worker
    from worker.settings import Deployment

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        "postback-worker run",
        "POSTBACK_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 postback-worker run",
        "postback-worker --config worker.toml run",
    )
)
def run(
    ctx: typer.Context,
    *,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="Take over the group of a deployment with another source or destination."
        ),
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="NAME[,NAME]",
            help="Serve these destinations of several; others run elsewhere.",
            autocompletion=several_destinations,
        ),
    ] = None,
) -> None:
    """Consume conversion events and send their postbacks, until SIGTERM, SIGINT (Ctrl-C) or SIGHUP.

    The first signal drains: what is in flight ends, offsets are committed, and the exit code is 0. What has
    not ended within DRAIN_TIMEOUT stays uncommitted. A second signal exits at once, unless it is SIGHUP.
    SIGUSR1 logs a line of status for each destination.
    """
    deployment = load_deployment(ctx, only=_names(only))
    raise typer.Exit(run_loop(lambda: _work(deployment, adopt=adopt)))


def _names(only: str | None) -> list[str] | None:
    """The names given with `--only`, None if it is not given."""
    if only is None:
        return None
    names = [name.strip() for name in only.split(",")]
    if not all(names):
        raise typer.BadParameter("names no destination; give one, or several with commas: voluum,binom")
    return names


def run_loop(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run on uvloop if it is installed, with the descriptor limit raised to what the system allows."""
    raise_limit()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main())
    return uvloop.run(main())


async def _work(deployment: Deployment, *, adopt: bool) -> int:
    from worker.adapters.lean_aiohttp import load_aiohttp

    load_aiohttp()
    from worker.adapters.http_server import CannotListen
    from worker.adapters.kafka import KafkaUnavailable
    from worker.adapters.logs import set_up
    from worker.adapters.structlog_alone import structlog
    from worker.app import CannotStart, Worker
    from worker.core.hosts import at_port
    from worker.ports import SourceFailed
    from worker.runner import Outcome

    settings = deployment.common
    set_up(settings.log.format, settings.log.level)
    log = structlog.get_logger("worker")
    worker = Worker(deployment, adopt=adopt)
    stop = until_signal("stopped at once: what was in flight may be sent again")
    try:
        outcome = await worker.run(stop, lambda _: _tell_status(worker, log))
    except CannotStart as error:
        for line in error.problems:
            say(f"error: {line}")
        return WRONG
    except (SourceFailed, KafkaUnavailable) as error:
        fail(str(error))
    except CannotListen as error:
        where = at_port(settings.http.host, settings.http.port)
        fail(
            f"can't serve HTTP on {where}: {error}",
            "set POSTBACK_HTTP__HOST and POSTBACK_HTTP__PORT to a free address of this machine",
        )
    except Exception:
        log.exception("the worker broke")
        return FAILED
    if outcome is Outcome.CUT:
        log.warning("stopped: the drain's time was up", unfinished=worker.unfinished)
    else:
        log.info("stopped", unfinished=0)
    return 0


def _tell_status(worker: Worker, log: FilteringBoundLogger) -> None:
    """Log a status line for each destination at each SIGUSR1."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, _log_status, worker, log)


def _log_status(worker: Worker, log: FilteringBoundLogger) -> None:
    for fields in worker.status():
        log.info("status", **fields)
