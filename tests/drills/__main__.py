"""`python -m tests.drills`: play the incidents, and exit 1 unless each goes as the runbook says."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.drills import dashboard
from tests.drills.incident import Incident, problems
from tests.drills.incidents import INCIDENTS
from tests.drills.play import play
from tests.drills.prometheus import Prometheus
from tests.drills.report import Row, table
from tests.support.broker import Broker
from tests.support.java import BrokerUnavailable

FACTOR = 60
"""How many times as fast as shipped the rules' times run."""
SIDE_BY_SIDE = 3
FOLDER = Path(".cache/drills")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play them; 0 if all went as they should, 1 if not, 2 without a broker or a Prometheus."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = [one for one in INCIDENTS if not options.only or one.slug in options.only]
    shutil.rmtree(options.folder, ignore_errors=True)
    began = time.monotonic()
    try:
        rows, unseen = _run(chosen, options)
    except (BrokerUnavailable, FileNotFoundError) as missing:
        print(missing, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: every process that was started has ended", file=sys.stderr)
        return 1
    text = table(rows)
    (options.folder / "table.md").write_text(text, "utf-8")
    print(text)
    for query in unseen:
        print(f"no value in any drill: {query}")
    print(f"{len(rows)} drills in {time.monotonic() - began:.0f} s; what each printed: {options.folder}")
    return 1 if unseen or any(row.problems for row in rows) else 0


def _run(chosen: Sequence[Incident], options: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Play the incidents, several side by side; and the queries of the dashboard that gave nothing."""
    folder = options.folder.resolve()
    folder.mkdir(parents=True)
    began = time.time()
    with Broker() as broker, Prometheus(folder / "prometheus", options.factor) as prometheus:

        def one(incident: Incident) -> Row:
            start = time.monotonic()
            seen = play(incident, broker.bootstrap, prometheus, folder / incident.slug)
            row = Row(incident, seen, problems(incident, seen), time.monotonic() - start)
            print(row.line, file=sys.stderr, flush=True)
            return row

        with ThreadPoolExecutor(options.side_by_side) as lanes:
            rows = list(lanes.map(one, chosen))
        whole = len(chosen) == len(INCIDENTS)
        return rows, dashboard.without_value(prometheus, options.factor, began) if whole else []


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    names = [incident.slug for incident in INCIDENTS]
    parser.add_argument("--only", nargs="+", default=(), choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--side-by-side", type=int, default=SIDE_BY_SIDE, help=f"at one time; default {SIDE_BY_SIDE}"
    )
    parser.add_argument(
        "--factor", type=int, default=FACTOR, help=f"the rules' times are divided by it; default {FACTOR}"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for what is printed; default {FOLDER}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
