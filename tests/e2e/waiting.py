"""Very many records that wait in a tier: what they cost, and how exactly they are sent when they are due.

The rule: due times are those of the records' own headers; when a request came is what the partner saw.
`python -m tests.e2e.waiting` measures it with a million.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from schemas import WorkerHeaders
from tests.e2e.events import value
from tests.e2e.neighbours import Partner
from tests.e2e.program import Program, call, settings
from tests.support.broker import Broker
from tests.support.kafka import Names, Write, create_topics, produce, wait_until

TIER = "1h"
PARTITIONS = 4
CHUNK = 20_000


class Figures(NamedTuple):
    """What waiting cost: MB, share of a core; and by how many seconds the sent ones were early or late."""

    waiting: int
    megabytes: float
    busy: float
    sent: int
    earliest: float
    latest: float


def wait(bootstrap: str, at: Path, waiting: int, due: int, *, quiet: float, soon: float = 15.0) -> Figures:
    """Lay `due` records into a tier that are due `soon`, over ten seconds, and `waiting` behind them.

    The worker is started, stopped and started again while they wait; it is measured for `quiet` seconds.
    """
    names = Names.fresh("waiting")
    create_topics(bootstrap, {names.topic: PARTITIONS})
    with Partner() as partner:
        env = {**settings(bootstrap, names), **partner.env, "POSTBACK_RETRY__DELAYS": TIER}
        assert call("topics", "create", env=env, at=at).returncode == 0
        first_due = time.time() + soon + waiting / 20_000  # the time that writing them takes
        dues = [first_due + number * 10.0 / due for number in range(due)]
        _write(bootstrap, names, dues, 0)
        for begin in range(0, waiting, CHUNK):
            count = min(CHUNK, waiting - begin)
            _write(bootstrap, names, [first_due + 3_000.0] * count, due + begin)
        with Program(env, at) as program:
            program.ready()
            time.sleep(2.0)
            assert program.end() == 0
        with Program(env, at) as program:
            program.ready()
            wait_until("all are sent", lambda: len(partner.recorded) >= due, first_due + 60.0 - time.time())
            time.sleep(3.0)
            process = psutil.Process(program.pid)
            began, spent = time.monotonic(), _seconds(process)
            time.sleep(quiet)
            busy = (_seconds(process) - spent) / (time.monotonic() - began)
            megabytes = process.memory_info().rss / 1e6
            assert program.end() == 0
    to_wall = time.time() - time.monotonic()
    late = [at + to_wall - dues[int(click[2:])] for click, at in partner.arrived.items()]
    return Figures(waiting, megabytes, busy, len(late), min(late), max(late))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    spent: float = times.user + times.system
    return spent


def _write(bootstrap: str, names: Names, dues: list[float], begin: int) -> None:
    records = []
    for number, due in enumerate(dues, begin):
        headers = WorkerHeaders(attempts=1, due_at=due, origin=f"{names.topic}/0/{number}").write()
        records.append(
            Write(value(f"e-{number}", f"h-{number}"), headers=tuple(headers), partition=number % PARTITIONS)
        )
    produce(bootstrap, names.tier(TIER), records)


def main() -> None:
    """Measure on a broker of its own, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.waiting", description=main.__doc__)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=2_000)
    given = parser.parse_args()
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        print(wait(broker.bootstrap, Path(folder), given.waiting, given.due, quiet=20.0), file=sys.stdout)


if __name__ == "__main__":
    main()
