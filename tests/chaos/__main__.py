"""`python -m tests.chaos`: kill and stop real processes, and exit 1 unless the promise held."""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Sequence

from tests.chaos.networks import NETWORKS
from tests.chaos.report import show
from tests.chaos.run import LONG, PROTOCOLS, SHORT, Plan, run
from tests.chaos.schedule import KINDS
from tests.support.java import BrokerUnavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds that were asked for, one after the other; 0 if all held, 1 if not, 2 without a broker."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seconds = options.seconds or (SHORT if options.short else LONG)
    results = []
    try:
        for seed in range(options.seed, options.seed + options.seeds):
            plan = Plan(
                seed,
                seconds,
                options.workers,
                options.rate,
                options.short,
                options.protocol,
                frozenset(options.only),
                options.keep,
                options.destinations,
                options.held_bytes,
            )
            results.append(run(plan, _say))
    except BrokerUnavailable as missing:
        _say(str(missing))
        return 2
    except KeyboardInterrupt:
        _say("interrupted: every process that was started has ended")
        return 1
    finally:
        if results:
            show(results)
    return 1 if any(result.verdict.violations for result in results) else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="default: any")
    parser.add_argument("--seeds", type=int, default=1, help="so many in a row; default 1")
    parser.add_argument("--seconds", type=float, help=f"of faults; default {LONG:.0f}, short {SHORT:.0f}")
    parser.add_argument("--workers", type=int, choices=(2, 3), default=3, help="default 3")
    parser.add_argument(
        "--destinations", type=int, choices=range(1, len(NETWORKS) + 1), default=1, help="default 1"
    )
    parser.add_argument("--rate", type=float, default=120.0, help="events a second; default 120")
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default="classic", help="of the group; default classic"
    )
    parser.add_argument("--held-bytes", default="", help="MAX_HELD_BYTES of each worker, 1MB for one")
    parser.add_argument("--only", nargs="+", default=(), choices=KINDS, help="of the faults that are dealt")
    parser.add_argument("--keep", action="store_true", help="the logs, also where the promise held")
    parser.add_argument("--short", action="store_true", help="fewer faults, within 90 seconds in all")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
