"""Run one contender and print what it cost, as one line of JSON: `python -m tests.bench.contend`."""

from __future__ import annotations

import argparse
import json

import uvloop

from tests.bench.contenders import CONTENDERS
from tests.bench.job import Job


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("job", help="the fields of a Job, as JSON")
    given = parser.parse_args()
    print(json.dumps(uvloop.run(CONTENDERS[given.name].load()(Job(**json.loads(given.job))))), flush=True)


if __name__ == "__main__":
    main()
