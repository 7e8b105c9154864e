"""Which partitions of the journal have the steps of a source partition.

The rule: the one of the source partition's number; or, as long as the journal had fewer partitions than that,
the one of the number modulo their count. The journal may have grown since, in one step or in several.
"""

from __future__ import annotations


def place_of(number: int, count: int) -> int:
    """The journal's partition for a source partition; the same number if the `count` is unknown (0)."""
    return number % count if count else number


def former_places(number: int, count: int) -> set[int]:
    """The others that were its place if the journal has grown to this `count`."""
    return {number % fewer for fewer in range(1, count)} - {place_of(number, count)}
