"""How a worker is put together: what it refuses to start with, what it says of itself, what it closes."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from structlog.testing import capture_logs

from tests.fakes import FakeClock
from tests.runner.harness import until
from worker.adapters.http import ClientTls
from worker.adapters.http_server import CannotListen
from worker.adapters.kafka import KafkaSource
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.source_options import SourceOptions
from worker.adapters.kafka.topic_ids import TopicIds
from worker.app import CannotStart, StartedWorker, Worker
from worker.compiled import compile_settings, rules_of, sender_options, variables_by_origin
from worker.core.answer import HttpOrigin
from worker.core.body_pattern import BodyPattern
from worker.core.classify import BodyRules
from worker.core.retry import Tier
from worker.runner import Outcome
from worker.settings import Deployment, Settings

pytestmark = pytest.mark.usefixtures("no_broker")

NOWHERE = "127.0.0.1:1"
PARTNER = "http://127.0.0.1:1/?click_id={click_id}"


def settings(**destination: Any) -> Settings:
    """Settings of a worker whose broker is not there."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": NOWHERE},
            "destination": {
                "simple_url": PARTNER,
                "event_url": PARTNER,
                "allow_private_addresses": True,
                "concurrency": 4,
                **destination,
            },
            "http": {"port": 0},
        }
    )


@asynccontextmanager
async def running(
    worker: Worker,
) -> AsyncIterator[tuple[StartedWorker, asyncio.Event, asyncio.Task[Outcome]]]:
    """A worker that has started; it is stopped at the end."""
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(worker.run(stop, started.set_result))
    await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield await started, stop, task
    finally:
        stop.set()
        await asyncio.wait([task])


async def get(started: StartedWorker, path: str) -> tuple[int, Any]:
    """Ask the worker."""
    url = "http://{}:{}{}".format(*started.http, path)
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("urls", "variables"),
    [
        (("http://127.0.0.1/", "https://8.8.8.8/"), ["POSTBACK_DESTINATION__SIMPLE_URL"]),
        (("https://8.8.8.8/", "http://[::1]/"), ["POSTBACK_DESTINATION__EVENT_URL"]),
        (
            ("http://10.0.0.1/a", "http://10.0.0.1/b"),
            ["POSTBACK_DESTINATION__SIMPLE_URL, POSTBACK_DESTINATION__EVENT_URL"],
        ),
        (
            ("http://10.0.0.1/", "http://10.0.0.2/"),
            ["POSTBACK_DESTINATION__SIMPLE_URL", "POSTBACK_DESTINATION__EVENT_URL"],
        ),
    ],
)
async def test_forbidden_addresses(urls: tuple[str, str], variables: list[str]) -> None:
    """A destination at a forbidden address never starts; each line names the variable."""
    simple, event = (f"{url}?click_id={{click_id}}" for url in urls)
    worker = Worker(
        Deployment.of(settings(simple_url=simple, event_url=event, allow_private_addresses=False))
    )
    with pytest.raises(CannotStart) as refused:
        await worker.run(asyncio.Event())
    assert [line.partition(": ")[0] for line in refused.value.problems] == variables
    assert str(refused.value) == "; ".join(refused.value.problems)


async def test_garbage_is_seldom_looked_for() -> None:
    """A started worker seldom looks for garbage, and not in what the start made."""
    before = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(700)
    try:
        async with running(Worker(Deployment.of(settings()))):
            assert gc.get_threshold()[0] >= 10_000
            assert gc.get_freeze_count() >= 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_where_postbacks_go() -> None:
    """Two URLs of one place are looked at once."""
    both = "POSTBACK_DESTINATION__SIMPLE_URL, POSTBACK_DESTINATION__EVENT_URL"
    assert variables_by_origin(Settings()) == {HttpOrigin("https", "track.momentscience.com", 443): both}


async def test_files_of_tls(tmp_path: Path) -> None:
    """A file of TLS that can't be used never starts, and the line names its variable."""
    worker = Worker(Deployment.of(settings(ca_file=tmp_path / "ca.crt", cert_file=tmp_path / "tls.crt")))
    with pytest.raises(CannotStart) as refused:
        await worker.run(asyncio.Event())
    assert [line.partition(": ")[0] for line in refused.value.problems] == [
        "POSTBACK_DESTINATION__CA_FILE",
        "POSTBACK_DESTINATION__CERT_FILE",
    ]


async def test_a_file_of_tls_that_goes(tmp_path: Path) -> None:
    """A file of TLS that goes between the check and its use never starts either."""
    worker = Worker(Deployment.of(settings(ca_file=tmp_path / "ca.crt")))
    with pytest.raises(CannotStart, match="POSTBACK_DESTINATION__CA_FILE"):
        worker._served[0]._load_tls()


async def test_a_host_that_does_not_resolve() -> None:
    """A name that does not resolve is no reason not to start: it may yet."""
    url = "http://partner.invalid/?click_id={click_id}"
    async with running(Worker(Deployment.of(settings(simple_url=url, event_url=url)))) as (
        started,
        stop,
        task,
    ):
        assert (await get(started, "/livez"))[0] == 200
        stop.set()
        assert await task is Outcome.DRAINED


