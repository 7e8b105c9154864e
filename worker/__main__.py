"""Where the process begins: `postback-worker`, and `python -m worker`.

The rule: before anything else is loaded, the process has its standard descriptors, its signal handlers, and
streams that can't block it. Otherwise, as the first process of a container, it would at first ignore a
SIGTERM.
"""

from __future__ import annotations

import gc
import os
import sys

from worker.adapters.process import signals, stderr, stdio, stdout

NEW_OBJECTS = 200_000
"""Objects between two garbage collections at start-up, where nothing is garbage: it saves an eighth."""


def main() -> None:
    """Run the command line of this process."""
    stdio.open_missing()
    gc.set_threshold(NEW_OBJECTS)
    os.environ.setdefault(
        "PYDANTIC_DISABLE_PLUGINS", "1"
    )  # otherwise pydantic searches all installed packages for plugins
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
