"""Reads the files that Kafka's clients log in with again when they change: passwords, certificates.

The rule: new contents count if the client library takes all of them; if not, the former ones stay in use, a
line says why, and it is tried again. Clients finish what they are doing first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from worker.adapters.file_stamps import NotRead, from_disk, look_at
from worker.adapters.kafka.login import KafkaLogin
from worker.adapters.structlog_alone import structlog
from worker.core.changed_files import AGAIN_SECONDS, LOOK_SECONDS, ChangedFiles, stays
from worker.ports import Clock
from worker.settings import Settings, SettingsError
from worker.settings.kafka_properties import FILE_PROPERTIES, VARIABLE, problems_together, property_name
from worker.settings.reread_files import is_of_login


class LoginRenewal:
    """For the settings that all destinations share; `tell` reports what is wrong."""

    def __init__(
        self, settings: Settings, login: KafkaLogin, tell: Callable[[str], None], clock: Clock
    ) -> None:
        self._settings = settings
        self._login = login
        self._tell = tell
        self._clock = clock
        self._log = structlog.get_logger("worker")
        self._files = ChangedFiles()
        self._problem: str | None = None
        self._again_at = float("inf")
        self._variables = self._named()
        self._files.take(look_at(self._variables))  # read at start-up

    async def run(self) -> None:
        """Look now and then; returns only if there are no files."""
        while self._variables:
            with suppress(NotRead):  # the next look tries again
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look at the files once, and act on changes."""
        look = await from_disk(partial(look_at, self._variables))
        changed = self._files.look(look)
        if not changed and self._clock.monotonic() < self._again_at:
            return
        try:
            settings = await from_disk(partial(_read, self._settings))
        except SettingsError as wrong:
            self._stay("; ".join(wrong.problems))
            settings = None
        if await from_disk(partial(look_at, look)) != look:
            return  # it is changing again, and is read once it is stable
        self._files.take(look)
        if settings is not None:
            self._take(settings, [self._variables[path] for path in changed])

    def _named(self) -> Mapping[Path, str]:
        """The files, with the variable that names each."""
        files = {} if self._settings.files is None else self._settings.files.paths
        named = {path: variable for variable, path in files.items() if is_of_login(variable)}
        for name in FILE_PROPERTIES:
            if path := self._settings.kafka.properties.get(name):
                named[Path(path)] = VARIABLE + name.replace(".", "_").upper()
        return named

    def _take(self, settings: Settings, changed: list[str]) -> None:
        self._settings, self._problem, self._again_at = settings, None, float("inf")
        self._login.renew(settings.kafka.properties, [_property(variable) for variable in changed] or None)
        for variable in changed:
            self._log.info("a file has changed: Kafka's clients log in anew with it", variable=variable)

    def _stay(self, problem: str) -> None:
        """Keep the former contents; say why, once, and try again later."""
        if problem != self._problem:
            self._tell(stays(problem))
        self._problem, self._again_at = problem, self._clock.monotonic() + AGAIN_SECONDS


def _property(variable: str) -> str:
    return property_name(variable.removeprefix(VARIABLE))


def _read(settings: Settings) -> Settings:
    """Read the settings with the files' present contents; raise SettingsError if the library refuses them."""
    reread = None if settings.files is None else settings.files.reread()
    new = settings if reread is None else reread.settings
    if problems := problems_together(new.kafka.properties):
        raise SettingsError(problems)
    return new
