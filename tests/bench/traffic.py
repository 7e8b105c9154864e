"""Produces events at a steady rate and, beside them, sends requests at once: `python -m tests.bench.traffic`.

The rule: what is compared was begun by the same process at the same time; moments are of the monotonic clock,
which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import NamedTuple

import aiohttp
import uvloop
from confluent_kafka import Producer

from tests.bench.job import make_event, target

PROBES = 1_000_000_000
"""The numbers of the requests that are sent at once begin here."""

PROBE_EVERY = 0.01


class Traffic(NamedTuple):
    """When each event was produced and each request begun, by its number."""

    events: list[float]
    probes: list[float]


async def run(bootstrap: str, topic: str, base: str, rate: float, seconds: float) -> Traffic:
    """Keep to the rate; where the machine is late, what is due goes at once."""
    # No lingering: how long a producer gathers a batch is its own choice and no part of the worker.
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    traffic = Traffic([], [])
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as requests:
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < seconds:
            while len(traffic.events) < elapsed * rate:
                number = len(traffic.events)
                value = make_event(number, time.time())
                traffic.events.append(time.monotonic())
                producer.produce(topic, value)
            if len(traffic.probes) < elapsed / PROBE_EVERY:
                traffic.probes.append(time.monotonic())
                requests.create_task(_probe(session, base, PROBES + len(traffic.probes) - 1))
            producer.poll(0)
            await asyncio.sleep(min(0.002, 0.5 / rate))
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
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    print(json.dumps(uvloop.run(run(**vars(parser.parse_args())))))


if __name__ == "__main__":
    main()
