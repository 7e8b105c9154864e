"""The whole console: the watch, the actions, and the server in front of them.

The rule: there is one reader for all viewers. It follows changes of the login as a worker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.adapters.clock import SystemClock
from worker.adapters.kafka.login import KafkaLogin
from worker.adapters.structlog_alone import structlog
from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.server import ConsoleServer
from worker.login_renewal import LoginRenewal
from worker.settings import Deployment


@asynccontextmanager
async def serving(deployment: Deployment) -> AsyncIterator[str]:
    """Serve a deployment's console and yield its address; raise OSError if that is not available."""
    console, login = deployment.common.console, KafkaLogin()
    watch = KafkaWatch(deployment, login)
    server = ConsoleServer(deployment, watch, KafkaActions(watch))
    tell = structlog.get_logger("console").warning
    renewal = LoginRenewal(deployment.common, login, tell, SystemClock())
    watch.start()
    renewing = asyncio.create_task(renewal.run())
    try:
        await server.start(console.host, console.port)
        yield server.url
    finally:
        renewing.cancel()
        await server.close()
        await asyncio.to_thread(watch.close)  # in a thread, so that the loop still handles a second signal
