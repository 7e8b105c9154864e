"""`healthcheck`: exit 0 when the worker's `/livez` answers 200, for containers.

The rule: it asks the worker on this machine, once, within bounds.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException

import typer

from worker.cli.common import WRONG, examples, fail, load_deployment

TIMEOUT_SECONDS = 2.0
"""How long `/livez` may take."""

# A worker that listens on every address is asked at loopback.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples("postback-worker healthcheck", "POSTBACK_HTTP__PORT=9090 postback-worker healthcheck")
)
def healthcheck(ctx: typer.Context) -> None:
    """Exit 0 when the worker on this machine is alive, 1 when it is not."""
    http = load_deployment(ctx).common.http
    if http.port == 0:
        fail("POSTBACK_HTTP__PORT is 0: the worker took any free port", "set a port", WRONG)
    problem = probe(_LOOPBACK.get(http.host, http.host), http.port)
    if problem:
        fail(problem, "is the worker running, with the same POSTBACK_HTTP__HOST and POSTBACK_HTTP__PORT?")


def probe(host: str, port: int) -> str | None:
    """Ask `/livez` within TIMEOUT_SECONDS; return what is wrong in one line, None if nothing is."""
    connection = HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    where = f"/livez on {host} port {port}"
    try:
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"{where} does not answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return None if status == 200 else f"{where} answers {status}"
