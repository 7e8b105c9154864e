"""Where the process begins: `postback-worker`, and `python -m worker`.

The rule: a SIGTERM that comes while the program is still loading ends it too, with exit 0, for nothing is in
flight. As the first process of a container it would otherwise be ignored.
"""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line of this process."""
    signal.signal(signal.SIGTERM, lambda _signal, _frame: os._exit(0))
    from worker.cli import main as run

    run()


if __name__ == "__main__":
    main()
