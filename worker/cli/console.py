"""`console`: the page for the person on call, until a signal.

The rule: it reads only Kafka; it asks callers from other machines for a token, and acts only if allowed to.
The first signal ends what is under way, within bounds; a second one ends the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import FAILED, GlobalOptions, examples, load_deployment, number_option, say
from worker.cli.interrupts import until_signal
from worker.cli.run import run_loop

if TYPE_CHECKING:
    from worker.settings import Deployment

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        "postback-worker console",
        "postback-worker console --allow-actions",
        "POSTBACK_CONSOLE__TOKEN_FILE=token.txt postback-worker console --host 0.0.0.0 --base-path /ops",
    )
)
def console(
    ctx: typer.Context,
    *,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Where it listens, in place of the setting."),
    ] = None,
    port: Annotated[int | None, number_option("--port", "Its port; 0 takes any free one.", 0, 65535)] = None,
    allow_actions: Annotated[
        bool | None,
        typer.Option("--allow-actions/--read-only", help="Whether the page may act, or only show."),
    ] = None,
    base_path: Annotated[
        str | None,
        typer.Option("--base-path", metavar="PATH", help="The path below which a proxy serves it."),
    ] = None,
) -> None:
    """Serve the page for the person on call: verdict, flow, one conversion, undelivered, destinations.

    It reads Kafka alone: no worker need be reachable, and none is slowed. It listens on loopback, and only
    shows, unless it is told otherwise.
    """
    wanted = {"host": host, "port": port, "allow_actions": allow_actions, "base_path": base_path}
    given = ctx.find_object(GlobalOptions) or GlobalOptions()
    overrides = {f"console.{name}": str(value) for name, value in wanted.items() if value is not None}
    ctx.obj = given._replace(overrides={**given.overrides, **overrides})
    deployment = load_deployment(ctx)
    raise typer.Exit(run_loop(lambda: _serve(deployment)))


async def _serve(deployment: Deployment) -> int:
    import structlog

    from worker.adapters.logs import set_up
    from worker.console.serving import serving
    from worker.core.hosts import at_port

    settings = deployment.common.console
    set_up(deployment.common.log.format, deployment.common.log.level)
    log, stop = structlog.get_logger("console"), until_signal("stopped at once")
    try:
        async with serving(deployment) as url:
            log.info("started", console=url, may_act=settings.allow_actions, token=settings.token is not None)
            await stop.wait()
    except OSError as error:
        where = at_port(settings.host, settings.port)
        say(f"error: can't serve the console on {where}: {error.strerror or error}")
        say("hint: set POSTBACK_CONSOLE__HOST and POSTBACK_CONSOLE__PORT to a free address of this machine")
        return FAILED
    log.info("stopped")
    return 0
