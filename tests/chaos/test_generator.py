"""The generator loses nothing to a producer that hears no broker any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.chaos import generator
from tests.chaos.logs import SENT, Sent, read_log
from worker.adapters.kafka import hearing


class NeverAnswered:
    """A producer that nobody answers."""

    def __init__(self, _settings: object) -> None:
        self.asked: list[Callable[[object, object], None]] = []

    def produce(self, *given: object) -> None:
        report = given[-1]
        assert callable(report)
        self.asked.append(report)

    def flush(self, _seconds: float) -> int:
        return len(self.asked)


class AnsweredAtOnce(NeverAnswered):
    """One whose records are acknowledged, in order, when it is flushed."""

    def flush(self, _seconds: float) -> int:
        for offset, report in enumerate(self.asked):
            at = {"timestamp": (1, 0), "partition": 0, "offset": offset}
            report(None, SimpleNamespace(**{name: lambda value=value: value for name, value in at.items()}))
        self.asked.clear()
        return 0


def test_a_deaf_producer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is replaced; what it was not answered is published by the next one, and logged once."""
    kinds = iter((NeverAnswered, AnsweredAtOnce))
    made: list[NeverAnswered] = []

    def producer(settings: object) -> NeverAnswered:
        made.append(next(kinds)(settings))
        return made[-1]

    monkeypatch.setattr(generator, "Producer", producer)
    monkeypatch.setattr(hearing, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(hearing, "is_deaf", lambda _config, client, _topic: client is made[0])
    published = generator.Generator("127.0.0.1:1", "t", tmp_path)
    published.publish(["e1", "e2"])
    late = made[0].asked[0]
    late("refused: the client was closed", None)  # nobody hears it
    published.flush()
    assert [(one.event, one.offset) for one in read_log(tmp_path / SENT, Sent)] == [("e1", 0), ("e2", 1)]
