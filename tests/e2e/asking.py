"""What commands cost when very much lies in Kafka: a day of a million steps, many dead letters.

The rule: each command is a process of its own, from start to end. `python -m tests.e2e.asking` measures them
on a broker of its own, and prints a line for each.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import DeadReason, WorkerHeaders, format_time
from tests.cli.invoke import kafka_env
from tests.support.broker import Broker
from tests.support.kafka import Names, create_topics
from worker.core.life import LifeVerdict
from worker.core.record import Header

PARTITIONS = 8
DAY_SECONDS = 24 * 3600.0
AHEAD = 1_000  # records of each partition that the group has not read yet
URL = "https://track.momentscience.com/postback?click_id="

Fields = dict[str, Any]
_NO_HEADERS: Sequence[Header] = ()


class Took(NamedTuple):
    """A command, how long it took by the clock and in CPU, how it ended and what it printed."""

    command: str
    seconds: float
    cpu_seconds: float
    code: int
    out: str


class World(NamedTuple):
    """Topics that hold a day, and who asks of them."""

    names: Names
    env: dict[str, str]
    now: float

    def ask(self, *command: str) -> Took:
        """Run a command."""
        began, spent = time.monotonic(), _cpu_seconds()
        line = [sys.executable, "-m", "worker", *command]
        done = subprocess.run(line, env=self.env, capture_output=True, text=True, check=False, timeout=120)
        took = time.monotonic() - began, _cpu_seconds() - spent
        return Took(" ".join(command), *took, done.returncode, done.stdout)


def _cpu_seconds() -> float:
    """What the processes that this one has started and seen end have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def build(bootstrap: str, steps: int, letters: int) -> World:
    """Fill topics: so many records of the source and steps of the journal over a day, and dead letters."""
    names, now = Names.fresh("asking"), time.time()
    there = [names.topic, names.journal, names.dlq, names.tier("10s")]
    keep = {"retention.ms": str(7 * 24 * 3600 * 1000)}
    create_topics(bootstrap, {**dict.fromkeys(there, PARTITIONS), names.control: 1}, keep)
    _write(bootstrap, names.topic, _source(steps, now))
    _write(bootstrap, names.journal, _journal(names.topic, steps, now))
    _write(bootstrap, names.dlq, _letters(names.topic, letters, now))
    commits = Consumer({"bootstrap.servers": bootstrap, "group.id": names.group})
    ends = steps // PARTITIONS - AHEAD
    commits.commit(
        offsets=[TopicPartition(names.topic, at, ends) for at in range(PARTITIONS)], asynchronous=False
    )
    commits.close()
    return World(names, kafka_env(bootstrap, names), now)


def special(steps: int) -> dict[LifeVerdict, int]:
    """The number of the conversion that comes to each verdict: spread over the day."""
    done = steps - (AHEAD + 1) * PARTITIONS
    told = [one for one in LifeVerdict if one not in {LifeVerdict.NOT_READ, LifeVerdict.NEVER_PUBLISHED}]
    found: dict[LifeVerdict, int] = {
        one: done * (2 * at + 1) // (2 * len(told)) for at, one in enumerate(told)
    }
    return {**found, LifeVerdict.NOT_READ: steps - PARTITIONS * 10, LifeVerdict.NEVER_PUBLISHED: steps + 1}


_Record = tuple[int, bytes, bytes, Sequence[Header], float]


def _at(number: int, count: int, now: float) -> float:
    return now - DAY_SECONDS * (1.0 - number / count)


def _source(count: int, now: float) -> Iterator[_Record]:
    again, passed = special(count)[LifeVerdict.REPLAYED], special(count)[LifeVerdict.NOT_TAKEN]
    for number in range(count):
        at = _at(number, count, now)
        # The replayed one lies on the source once more, at its end.
        name, headers = number, _NO_HEADERS
        if number == count - PARTITIONS * 5:
            name, headers = again, WorkerHeaders(replays=1, replayed_for="momentscience").write()
        told = {
            "event_id": f"e-{name}",
            "click_id": f"c-{name}",
            "order_id": f"o-{name}",
            "event": "other" if number == passed else "purchase",
            "payout": "49.99",
            "occurred_at": format_time(at),
        }
        yield number % PARTITIONS, f"c-{name}".encode(), json.dumps(told).encode(), headers, at


def _journal(topic: str, count: int, now: float) -> Iterator[_Record]:
    verdicts = {number: verdict for verdict, number in special(count).items()}
    for number in range(count):
        at = _at(number, count, now)
        origin = f"{topic}/{number % PARTITIONS}/{number // PARTITIONS}"
        verdict = verdicts.get(number, LifeVerdict.DELIVERED)
        told = {**_told(verdict, now), "at": format_time(at), "event_id": f"e-{number}", "origin": origin}
        # What the worker is not done with has no step; a retry of another stands in its place.
        if verdict in {LifeVerdict.UNTOLD, LifeVerdict.NOT_TAKEN} or number >= count - AHEAD * PARTITIONS:
            told = {**told, "event_id": f"x-{number}"}
        told |= {"click_id": f"c-{told['event_id'][2:]}", "order_id": f"o-{told['event_id'][2:]}"}
        if told["event_id"][0] == "x":
            told |= {"click_id": "cx", "order_id": "ox", "origin": f"{topic}/{number % PARTITIONS}/0"}
        yield number % PARTITIONS, told["event_id"].encode(), json.dumps(told).encode(), _NO_HEADERS, at


