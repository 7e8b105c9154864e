"""What tests change of the process that they share, and get back."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import threading
from dataclasses import replace
from pathlib import Path

from tests.support.process_state import ProcessState


def test_given_back(tmp_path: Path) -> None:
    """Loggers, the environment, the folder, limits, handlers and the collector are as they were before."""
    before = ProcessState.now()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ["POSTBACK_LEFT"] = "1"
    os.environ["PATH"] = ""
    os.chdir(tmp_path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    signal.signal(signal.SIGUSR1, lambda *_: None)
    gc.set_threshold(7)
    assert ProcessState.now() != before
    before.give_back()
    assert replace(ProcessState.now(), threads=before.threads) == before


def test_threads_left() -> None:
    """A thread that goes on is named, one that ends in a moment is not."""
    before, goes_on = ProcessState.now(), threading.Event()
    threads = [threading.Thread(target=goes_on.wait, name="goes on"), threading.Thread(name="ends")]
    for thread in threads:
        thread.start()
    try:
        assert before.threads_left() == ["goes on"]
    finally:
        goes_on.set()
        for thread in threads:
            thread.join()
