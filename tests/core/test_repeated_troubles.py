"""Troubles that are told again and again."""

from __future__ import annotations

from worker.core.repeated_troubles import REPEAT_AFTER_SECONDS, RepeatedTroubles


def test_troubles() -> None:
    """The same trouble is news again only after a while, whatever numbers it holds; another is at once."""
    troubles = RepeatedTroubles()
    assert troubles.is_news("1/3 brokers are down", 0.0)
    assert not troubles.is_news("2/3 brokers are down", REPEAT_AFTER_SECONDS - 1)
    assert troubles.is_news("no such topic", 1.0)
    assert troubles.is_news("3/3 brokers are down", REPEAT_AFTER_SECONDS)


def test_troubles_are_bounded() -> None:
    """However many different troubles there are, few are remembered."""
    troubles = RepeatedTroubles()
    for letter in range(1000):
        troubles.is_news(chr(0x4E00 + letter), 0.0)
    assert len(troubles._told) <= RepeatedTroubles._MOST_TROUBLES
