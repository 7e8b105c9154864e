"""librdkafka's errors, named by what happens next: the client is dead, or the trouble may pass.

The rule: an error becomes one readable line, and the same line is not repeated all the time. It holds no
secret: the client quotes URLs that it was given, such as a token's.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from worker.core.masking import credentials_masked
from worker.core.repeated_troubles import RepeatedTroubles

_TIMINGS = re.compile(r" \((?:after [0-9]|[0-9]+ identical).*\)")
_ADVICE = re.compile(r" \(this error[^)]*\)")
_REPEATED = re.compile(r"^(.+): [^:]*atal[^:]* error: \1$")
# librdkafka's codes are public, though these begin with an underscore.
_DEADLY = frozenset({KafkaError._FATAL, KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID})  # noqa: SLF001
_AWAY = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._WAIT_COORD})  # noqa: SLF001
_OF_TOPIC = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)

_LEADERLESS = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._DESTROY_BROKER,  # noqa: SLF001 - the leader that was asked has just left the metadata
    }
)

_LACKS_A_RIGHT = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)

END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001
"""Not an error: the client has read everything."""

NONE_HAS_A_LEADER = KafkaError._UNKNOWN_PARTITION  # noqa: SLF001
"""Of offsets at a time of partitions of which none has a leader; else each has an answer of its own."""

NO_ANSWER = "no answer: timed out"

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
"""Codes for a record, or its batch, that is larger than the topic allows."""


_REMEDIES = {
    KafkaError.FENCED_INSTANCE_ID: (
        "another member has the same group.instance.id: give each worker one of its own"
    ),
    KafkaError.UNRELEASED_INSTANCE_ID: (
        "it is tried again until that one has left, or its session has ended; "
        "if it is another worker, give each a group.instance.id of its own"
    ),
    # The answer to a member with group.protocol=consumer if the group's members speak the classic protocol.
    KafkaError.GROUP_ID_NOT_FOUND: (
        "the group's members speak the other group.protocol: "
        "stop all of them before the first one with the new"
    ),
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: (
        "the group's members have another group.protocol or assignment strategy: give all of them the same"
    ),
}
"""What to do, for errors that do not say it themselves."""

_BEHIND_A_REFUSAL = {
    KafkaError.INVALID_TIMESTAMP: (
        "this machine's clock and the broker's differ by more than the topic takes (its "
        "message.timestamp.after.max.ms: an hour ahead by default; or message.timestamp.before.max.ms)"
    ),
    # The answer to a batch of several such records, too.
    KafkaError.INVALID_RECORD: (
        "is this machine's clock ahead of the broker's, or the topic compacted and this without a key?"
    ),
}
"""What may be behind the broker's refusal of a record, for errors that do not say it themselves."""

