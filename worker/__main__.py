"""Where the process begins: `postback-worker`, and `python -m worker`.

The rule: before anything else is loaded, the process has its standard descriptors, its signals, and streams
that can't stop it. As the first process of a container it would otherwise ignore a SIGTERM at first.
"""

from __future__ import annotations

import sys

from worker.adapters.process import signals, stderr, stdio, stdout


def main() -> None:
    """Run the command line of this process."""
    stdio.open_missing()
    try:
        signals.set_up()
        stderr.install()
        stdout.install(before=stderr.settle)
        from worker.cli import main as run

        run()
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
