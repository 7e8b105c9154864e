"""The members of groups, asked for again and again with one client. Blocking.

The rule: one client serves all questions. A question that is not answered in time is asked again while the
former one stays open; the client is replaced only if nothing was answered for long.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import KafkaUnavailable, error_code, made_from_settings, one_line
from worker.adapters.kafka.group_questions import ask_of_groups

ANSWER_SECONDS, ASK_AGAIN_SECONDS = 8.0, 0.5
"""Seconds for an answer, and between two tries while the broker still looks for the coordinator."""

SILENT_SECONDS = 4.0
"""Seconds without an answer before the client is replaced: some never recover, as in a new cluster."""


class GroupsUntold(KafkaUnavailable):
    """This broker does not tell who is in a group; the embedded one does not."""


class _NoAnswer(KafkaUnavailable):
    """The client says nothing at all."""


class GroupMembers:
    """A context manager; `config` is made by `admin_config`.

    Raises KafkaUnavailable for bad settings.
    """

    def __init__(self, config: Config, groups: Sequence[str]) -> None:
        self._config, self._groups = config, groups
        self._causes = ErrorCauses()
        self._silent_since: float | None = None
        self._admin = self._client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the client."""
        del self._admin

    def members(self, within: float = ANSWER_SECONDS) -> dict[str, list[str]]:
        """The client ids of each group's members, in order. Raises KafkaUnavailable, GroupsUntold.

        A broker that has just started may not know the coordinator yet: it is asked again.
        """
        deadline = time.monotonic() + within
        while True:
            self._renew_where_silent()
            try:
                return self._heard(min(deadline, time.monotonic() + SILENT_SECONDS))
            except _NoAnswer:
                if time.monotonic() + ASK_AGAIN_SECONDS > deadline:
                    raise
            except KafkaException as error:
                if error_code(error) == KafkaError._UNSUPPORTED_FEATURE:  # noqa: SLF001 - public, whatever its name
                    raise GroupsUntold(one_line(error)) from error
                is_refused = error_code(error) == KafkaError.GROUP_AUTHORIZATION_FAILED
                if is_refused or time.monotonic() + ASK_AGAIN_SECONDS > deadline:
                    raise KafkaUnavailable(self._causes.line(error)) from error
            time.sleep(ASK_AGAIN_SECONDS)

    def _client(self) -> AdminClient:
        settings: dict[str, Any] = {**self._config, **QUIET, "error_cb": self._causes.hear}
        with made_from_settings():
            return AdminClient(settings)

    def _renew_where_silent(self) -> None:
        if self._silent_since is not None and time.monotonic() - self._silent_since >= SILENT_SECONDS:
            self._admin, self._silent_since = self._client(), None

    def _heard(self, deadline: float) -> dict[str, list[str]]:
        """The answers, once all are there; raise KafkaException if one is an error."""
        asked_at = time.monotonic()
        answers = ask_of_groups(self._admin, self._groups)
        is_open = wait(answers.values(), max(0.0, deadline - asked_at)).not_done
        self._admin.poll(0)  # lets the client report its own errors
        if is_open:
            self._silent_since = self._silent_since or asked_at
            raise _NoAnswer(self._causes.line() or "no answer")
        self._silent_since = None
        told = {
            group: [member.client_id for member in answers[group].result().members] for group in self._groups
        }
        self._causes.forget()
        return told