_UNSURE = frozenset(
    {
        KafkaError.DUPLICATE_SEQUENCE_NUMBER,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)


class KafkaUnavailable(Exception):
    """Kafka did not answer, or refused; the message is one readable line.

    `refused` says that this user lacks a right: asking again is useless until somebody grants it.
    `leaderless` says that brokers answer, but none leads some partition.
    """

    def __init__(self, line: str, *, refused: bool = False, leaderless: bool = False) -> None:
        super().__init__(line)
        self.refused = refused
        self.leaderless = leaderless


@contextmanager
def made_from_settings() -> Iterator[None]:
    """Raise KafkaUnavailable where the client refuses the settings that it is made from."""
    try:
        yield
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaUnavailable(one_line(error)) from error


def one_line(error: KafkaError | KafkaException | BaseException) -> str:
    """An error in one line, without the timings that make each repetition different."""
    cause = kafka_error(error)
    text = str(error) if cause is None else cause.str()
    line = " ".join(_ADVICE.sub("", _TIMINGS.sub("", text)).split()) or type(error).__name__
    return credentials_masked(line)


def kafka_error(error: KafkaError | BaseException) -> KafkaError | None:
    """The KafkaError inside an exception of the client, if there is one."""
    if isinstance(error, KafkaError):
        return error
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else None
    return inner if isinstance(inner, KafkaError) else None


def error_code(error: KafkaError | BaseException) -> int | None:
    """The code of an error of the client; None for any other."""
    cause = kafka_error(error)
    return None if cause is None else cause.code()


def ignore(_error: KafkaError) -> None:
    """An `error_cb` that says nothing: the call that fails says it, or other clients do."""


def is_refusal(error: KafkaError | BaseException) -> bool:
    """Whether it says that this user lacks a right."""
    if isinstance(error, KafkaUnavailable):
        return error.refused
    return error_code(error) in _LACKS_A_RIGHT


def is_about_group(error: KafkaError) -> bool:
    """Whether it says that the group is refused to this user."""
    return bool(error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED)


def is_deadly(error: KafkaError) -> bool:
    """Whether the client that reports this is dead."""
    return error.fatal() or error.code() in _DEADLY


def is_fenced(error: KafkaError) -> bool:
    """Whether it says that another member has taken the instance id; a fatal error says so in words."""
    return KafkaError(KafkaError.FENCED_INSTANCE_ID).str() in error.str()


def is_unreleased(error: KafkaError) -> bool:
    """Whether it says that another member still has the instance id; a fatal error says so in words."""
    return KafkaError(KafkaError.UNRELEASED_INSTANCE_ID).str() in error.str()


def is_away(error: KafkaError | BaseException) -> bool:
    """Whether nobody answered."""
    return error_code(error) in _AWAY


def is_unusable(error: KafkaError) -> bool:
    """Whether it says that an offset can't be used."""
    return error.code() == KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - public, whatever its first letter says


def is_leaderless(error: KafkaError | BaseException) -> bool:
    """Whether a partition's leader is changing, or the client does not know it yet, or there is none."""
    return error_code(error) in _LEADERLESS


def is_about_all_brokers(error: KafkaError) -> bool:
    """Whether it only sums up the errors of all brokers."""
    return error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - public, as those above


def is_about_topic(error: KafkaError | BaseException) -> bool:
    """Whether the client will refuse the topic until it sees it again in metadata."""
    return error_code(error) in _OF_TOPIC


def remedy(error: KafkaError | BaseException) -> str:
    """What ended a member of a group, in one line, and what to do about it, if known."""
    cause = kafka_error(error)
    text = _REPEATED.sub(r"\1", one_line(error).removeprefix("Fatal error: "))
    known = None if cause is None else _remedy_of(cause, text)
    return text if known is None else f"{text}: {known}"


def _remedy_of(cause: KafkaError, text: str) -> str | None:
    """By the code; a fatal error has a code of its own, and quotes the original error in words."""
    words = {KafkaError(code).str(): known for code, known in _REMEDIES.items()}
    return _REMEDIES.get(cause.code()) or next((words[said] for said in words if said in text), None)


def refusal_line(error: KafkaError | BaseException) -> str:
    """Why the broker does not take a record, in one line, and what may be behind it, if known."""
    cause = kafka_error(error)
    known = None if cause is None else _BEHIND_A_REFUSAL.get(cause.code())
    return one_line(error) if known is None else f"{one_line(error)}: {known}"


def may_be_there(error: KafkaError) -> bool:
    """Whether a record with this delivery report may be on its topic all the same.

    A broker's refusal is certain, except those that come after the write; a client's report, such as that
    it gave up, is not.
    """
    return error.code() in _UNSURE or (error.code() < 0 and error.code() not in _OF_TOPIC)


class LimitedLog:
    """The client's logger: passes on the same line at most once in REPEAT_AFTER_SECONDS.

    While a broker is away, the client logs each attempt to reach it, many times a second.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._troubles = RepeatedTroubles()

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Log a line; called by the client."""
        text = credentials_masked(_TIMINGS.sub("", message % arguments if arguments else message))
        if text.startswith("FATAL"):
            return  # the client's owner reports it and ends
        if level < logging.INFO or self._troubles.is_news(text, time.monotonic()):
            self._logger.log(level, "%s", text)
