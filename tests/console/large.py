"""Measures a console's watch of very much data: prints, as JSON, its times and its memory.

`python -m tests.console.large BOOTSTRAP TOPIC GROUP`, in a process of its own, so that the memory is the
watch's alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.console.topics import settings_of
from tests.support.kafka import Names
from worker.console.actions import ReplayOptions
from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.watch import ReplayState, RowsQuery
from worker.core.undelivered import UndeliveredState
from worker.ops.explain_reading import SoughtConversion
from worker.ops.filters import Filters
from worker.ops.orders import Giver
from worker.settings import Deployment

VIEWERS = 10
WITHIN_SECONDS = 300.0


def memory_mb(word: str = "VmRSS") -> float:
    """What this process has in memory, or had at most (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(word))


async def view(watch: KafkaWatch, name: str, snapshot: list[int]) -> None:
    """Look at all that changes."""
    version = 0
    while True:
        version = await watch.changed(version, WITHIN_SECONDS)
        snapshot.append(len(json.dumps(watch.snapshot(name).undelivered)))


async def timed(call: Callable[[], object]) -> tuple[float, object]:
    """How many seconds a call takes in a thread, and what it returns."""
    begun = time.monotonic()
    result = await asyncio.to_thread(call)
    return round(time.monotonic() - begun, 2), result


async def replay(watch: KafkaWatch, name: str, told: dict[str, object]) -> None:
    """Look at what a replay of all would mean, and have it sent."""
    actions, giver = KafkaActions(watch), Giver("me", time.time())
    told["preview_s"], preview = await timed(lambda: actions.preview_replay(name, ReplayOptions()))
    assert preview.going == told["undelivered"], preview  # type: ignore[attr-defined]
    told["memory_previewed_mb"] = round(memory_mb("VmHWM"))
    begun = time.monotonic()
    told["replay_begun_s"], _ = await timed(lambda: actions.replay(name, giver, ReplayOptions(), None))
    async with asyncio.timeout(WITHIN_SECONDS):
        while [one.state for one in watch.snapshot(name).replays] != [ReplayState.DONE]:
            await watch.changed(watch.snapshot(name).version, 1.0)
    told["replayed_s"] = round(time.monotonic() - begun, 2)
    told["memory_replayed_mb"] = round(memory_mb("VmHWM"))


async def main(bootstrap: str, topic: str, group: str) -> None:
    """Read all that there is with ten viewers, search, and print what it took."""
    settings = settings_of(bootstrap, Names(topic, group))
    name = settings.destination.name
    watch, told = KafkaWatch(Deployment.of(settings)), dict[str, object]()
    told["memory_before_mb"] = round(memory_mb())
    begun = time.monotonic()
    watch.start()
    views: list[int] = []
    viewers = [asyncio.create_task(view(watch, name, views)) for _ in range(VIEWERS)]

    async def until(word: str, true: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            while not true():
                await watch.changed(watch.snapshot(name).version, 1.0)
        told[word] = round(time.monotonic() - begun, 2)

    await until("first_groups_s", lambda: watch.snapshot(name).undelivered)
    await until("first_status_s", lambda: watch.snapshot(name).status)
    snapshot = watch.snapshot
    await until("whole_s", lambda: snapshot(name).progress.of > 0 and snapshot(name).progress.is_whole)
    told["memory_read_mb"] = round(memory_mb())
    for field, sought in (("event_id", "e-500000"), ("click_id", "c-500000"), ("order_id", "o-500000")):
        seconds, found = await timed(lambda: watch.search(SoughtConversion(field, sought), "48h"))  # noqa: B023
        told[f"search_{field}_s"] = seconds
        assert len(found) == 1, found  # type: ignore[arg-type]
    told["undelivered"] = sum(group.size for group in snapshot(name).undelivered)
    key = snapshot(name).undelivered[0].key
    for word, asked in (
        ("rows_of_group_s", RowsQuery(UndeliveredState.DEAD, key)),
        ("rows_by_event_s", RowsQuery(UndeliveredState.DEAD, filters=Filters(event_id="d-100000"))),
        ("rows_by_click_s", RowsQuery(UndeliveredState.DEAD, filters=Filters(click_id="click-d-100000"))),
    ):
        told[word], rows = await timed(lambda: watch.rows(name, asked))  # noqa: B023
        assert rows.rows, word  # type: ignore[attr-defined]
    told["memory_searched_mb"] = round(memory_mb("VmHWM"))
    await replay(watch, name, told)
    told["views"] = len(views)
    told["delivered"] = sum(minute.delivered for minute in snapshot(name).hour)
    cpu, since = time.process_time(), time.monotonic()
    await asyncio.sleep(10)
    told["idle_cpu_share"] = round((time.process_time() - cpu) / (time.monotonic() - since), 3)
    told["memory_mb"], told["memory_most_mb"] = round(memory_mb()), round(memory_mb("VmHWM"))
    for viewer in viewers:
        viewer.cancel()
    watch.close()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
