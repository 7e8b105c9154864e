"""Produces events at a steady rate and, beside them, sends requests at once: `python -m tests.bench.traffic`.

The rule: what is compared was begun by the same process at the same time; moments are of the monotonic clock,
which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import NamedTuple

import aiohttp
import uvloop
from confluent_kafka import KafkaError, Message, Producer

from tests.bench.job import make_event, target

PROBES = 1_000_000_000
"""The numbers of the requests that are sent at once begin here."""

PROBE_EVERY = 0.01


class Traffic(NamedTuple):
    """When each event was produced and acknowledged, and when each request was begun, by number."""

    events: list[float]
    acknowledged: list[float]
    probes: list[float]

    def note(self, number: int) -> Callable[[KafkaError | None, Message], None]:
        """Return what takes the broker's acknowledgement of an event."""

        def note(error: KafkaError | None, _: Message) -> None:
            assert error is None, error
            self.acknowledged[number] = time.monotonic()

        return note


async def run(bootstrap: str, topic: str, base: str, rate: float, seconds: float, linger: float) -> Traffic:
    """Keep to the rate; where the machine is late, what is due goes at once. `linger` is in milliseconds."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": linger})
    traffic = Traffic([], [], [])
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as requests:
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < seconds:
            while (number := len(traffic.events)) < elapsed * rate:
                value = make_event(number, time.time())
                traffic.acknowledged.append(0.0)
                traffic.events.append(time.monotonic())
                producer.produce(topic, value, on_delivery=traffic.note(number))
            if len(traffic.probes) < elapsed / PROBE_EVERY:
                traffic.probes.append(time.monotonic())
                requests.create_task(_probe(session, base, PROBES + len(traffic.probes) - 1))
            producer.poll(0)
            await asyncio.sleep(0.001)
        producer.flush(10)
    return traffic


async def _probe(session: aiohttp.ClientSession, base: str, number: int) -> None:
    async with session.get(base + target(number)) as answer:
        await answer.read()


def main() -> None:
    """Read the arguments, make the traffic, print it as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "topic", "base"):
        parser.add_argument(name)
    for name in ("rate", "seconds", "linger"):
        parser.add_argument(name, type=float)
    print(json.dumps(uvloop.run(run(**vars(parser.parse_args())))))


if __name__ == "__main__":
    main()
