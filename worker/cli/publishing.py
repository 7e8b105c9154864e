"""Publishing many records from a command: signals, waiting, the final counts, the exit code.

The rule: whatever ends the command, it prints the counts. Exit 0 means that all were acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from worker.cli.common import errors_shown, fail_all, lacking_of, say
from worker.cli.interrupts import Interrupts

if TYPE_CHECKING:
    from worker.ops.publishing import NamedRecord, Words
    from worker.settings import Settings


def waits(why: str) -> None:
    """Say that the command waits for the broker, and why."""
    say(f"waiting for the broker: {why} (Ctrl-C ends it)")


def deliver(
    settings: Settings,
    items: Iterable[NamedRecord],
    total: int | None,
    words: Words,
) -> None:
    """Publish to the source topic, await every answer, and print the counts.

    `total` is the number of items, None if unknown; a CannotDo raised by `items` ends them and is printed.
    Exits 1 unless all were acknowledged; a signal raises KeyboardInterrupt after the counts.
    """
    from worker.ops import publishing
    from worker.ops.source import source_publisher

    topic = settings.kafka.topic
    with Interrupts() as interrupts, errors_shown():
        publisher = source_publisher(settings, lambda: interrupts.pending, waits)
        account = publishing.deliver(publisher, interrupts.each(items), total, words, topic)
    print(f"{words.done} {words.counted(account.acknowledged)} to {topic}")
    if (
        account.interrupted or interrupts.pending
    ):  # a signal that came too late to interrupt it ends what follows
        for line in account.troubles:
            say(f"error: {line}")
        raise KeyboardInterrupt
    if account.troubles:
        rights, hint = lacking_of(account.troubles)
        fail_all([*rights, *account.troubles], hint)
