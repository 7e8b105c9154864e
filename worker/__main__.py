"""Where the process begins: `postback-worker`, and `python -m worker`.

The rule: before anything else is loaded, the process has its standard descriptors, its signals, and streams
that can't stop it. As the first process of a container it would otherwise ignore a SIGTERM at first.
"""

from __future__ import annotations

import gc
import os
import sys

from worker.adapters.process import signals, stderr, stdio, stdout

NEW_OBJECTS = 200_000
"""What is made while modules load stays: to look it through for cycles again and again is an eighth of it."""


def main() -> None:
    """Run the command line of this process."""
    stdio.open_missing()
    gc.set_threshold(NEW_OBJECTS)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # else each installed package is asked for some
    try:
        signals.set_up()
        stderr.install()
        stdout.install(before=stderr.settle)
        from worker.cli import main as run

        run()
    except KeyboardInterrupt:
        with signals.last_words():
            print(signals.INTERRUPTED, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
