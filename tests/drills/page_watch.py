"""Notes when the console's page first shows an incident, watched from its beginning on.

The rule: a page that does not answer shows nothing, and is asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.client import HTTPException

from tests.drills.page import Shown

LOOK_SECONDS = 1.0


class PageWatch:
    """Looks, in a thread of its own, until `shows` is seen on its view or the watch ends.

    `began` is when the incident began (epoch seconds).
    """

    def __init__(self, look: Callable[[str], str], shows: Shown | None, began: float) -> None:
        self._look, self._shows, self._began = look, shows, began
        self._ended = threading.Event()
        self.shown: float | None = None
        """Seconds from the beginning until it was seen."""
        self._thread = threading.Thread(target=self._run, name="page-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more; idempotent."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while self._shows is not None and self.shown is None:
            try:
                if self._shows.text in self._look(self._shows.view):
                    self.shown = time.time() - self._began
            except (OSError, HTTPException):
                pass
            if self._ended.wait(LOOK_SECONDS):
                return
