"""Publishes many records, and gives an exact account of them.

The rule: whatever ends it, the account tells acknowledged, refused, unknown and unsent records apart; only
what the broker acknowledged counts as published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.errors import CannotDo

if TYPE_CHECKING:
    from worker.adapters.kafka.bulk_publisher import BulkPublisher, RecordName
    from worker.core.record import Headers


class NamedRecord(NamedTuple):
    """One record, with its name."""

    name: RecordName
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class Words(NamedTuple):
    """The words for the records: `published 2 events`."""

    done: str
    one: str
    many: str

    def counted(self, number: int) -> str:
        """A number of records."""
        return f"1 {self.one}" if number == 1 else f"{number} {self.many}"


class PublishResult(NamedTuple):
    """The outcome: how many were acknowledged, and a line for each kind that was not.

    `interrupted` says whether a signal ended it.
    """

    acknowledged: int
    troubles: Sequence[str]
    interrupted: bool


def deliver(
    publisher: BulkPublisher,
    items: Iterator[NamedRecord],
    total: int | None,
    words: Words,
    topic: str,
) -> PublishResult:
    """Publish, await every answer, and return the account.

    `total` is the number of items, None if unknown; a CannotDo raised by the items ends them, and is
    reported.
    """
    interrupted, troubles = _send(publisher, items)
    publisher.close()
    told = [*troubles, *_account(publisher, words, topic)]
    if total is None:
        told += [_rest(publisher)] if told or interrupted else []
    elif total > publisher.handed:
        told.append(f"not sent: {words.counted(total - publisher.handed)}")
    return PublishResult(publisher.acknowledged, told, interrupted)


def _send(publisher: BulkPublisher, items: Iterator[NamedRecord]) -> tuple[bool, list[str]]:
    """Publish up to the first bad or refused one; return whether it was interrupted, and the errors."""
    from worker.adapters.kafka.bulk_publisher import PublishStopped
    from worker.adapters.kafka.errors import KafkaUnavailable
    from worker.ports import PublishRefused

    troubles: dict[str, None] = {}

    def attempt(call: Callable[[], None]) -> bool:
        try:
            call()
        except (PublishRefused, KafkaUnavailable, CannotDo) as error:
            troubles[str(error)] = None
        except PublishStopped:
            return True
        return False

    def send_all() -> None:
        for item in items:
            publisher.send(*item)

    interrupted = attempt(send_all) or attempt(publisher.settle)
    return interrupted, list(troubles)


def _account(publisher: BulkPublisher, words: Words, topic: str) -> Iterator[str]:
    """Lines about records that are not acknowledged; a single refusal has a line already."""
    if len(publisher.refused) > 1:
        yield f"refused: {words.counted(len(publisher.refused))}: {spans(publisher.refused)}"
    if publisher.unknown:
        count = words.counted(len(publisher.unknown))
        yield f"unknown: {count}, which may be on {topic} or not: {spans(publisher.unknown)}"


def _rest(publisher: BulkPublisher) -> str:
    """The line about unsent items of unknown number."""
    return f"not sent: what follows {publisher.last}" if publisher.last else "nothing was sent"


def spans(names: Sequence[RecordName]) -> str:
    """Names in one line, with consecutive ones joined: `line 3-7, line 9`."""
    ordered = sorted(set(names))
    runs = groupby(enumerate(ordered), lambda at: (at[1].of, at[1].number - at[0]))
    return ", ".join(_span([name for _, name in run]) for _, run in runs)


def _span(run: Sequence[RecordName]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1].number}"
