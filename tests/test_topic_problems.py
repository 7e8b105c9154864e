"""What a worker tells while its topics' settings lose or refuse records."""

from __future__ import annotations

from collections.abc import Collection

import aiohttp
import pytest
import structlog
from structlog.testing import capture_logs

from tests.runner.harness import until
from tests.test_app import get, running, settings
from worker.adapters.kafka.config import Config
from worker.app import StartedWorker, Worker
from worker.core.topics import Topic
from worker.settings import Deployment

pytestmark = pytest.mark.usefixtures("no_broker")

TIER = "postback-worker.retry.10s"
LINE = f"{TIER}: cleanup.policy is compact, and of one key's records only the last is kept: it must be delete"


async def test_settings_that_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that is made harmful while the worker runs is told of once, and shown until it is mended."""
    compacted, looks = [False], [0]

    def described(_config: Config, _names: Collection[str]) -> dict[str, Topic]:
        looks[0] += 1
        return {TIER: Topic(TIER, compacted=compacted[0])}

    async def looked() -> None:
        upto = looks[0] + 3  # the first has begun before, and what the last one sees is not told yet
        await until("it is looked again", lambda: looks[0] >= upto)

    monkeypatch.setattr("worker.health.describe", described)
    monkeypatch.setattr("worker.health.SETTINGS_SECONDS", 0.01)
    structlog.reset_defaults()
    with capture_logs() as lines:
        worker = Worker(Deployment.of(settings()))
        async with running(worker) as (started, _, _):
            worker._served[0].health._topics_there.set()
            await looked()
            assert await shown(started) == (None, 0)
            compacted[0] = True
            await looked()
            assert await shown(started) == ([LINE], 1)
            compacted[0] = False
            await looked()
            assert await shown(started) == (None, 0)
    assert [line["log_level"] for line in lines if line["event"] == LINE] == ["warning"]


async def shown(started: StartedWorker) -> tuple[object, float]:
    """What `/readyz` says of the topics, and the metric."""
    _, answer = await get(started, "/readyz")
    url = "http://{}:{}/metrics".format(*started.http)
    async with aiohttp.ClientSession() as session, session.get(url) as metrics:
        lines = (await metrics.text()).splitlines()
    (value,) = (line.split()[-1] for line in lines if line.startswith("postback_topic_problems{"))
    return answer.get("topics"), float(value)
