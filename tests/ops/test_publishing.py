"""What is said of records that were published."""

from __future__ import annotations

from worker.adapters.kafka.bulk_publisher import RecordName
from worker.ops.publishing import Words, spans


def test_spans() -> None:
    """Places that follow each other are told as one."""
    places = [RecordName("line ", number) for number in (9, 3, 4, 5, 7)] + [RecordName("dead letter 0/", 6)]
    assert spans(places) == "dead letter 0/6, line 3-5, line 7, line 9"


def test_words() -> None:
    """One is spoken of as one."""
    words = Words("published", "event", "events")
    assert [words.counted(number) for number in (0, 1, 2)] == ["0 events", "1 event", "2 events"]
