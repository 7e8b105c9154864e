"""What a test may change of the process that all share: each finds it as the first one did, in any order.

A thread that a test began has a moment to end after it; one that goes on is named when the suite has ended.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

THREAD_ENDS_WITHIN_SECONDS = 1.0
_LIVES_WITH_THE_PROCESS = "stderr"
"""The thread that writes stderr: it ends with the process, by design."""
_PYTESTS_OWN = "PYTEST_CURRENT_TEST"
_LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)


@dataclass(frozen=True, slots=True)
class _Logger:
    """How one logger is set."""

    logger: logging.Logger
    level: int
    propagate: bool
    disabled: bool
    handlers: tuple[logging.Handler, ...]

    @classmethod
    def now(cls, logger: logging.Logger) -> _Logger:
        return cls(logger, logger.level, logger.propagate, logger.disabled, tuple(logger.handlers))

    def give_back(self) -> None:
        self.logger.setLevel(self.level)
        self.logger.propagate, self.logger.disabled = self.propagate, self.disabled
        self.logger.handlers = list(self.handlers)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """The process's shared state at one moment."""

    loggers: Mapping[str, _Logger]
    environment: Mapping[str, str]
    folder: Path
    limits: Mapping[int, tuple[int, int]]
    handlers: Mapping[signal.Signals, Any]
    thresholds: tuple[int, int, int]
    threads: frozenset[threading.Thread] = field(default_factory=frozenset)

    @classmethod
    def now(cls) -> ProcessState:
        return cls(
            loggers={logger.name: _Logger.now(logger) for logger in _loggers()},
            environment=_environment(),
            folder=Path.cwd(),
            limits={limit: resource.getrlimit(limit) for limit in _LIMITS},
            handlers={number: signal.getsignal(number) for number in _SIGNALS},
            thresholds=gc.get_threshold(),
            threads=frozenset(threading.enumerate()),
        )

    def give_back(self) -> None:
        """Have the process as it was at that moment, but for threads."""
        self._give_back_loggers()
        self._give_back_environment()
        os.chdir(self.folder)
        for limit, was in self.limits.items():
            if resource.getrlimit(limit) != was:
                resource.setrlimit(limit, was)
        for number, handler in self.handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if gc.get_threshold() != self.thresholds:
            gc.unfreeze()
            gc.set_threshold(*self.thresholds)

    def threads_left(self) -> list[str]:
        """Name the threads that were begun since, and go on."""
        deadline = time.monotonic() + THREAD_ENDS_WITHIN_SECONDS
        begun = [
            one
            for one in threading.enumerate()
            if not (one in self.threads or one.name == _LIVES_WITH_THE_PROCESS)
        ]
        for thread in begun:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in begun if thread.is_alive()]

    def _give_back_loggers(self) -> None:
        structlog.reset_defaults()
        for logger in _loggers():
            if logger.name in self.loggers:
                self.loggers[logger.name].give_back()
            else:
                _Logger(logger, logging.NOTSET, True, False, ()).give_back()

    def _give_back_environment(self) -> None:
        now = _environment()
        for name in now.keys() - self.environment.keys():
            del os.environ[name]
        os.environ.update({name: text for name, text in self.environment.items() if now.get(name) != text})


def _loggers() -> Iterable[logging.Logger]:
    known = list(logging.Logger.manager.loggerDict.values())
    return [logging.getLogger(), *(logger for logger in known if isinstance(logger, logging.Logger))]


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name != _PYTESTS_OWN}
