"""Several destinations on the page, on a real Kafka: what belongs to one is shown, and done, only there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, CookieJar

from tests.console.markup import Page
from tests.console.served import csrf_of
from tests.console.topics import PARTITIONS, Destination, letter, step
from tests.console.watch_suite import until
from tests.support.kafka import Names, create_topics
from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.server import ConsoleServer
from worker.console.watch import RowsQuery, Watch
from worker.core.undelivered import UndeliveredState
from worker.ops.explain_reading import SoughtConversion
from worker.settings import Deployment, load_all
from worker.settings.variable_names import SECRETS_DIR

pytestmark = pytest.mark.kafka

ONE, OTHER = "binom", "voluum"


class Viewing(NamedTuple):
    """A destination that is looked at."""

    name: str
    watch: Watch


class Several(NamedTuple):
    """A console of two destinations, their topics, and who asks it."""

    watch: KafkaWatch
    at: dict[str, Destination]
    base: str
    client: ClientSession

    async def text(self, path: str) -> str:
        """What is read on a page, in one line."""
        return " ".join(" ".join(Page(await self.page(path)).texts).split())

    async def page(self, path: str) -> str:
        """A page."""
        async with self.client.get(self.base + path, headers={"Accept": "text/html"}) as got:
            return await got.text()

    async def act(self, destination: str, action: str, **form: str) -> None:
        """Send a form of the page of a destination."""
        csrf = csrf_of(await self.page(f"/destination/{destination}"))
        form = {"csrf": csrf, "who": "anna", **form}
        async with self.client.post(f"{self.base}/act/{destination}/{action}", data=form) as done:
            assert done.status == 200, await done.text()


def deployment(bootstrap: str, names: Names, folder: Path) -> Deployment:
    """Two destinations of one source; each has a group of its own."""
    given = {
        "kafka.bootstrap_servers": bootstrap,
        "kafka.topic": names.topic,
        "kafka.group_id": names.group,
        "retry.delays": "10m",
        "console.allow_actions": "true",
        **{f"destinations.{name}.url": "https://partner.example/?c={click_id}" for name in (ONE, OTHER)},
        f"destinations.{ONE}.when.network": ONE,
    }
    return load_all(overrides=given, environ={SECRETS_DIR: str(folder)}, dotenv=folder / ".env")


@asynccontextmanager
async def several(bootstrap: str, names: Names, folder: Path) -> AsyncIterator[Several]:
    """The console, which has read all there is."""
    at = {name: Destination(bootstrap, Names(names.topic, f"{names.group}.{name}")) for name in (ONE, OTHER)}
    own = [(there.names.dlq, there.names.journal, there.names.tier("10m")) for there in at.values()]
    topics = dict.fromkeys([names.topic, *(topic for topics in own for topic in topics)], PARTITIONS)
    create_topics(bootstrap, {**topics, **{there.names.control: 1 for there in at.values()}})
    made = deployment(bootstrap, names, folder)
    watch = KafkaWatch(made)
    server = ConsoleServer(made, watch, KafkaActions(watch))
    watch.start()
    try:
        await server.start("127.0.0.1", 0)
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            yield Several(watch, at, server.url.rstrip("/"), client)
    finally:
        await server.close()
        await asyncio.to_thread(watch.close)


async def test_each_by_itself(kafka: str, names: Names, tmp_path: Path) -> None:
    """Dead letters, orders and replays are of one destination; a conversion is looked for at all."""
    async with several(kafka, names, tmp_path) as console:
        one, other = (Viewing(name, console.watch) for name in (ONE, OTHER))
        console.at[ONE].write(console.at[ONE].names.dlq, *(letter(f"e-{n}") for n in range(3)))
        console.at[OTHER].write(console.at[OTHER].names.dlq, letter("e-0", status=500))
        for there in console.at.values():
            there.write(there.names.journal, step("both"))
        await until(one, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 3)
        await until(other, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 1)
        both = await console.text("/")
        assert ONE in both
        assert OTHER in both
        assert "3 shown of 3 that match" in await console.text(f"/undelivered/{ONE}?kind=dead")
        assert "1 shown of 1 that match" in await console.text(f"/undelivered/{OTHER}?kind=dead")
        found = await asyncio.to_thread(console.watch.search, SoughtConversion("event_id", "both"), "48h")
        assert {explained.destination for explained in found} == {ONE, OTHER}

        await console.act(ONE, "pause", because="a test")
        snapshot = await until(
            one, lambda snapshot: snapshot.status is not None and bool(snapshot.status.flow.orders)
        )
        assert snapshot.status is not None
        assert snapshot.status.flow.orders[0].provenance.by == "anna@console"
        assert "None: nothing is paused" in await console.text(f"/destination/{OTHER}")
        await console.act(ONE, "replay", status="404")
        await until(one, lambda snapshot: not snapshot.undelivered)
        assert console.watch.snapshot(OTHER).replays == []
        rows = await asyncio.to_thread(console.watch.rows, OTHER, RowsQuery(UndeliveredState.DEAD))
        assert [row.letter.event_id for row in rows.rows] == ["e-0"]