def _told(verdict: LifeVerdict, now: float) -> Fields:
    attempt = {"attempt": 1, "status": 200, "ms": 21, "url": URL + "x", "worker": "w-1"}
    refused = {**attempt, "status": 503, "reason": "status", "tier": "10s", "body": "busy"}
    found: dict[LifeVerdict, Fields] = {
        LifeVerdict.WAITING: {"step": "retry", **refused, "due_at": format_time(now + 3600)},
        LifeVerdict.OVERDUE: {"step": "retry", **refused, "due_at": format_time(now - 3600)},
        LifeVerdict.DEAD: {"step": "dead", "reason": "invalid", "error": 'payout "1,0"'},
        LifeVerdict.REPLAYED: {"step": "dead", "reason": "invalid", "error": 'payout "1,0"'},
        LifeVerdict.DUPLICATE: {"step": "duplicate"},
        LifeVerdict.CANCELLED: {"step": "cancelled", "reason": "cancelled", "error": "by ann"},
    }
    return found.get(verdict, {"step": "delivered", **attempt})


def _letters(topic: str, count: int, now: float) -> Iterator[_Record]:
    common = [DeadReason.EXPIRED, DeadReason.REJECTED, DeadReason.INVALID, DeadReason.EXHAUSTED]
    for number in range(count):
        at = _at(number, count, now)
        reason = DeadReason.UNROUTED if number < 10 else common[number % len(common)]
        headers = WorkerHeaders(
            attempts=12,
            reason=reason,
            status=503,
            error="HTTP 503: Service Unavailable",
            dead_at=at,
            origin=f"{topic}/{number % PARTITIONS}/{number}",
        ).write()
        told = {"event_id": f"d-{number}", "click_id": f"dc-{number}", "occurred_at": format_time(at)}
        yield number // 4 % PARTITIONS, f"dc-{number}".encode(), json.dumps(told).encode(), headers, at


def _write(bootstrap: str, topic: str, records: Iterator[_Record]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "batch.size": 500_000,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 500_000,
        }
    )
    for partition, key, value, headers, at in records:
        while True:
            try:
                producer.produce(
                    topic, value, key, partition, headers=list(headers), timestamp=round(at * 1000)
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(120) == 0


def routed(world: World) -> World:
    """The same world, asked as one of two destinations that takes purchases alone."""
    prefix = "POSTBACK_DESTINATIONS__"
    more = {
        f"{prefix}MOMENTSCIENCE__WHEN__EVENT": "purchase",
        f"{prefix}MOMENTSCIENCE__GROUP_ID": world.names.group,
        f"{prefix}MOMENTSCIENCE__URL": "https://partner.example/?click_id={click_id}",
        f"{prefix}OTHERS__URL": "https://partner.example/?click_id={click_id}",
    }
    return world._replace(env={**world.env, **more})


def explained(world: World, steps: int) -> Iterator[tuple[LifeVerdict, Took]]:
    """`explain` of a conversion of each verdict, and by click and order."""
    for verdict, number in special(steps).items():
        asked = routed(world) if verdict is LifeVerdict.NOT_TAKEN else world
        which = ("--destination", "momentscience") if verdict is LifeVerdict.NOT_TAKEN else ()
        yield verdict, asked.ask("explain", f"e-{number}", *which, "-o", "json")
    number = special(steps)[LifeVerdict.DELIVERED]
    yield LifeVerdict.DELIVERED, world.ask("explain", "--click-id", f"c-{number}", "-o", "json")
    yield LifeVerdict.DELIVERED, world.ask("explain", "--order-id", f"o-{number}", "-o", "json")
    yield LifeVerdict.NEVER_PUBLISHED, world.ask("explain", "--click-id", "nobody", "-o", "json")


OTHERS: Sequence[tuple[str, ...]] = (
    ("--version",),
    ("status",),
    ("dlq", "list", "--reason", "exhausted", "--limit", "20"),
    ("dlq", "list", "--reason", "unrouted", "--limit", "20"),
    ("dlq", "stats"),
    ("waiting", "list"),
)


def _print(took: Took, what: str) -> None:
    print(f"{took.seconds:6.2f} s {took.cpu_seconds:5.2f} s  {took.command}: {what}", flush=True)


def main() -> None:
    """Measure on a broker of its own, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.asking", description=main.__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--letters", type=int, default=200_000)
    parser.add_argument("--keep", action="store_true", help="Keep the broker until Enter, to look around.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder)) as broker:
        began = time.monotonic()
        world = build(broker.bootstrap, given.steps, given.letters)
        print(f"built in {time.monotonic() - began:.0f} s: {broker.bootstrap} {world.names}", flush=True)
        print("   clock     CPU")
        for verdict, took in explained(world, given.steps):
            told = json.loads(took.out)
            _print(took, verdict if told["verdict"] == verdict else f"{verdict} WRONG: {told}")
        for command in OTHERS:
            took = world.ask(*command)
            _print(took, f"exit {took.code}")
        if given.keep:
            sys.stdin.readline()


if __name__ == "__main__":
    main()
