"""What goes on beside a test in a thread of its own, from `with` to the end of it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self


class Background:
    """Runs `_run`, which ends soon after `_over` is set."""

    def __init__(self, name: str, *, daemon: bool = True) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=daemon)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and wait until it has; idempotent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        raise NotImplementedError
