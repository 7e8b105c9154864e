"""Finds the true cause among several errors of a client: the one that an operator has to mend first.

The rule: a refused login or right comes before what happened to other addresses; a time-out, which explains
nothing, is named only if there is nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka.errors import is_about_all_brokers, kafka_error, one_line

SUMMED_UP_WITHIN_SECONDS = 2.0
"""Seconds for a client to try its other addresses before its errors are weighed."""

UNREACHED_AFTER_SECONDS = 5.0
"""Seconds after which there is no point in waiting for a client that no broker lets in."""

_TURN_SECONDS = 0.1
_Answer = TypeVar("_Answer")

# librdkafka's codes are public, though these begin with an underscore.
_REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_TLS = frozenset({KafkaError._SSL})  # noqa: SLF001
_NO_ADDRESS = frozenset({KafkaError._RESOLVE})  # noqa: SLF001
_NO_CONNECTION = frozenset({KafkaError._TRANSPORT})  # noqa: SLF001
_SILENCE = frozenset({KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE})  # noqa: SLF001
_SUMMARY = frozenset({KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001
_ANYTHING_ELSE: frozenset[int] = frozenset()

_GRAVEST_FIRST = (_REFUSED, _TLS, _NO_ADDRESS, _ANYTHING_ELSE, _NO_CONNECTION, _SILENCE, _SUMMARY)


def true_cause(errors: Iterable[KafkaError]) -> KafkaError | None:
    """The gravest error, the first of equal ones; None if there is none."""
    return min(errors, key=_rank, default=None)


def _rank(error: KafkaError) -> int:
    ranks = (rank for rank, codes in enumerate(_GRAVEST_FIRST) if error.code() in codes)
    return next(ranks, _GRAVEST_FIRST.index(_ANYTHING_ELSE))


class ErrorCauses:
    """Weighs the errors of a client; `hear` may be its `error_cb`, on any thread."""

    def __init__(self) -> None:
        self._cause: KafkaError | None = None
        self._summed_up = False

    def hear(self, error: KafkaError) -> None:
        """Weigh one more."""
        self._summed_up = self._summed_up or is_about_all_brokers(error)
        self._cause = true_cause([error] if self._cause is None else [self._cause, error])

    def forget(self) -> None:
        """Forget the errors, because the client was answered."""
        self._cause, self._summed_up = None, False

    def patient(
        self, ask: Callable[[float], _Answer], poll: Callable[[float], object], within: float
    ) -> _Answer:
        """The answer of `ask` within so many seconds; raises sooner if it is known that none can come."""
        try:
            return ask(min(within, UNREACHED_AFTER_SECONDS))
        except KafkaException:
            poll(0)
            if self._is_known() or within <= UNREACHED_AFTER_SECONDS:
                raise
        return ask(within - UNREACHED_AFTER_SECONDS)

    def line(self, failure: KafkaError | BaseException | None = None) -> str:
        """The true cause of `failure`, which is weighed too, in one line; "" if nothing was heard."""
        of_failure = None if failure is None else kafka_error(failure)
        cause = true_cause(error for error in (self._cause, of_failure) if error is not None)
        if cause is not None:
            return one_line(cause)
        return "" if failure is None else one_line(failure)

    def line_of_all(self, failure: KafkaError | KafkaException, poll: Callable[[float], object]) -> str:
        """As `line`, once the client has tried all its addresses or time is up; `poll` lets it report."""
        deadline = time.monotonic() + SUMMED_UP_WITHIN_SECONDS
        poll(0)
        while not self._is_known() and time.monotonic() < deadline:
            poll(_TURN_SECONDS)
        return self.line(failure)

    def _is_known(self) -> bool:
        """Whether no graver error can come."""
        return self._summed_up or (self._cause is not None and self._cause.code() in _REFUSED)
