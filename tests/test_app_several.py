"""What a worker of several destinations says of itself: each line and reason names the one it is of."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.runner.harness import until
from tests.test_app import NOWHERE, get, running
from worker.adapters.logs import set_up
from worker.app import StartedWorker, Worker
from worker.ports import Observer
from worker.settings import load_all

pytestmark = pytest.mark.usefixtures("no_broker")

NAMES = ("binom", "voluum")
URL = "http://127.0.0.1:1/?click_id={click_id}"


def environ(*names: str) -> dict[str, str]:
    """Settings of several destinations, or of the only one, whose broker is not there."""
    prefixes = [f"POSTBACK_DESTINATIONS__{name.upper()}__" for name in names] or ["POSTBACK_DESTINATION__"]
    when = {f"POSTBACK_DESTINATIONS__{name.upper()}__WHEN__NETWORK": name for name in names}
    urls = {f"{prefix}{kind}_URL": URL for prefix in prefixes for kind in ("SIMPLE", "EVENT")}
    return {
        "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": NOWHERE,
        "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
        "POSTBACK_HTTP__PORT": "0",
        **urls,
        **when,
    }


@asynccontextmanager
async def at_work(at: Path, *names: str) -> AsyncIterator[tuple[StartedWorker, io.StringIO]]:
    """A worker without a broker that has started, and its log."""
    log = io.StringIO()
    with redirect_stderr(log):
        set_up("json", "debug")
    worker = Worker(load_all(environ=environ(*names), dotenv=at / ".env"))
    async with running(worker) as (started, _, _):
        yield started, log


def lines(log: io.StringIO) -> list[Mapping[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_lines(tmp_path: Path) -> None:
    """Each line of a destination names it, also those that its clients write in their threads."""
    async with at_work(tmp_path, *NAMES) as (_, log):
        for name in NAMES:
            for part in ("#consumer", "the broker does not answer"):
                await until(f"{name}: {part}", partial(said, log, name, part))
    of_consumers = [line for line in lines(log) if "#consumer" in line["event"]]
    assert all(f"[postback-worker.{line['destination']}" in line["event"] for line in of_consumers)


def said(log: io.StringIO, destination: str | None, part: str) -> bool:
    """Whether a line of this destination, or of none, has this text."""
    return any(part in line["event"] and line.get("destination") == destination for line in lines(log))


async def test_readiness(tmp_path: Path) -> None:
    """Each reason not to be ready begins with the destination's name; where there is but one, none does."""
    async with at_work(tmp_path, *NAMES) as (started, _):
        _, told = await get(started, "/readyz")
        assert {reason.partition(": ")[0] for reason in told["reasons"]} == set(NAMES)
        alive, _ = await get(started, "/livez")
        assert alive == 200
    async with at_work(tmp_path) as (started, _):
        _, told = await get(started, "/readyz")
        assert "the consumer group postback-worker has not been joined yet" in told["reasons"]


async def test_the_producer_is_of_all(tmp_path: Path) -> None:
    """What the one producer has trouble with is said of no destination, as it is of all."""
    async with at_work(tmp_path, *NAMES) as (_, log):
        await until("it has trouble", partial(said, log, None, "brokers are down"))
        await until("it says where", partial(said, log, None, "#producer"))
    assert not [line for line in lines(log) if "#producer" in line["event"] and "destination" in line]


async def test_rights_are_asked_for_once(tmp_path: Path) -> None:
    """However many destinations there are, one thread asks what this user may do."""
    before = set(threading.enumerate())
    async with at_work(tmp_path, *NAMES, "meta", "reyun"):
        new = [thread.name for thread in threading.enumerate() if thread not in before]
        assert [name.startswith("kafka-rights") for name in new].count(True) == 1


class Troubles(Observer):
    """Keeps the troubles that it heard of."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def trouble(self, message: str) -> None:
        self.heard.append(message)


async def test_who_watches_one(tmp_path: Path) -> None:
    """Who watches one destination hears of that one alone; who watches all hears of each."""
    of_all, of_each = Troubles(), {name: Troubles() for name in NAMES}
    deployment = load_all(environ=environ(*NAMES), dotenv=tmp_path / ".env")
    async with running(Worker(deployment, of_all, watching=of_each)):
        for name, one in of_each.items():
            await until(f"{name} is heard of", partial(has_heard, one))
    assert sorted(of_all.heard) == sorted(line for one in of_each.values() for line in one.heard)


def has_heard(troubles: Troubles) -> bool:
    """Whether there was any trouble."""
    return bool(troubles.heard)