async def test_without_a_broker() -> None:
    """Without a broker it is alive, not ready, and says why; a stop ends it, with nothing left behind."""
    async with running(Worker(Deployment.of(settings()))) as (started, stop, task):
        status, answer = await get(started, "/readyz")
        assert (status, answer["status"]) == (503, "not ready")
        groups = {
            f"the consumer group {name} has not been joined yet"
            for name in ("postback-worker", "postback-worker.retry")
        }
        assert groups < set(answer["reasons"])
        assert any(reason.startswith("the standing orders ") for reason in answer["reasons"])
        assert len(answer["reasons"]) == 4
        assert (await get(started, "/healthz"))[0] == 200
        stop.set()
        assert await task is Outcome.DRAINED
    assert not [one for one in threading.enumerate() if one.name in {"kafka-consumer", "kafka-producer"}]


async def test_an_address_that_is_taken() -> None:
    """An HTTP address that can't be had is told of as that, and nothing is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made = settings()
        port = taken.getsockname()[1]
        made = made.model_copy(update={"http": made.http.model_copy(update={"port": port})})
        with pytest.raises(CannotListen, match="address already in use"):
            await Worker(Deployment.of(made)).run(asyncio.Event())
    assert not [one for one in threading.enumerate() if one.name == "kafka-producer"]


async def test_a_watch_that_dies() -> None:
    """Not even a watcher dies unheard: it ends the run with what it raised."""
    worker = Worker(Deployment.of(settings()))

    async def broken() -> None:
        await asyncio.sleep(0)
        raise LookupError("a bug")

    worker._watch_loop = broken  # type: ignore[method-assign]
    with pytest.raises(LookupError, match="a bug"):
        await worker.run(asyncio.Event())


async def test_a_consumer_that_does_not_poll() -> None:
    """A consumer that has not polled for longer than a drain may take is not alive."""
    worker = Worker(Deployment.of(settings()))
    async with running(worker) as (started, _, _):
        health = worker._served[0].health
        source = health._source
        await until("both members poll", lambda: source.last_poll() > 0)
        clock = FakeClock()
        clock.advance(source.last_poll() - clock.monotonic() + 54)
        health._clock = clock
        assert (await get(started, "/livez"))[0] == 200
        clock.advance(10)
        status, answer = await get(started, "/livez")
        assert status == 503
        assert answer["reasons"][0].startswith("the consumer has not polled for ")


def test_the_plan() -> None:
    """The compiled settings have a topic for each delay, named as the group owns them."""
    compiled = compile_settings(settings())
    assert compiled.dlq_topic == "postback-worker.dlq"
    assert compiled.tier_topics[Tier("10s", 10.0)] == "postback-worker.retry.10s"
    assert json.dumps(list(compiled.tier_topics.values())).count("postback-worker.retry.") == 7


def test_what_the_sender_gets() -> None:
    """The body is read only where it is judged; secrets are handed over in the clear."""
    made = settings(
        headers={"X_TOKEN": "secret"}, reject_body="no", proxy="http://proxy:3128", transport="session"
    )
    options = sender_options(made, ClientTls())
    assert options.headers == {"X-Token": "secret"}
    assert (options.read_statuses, options.proxy) == (frozenset({200}), "http://proxy:3128")
    assert not sender_options(settings(), ClientTls()).reads_bodies
    assert sender_options(settings(terminal_body="no"), ClientTls()).read_statuses is None


def test_what_is_judged() -> None:
    """Classes of statuses are resolved to codes; where no body is looked at there are no rules for one."""
    rules = rules_of(settings(success_statuses="2xx", terminal_statuses="4xx,204").destination)
    assert rules.success == {*range(200, 300)} - {204}
    assert rules.terminal == {204, *range(400, 500)} - {408, 425, 429}
    assert rules.bodies is None
    assert rules_of(settings(recorded_body="twice").destination).bodies == BodyRules(BodyPattern("twice"))


async def test_the_first_line() -> None:
    """The first line says which version runs, from which topic and broker, and to which partner."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        async with running(Worker(Deployment.of(settings()))) as (_, stop, task):
            stop.set()
            await task
    (started,) = [line for line in lines if line["event"] == "started"]
    assert started["version"] == version("postback-worker")
    assert (started["topic"], started["group"]) == ("conversions", "postback-worker")
    assert started["partner"] == "http://127.0.0.1:1"
    assert started["kafka"] == NOWHERE


async def test_fetches_of_tiers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch of the delay tiers may wait longer than one of the source; a user's property is for both."""
    waits: list[object] = []

    class Recorded(KafkaSource):
        def __init__(self, config: Config, options: SourceOptions, *, drain_timeout: float) -> None:
            waits.append(config["fetch.wait.max.ms"])
            super().__init__(config, options, drain_timeout=drain_timeout)

    monkeypatch.setattr("worker.served_destination.KafkaSource", Recorded)
    ours = settings()
    kafka = ours.kafka.model_copy(update={"properties": {"fetch.wait.max.ms": "7"}})
    for one in ours, ours.model_copy(update={"kafka": kafka}):
        async with running(Worker(Deployment.of(one))):
            pass
    assert waits == [100, 500, "7", "7"]


async def test_own_topics_are_looked_at_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source's id is asked for each second, those of the topics that only workers write seldom."""
    told: list[str] = []

    class Noting(TopicIds):
        def __init__(
            self, config: Config, seldom: Collection[str], on_failed: Callable[[BaseException], object]
        ) -> None:
            told.extend(seldom)
            super().__init__(config, seldom, on_failed)

    monkeypatch.setattr("worker.app.TopicIds", Noting)
    of = settings()
    async with running(Worker(Deployment.of(of))):
        tiers = {of.tier_topic(tier) for tier in of.tiers}
        assert set(told) == {*tiers, of.dlq_topic, of.journal_topic, of.control_topic}
