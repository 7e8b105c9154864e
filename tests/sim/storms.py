"""`python -m tests.sim.storms FIRST LAST`: many storms; prints the seeds that broke a rule, and how.

The rule: a storm is its seed and the number of its acts; nothing else decides what happens in it.
"""

from __future__ import annotations

import argparse
import sys

from tests.chaos.mutants import MUTANTS
from tests.sim.storm import Storm
from tests.sim.storm_acts import storm_over
from tests.sim.storm_rules import broken
from tests.sim.virtual import run

ACTS = 60


async def weather(storm: Storm, acts: int = ACTS) -> list[str]:
    """Live through a storm; return the rules that it broke, a line each."""
    try:
        await storm_over(storm, acts)
        return broken(storm)
    finally:
        await storm.close()


def main() -> int:
    """Read the arguments, run, and return how many storms broke a rule."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.storms", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--acts", type=int, default=ACTS)
    parser.add_argument(
        "--mutant", choices=MUTANTS, help="break the program first, and stop once that is seen"
    )
    given = parser.parse_args()
    if given.mutant:
        MUTANTS[given.mutant]()
    bad = 0
    for seed in range(given.first, given.last + 1):
        storm = Storm(seed)
        if lines := run(weather(storm, given.acts)):
            bad += 1
            print(f"seed {seed}:", *storm.log, *lines, sep="\n  ", flush=True)
            if given.mutant:
                break
    print(f"{bad} of {given.last - given.first + 1} storms broke a rule")
    return bad


if __name__ == "__main__":
    sys.exit(min(main(), 1))
