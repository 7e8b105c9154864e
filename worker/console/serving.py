"""The console as a whole: what reads Kafka, what acts, and the server in front of them.

The rule: there is one reader, however many look. What it logs in with is followed as a worker follows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.adapters.clock import SystemClock
from worker.adapters.kafka.login import Login
from worker.adapters.structlog_alone import structlog
from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.server import ConsoleServer
from worker.login_renewal import LoginRenewal
from worker.settings import Deployment


@asynccontextmanager
async def serving(deployment: Deployment) -> AsyncIterator[str]:
    """Serve a deployment's console, and give its address; raise OSError where that can't be had."""
    console, login = deployment.common.console, Login()
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
        await asyncio.to_thread(watch.close)  # the loop goes on: a second signal is heard meanwhile
