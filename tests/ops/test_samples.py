"""Made-up conversions."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas import decode
from worker.ops.samples import sample_events


def test_samples() -> None:
    """The made-up conversions are valid now, in each of the partner's forms, and new each time."""
    now = datetime.now(UTC)
    events = [decode(made.to_json(), now=now.timestamp()) for made in sample_events(now)]
    assert [(made.event, made.payout_text) for made in events[:4]] == [
        (None, None),
        ("purchase", "49.99"),
        ("signup", "5.00"),
        ("lead", "2.50"),
    ]
    assert [made.event for made in events[4:]] == ["signup", "purchase", "purchase"]
    assert len({made.click_id for made in events[4:]}) == 1
    assert len({made.event_id for made in [*events, *sample_events(now)]}) == 2 * len(events)
