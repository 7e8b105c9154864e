"""Has the publisher's clients replaced when one of them hears no broker any more (see hearing.py).

The rule: they are asked now and then, each in a thread of its own; what a replaced one was handed and did not
send is refused, and published anew by the others.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.hearing import SILENT_SECONDS, is_deaf
from worker.adapters.kafka.producer import KafkaPublisher
from worker.adapters.own_thread import in_own_thread


async def look_after(publisher: KafkaPublisher, asking: Config) -> None:
    """Look for as long as the publisher runs; `asking` configures a client to compare its clients with."""
    while True:
        await asyncio.sleep(SILENT_SECONDS)
        for client in publisher.clients:
            with suppress(OSError):  # too many threads: the next look tries again
                if await in_own_thread("kafka-hearing", partial(is_deaf, asking, client)):
                    publisher.renew()
                    break
