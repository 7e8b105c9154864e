"""The console as a whole: what reads Kafka, what acts, and the server in front of them.

The rule: there is one reader, however many look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.server import ConsoleServer
from worker.settings import Deployment


@asynccontextmanager
async def serving(deployment: Deployment) -> AsyncIterator[str]:
    """Serve a deployment's console, and give its address; raise OSError where that can't be had."""
    console, watch = deployment.common.console, KafkaWatch(deployment)
    server = ConsoleServer(deployment, watch, KafkaActions(deployment, watch))
    watch.start()
    try:
        await server.start(console.host, console.port)
        yield server.url
    finally:
        await server.close()
        await asyncio.to_thread(watch.close)  # the loop goes on: a second signal is heard meanwhile
