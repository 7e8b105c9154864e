"""Reads a destination's files again when they change: TLS files, and files that settings came from.

The rule: new contents count from the next request on, if all of them are right; if not, the former ones stay
in use, a line says why, and it is tried again. Requests in flight keep what they began with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from worker.adapters.file_stamps import NotRead, from_disk, look_at
from worker.adapters.http import ClientTls, SenderOptions, WrongTlsFiles, load_tls, make_sender
from worker.adapters.structlog_alone import structlog
from worker.compiled import (
    check_destination,
    compile_settings,
    sender_options,
    tls_files,
    variables_by_origin,
)
from worker.core.changed_files import AGAIN_SECONDS, LOOK_SECONDS, ChangedFiles, Look, stays
from worker.pipeline import CompiledSettings
from worker.ports import Clock, Observer, Sender
from worker.settings import Settings, SettingsError
from worker.settings.reread_files import is_of_login, takes_restart
from worker.settings.several import as_written

TELL_SECONDS = 86400.0
"""Seconds between two lines about a certificate that has expired or soon will."""

RenewSender = Callable[[Sender], Sender]
"""From a run's sender, makes the one to go on with: the same or another."""

Renew = Callable[[CompiledSettings, RenewSender], None]
"""Makes a run go on with new settings and a new sender."""


class SenderConfig(NamedTuple):
    """How requests are sent."""

    transport: Literal["direct", "session"]
    options: SenderOptions

    def instead_of(self, before: SenderConfig) -> RenewSender:
        """How to renew a former sender: a new one only if connections depend on what has changed."""
        transport, options = self

        def renew(sender: Sender) -> Sender:
            if self == before:
                return sender
            if self == (before.transport, replace(before.options, headers=options.headers)):
                sender.use_headers(options.headers)
                return sender
            return make_sender(transport, options)

        return renew


class _Found(NamedTuple):
    """The files' contents."""

    settings: Settings
    changed: list[str]
    tls: ClientTls


class Renewal:
    """For one destination, with the settings that its run began with; `renew` gets new ones."""

    def __init__(
        self, settings: Settings, tls: ClientTls, renew: Renew, observer: Observer, clock: Clock
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._sending = SenderConfig(settings.destination.transport, sender_options(settings, tls))
        self._renew = renew
        self._observer = observer
        self._clock = clock
        self._log = structlog.get_logger("worker")
        self._files = ChangedFiles()
        self._problems: Sequence[str] = ()
        self._again_at = float("inf")
        self._told: Sequence[str] = tls.warnings(clock.now())
        self._told_at = clock.now()

    async def run(self) -> None:
        """Look now and then; returns only if there are no files."""
        while self._paths():
            with suppress(NotRead):  # the next look tries again
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look at the files once, and act on changes."""
        look = await from_disk(partial(look_at, self._paths()))
        self._tell_of_certificates()
        if self._files.look(look) or self._clock.monotonic() >= self._again_at:
            await self._read(look)

    def _paths(self) -> list[Path]:
        files = self._settings.files
        values = [] if files is None else list(files.paths.values())
        return [*values, *tls_files(self._settings).named.values()]

    async def _read(self, look: Look) -> None:
        """Read what has changed, unless it changes again meanwhile."""
        try:
            found = await from_disk(partial(_read, self._settings))
            problems = await self._problems_of(found)
        except (SettingsError, WrongTlsFiles) as wrong:
            found, problems = None, list(wrong.problems)
        if await from_disk(partial(look_at, look)) != look:
            return
        self._files.take(look)
        if found is not None and not problems:
            self._take(found)
        self._tell_of(problems)

    async def _problems_of(self, found: _Found) -> list[str]:
        """What is wrong with readable files: a certificate's validity, or where postbacks would go."""
        problems = [] if found.tls.digests == self._tls.digests else found.tls.problems(self._clock.now())
        if variables_by_origin(found.settings).keys() != variables_by_origin(self._settings).keys():
            problems += (await check_destination(found.settings))[0]
        return problems

    def _take(self, found: _Found) -> None:
        """Make the run go on with the new contents, if there are any."""
        settings, changed, tls = found
        changed = [name for name in changed if not is_of_login(name)]  # another renewal reports these
        changed += tls.changed_since(self._tls)
        if tls.digests == self._tls.digests:
            tls = self._tls  # so that open connections need not end
        sending = SenderConfig(settings.destination.transport, sender_options(settings, tls))
        renew_sender = sending.instead_of(self._sending)
        self._settings, self._tls, self._sending = settings, tls, sending
        if not changed:
            return
        self._renew(compile_settings(settings), renew_sender)
        for variable in changed:
            self._tell_of_change(variable)

    def _tell_of_change(self, variable: str) -> None:
        if takes_restart(variable):
            self._observer.trouble(f"{self._written(variable)}: its file has changed; that takes a restart")
            return
        certificate = self._tls.certificates.get(variable)
        fields = {} if certificate is None else {"certificate": str(certificate)}
        self._log.info(
            "a file has changed: it counts from now on", variable=self._written(variable), **fields
        )

    def _written(self, text: str) -> str:
        """A text with each variable as the user wrote it."""
        return as_written(self._settings, [text])[0]

    def _tell_of(self, problems: Sequence[str]) -> None:
        """Report new problems, once, and try again later."""
        problems = as_written(self._settings, problems)
        for line in problems:
            if line not in self._problems:
                self._observer.trouble(stays(line))
        self._problems = problems
        self._again_at = self._clock.monotonic() + AGAIN_SECONDS if problems else float("inf")

    def _tell_of_certificates(self) -> None:
        """Report certificates that have expired or soon will: at first, and then once a day."""
        now = self._clock.now()
        lines = self._tls.warnings(now)
        if lines != self._told or now - self._told_at >= TELL_SECONDS:
            self._told, self._told_at = lines, now
            for line in lines:
                self._observer.trouble(self._written(line))


def _read(settings: Settings) -> _Found:
    """Read all files; raise SettingsError or WrongTlsFiles."""
    reread = None if settings.files is None else settings.files.reread()
    new, changed = (settings, []) if reread is None else reread
    return _Found(new, changed, load_tls(tls_files(new)))
