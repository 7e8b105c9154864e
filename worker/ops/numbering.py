"""Numbers digests 0, 1, 2 …, so that data about each can lie in columns and a million fit.

The rule: each digest has its own, constant number. It takes some thirty bytes each, where a dict takes two
hundred.
"""

from __future__ import annotations

from array import array

DIGEST_BYTES = 16

_FEWEST_BITS = 10


class Numbering:
    """The digests, in the order of their first appearance."""

    def __init__(self) -> None:
        self._highs, self._lows = array("Q"), array("Q")
        self._grow(_FEWEST_BITS)

    def __len__(self) -> int:
        return len(self._lows)

    def __contains__(self, digest: bytes) -> bool:
        return self._slots[self._slot(*_halves(digest))] != 0

    def number(self, digest: bytes) -> int:
        """The number of a digest; a new one gets the next number."""
        high, low = _halves(digest)
        slot = self._slot(high, low)
        if held := self._slots[slot]:
            return held - 1
        self._highs.append(high)
        self._lows.append(low)
        self._slots[slot] = len(self)
        if 2 * len(self) > len(self._slots):
            self._grow(self._bits + 1)
        return len(self) - 1

    def _slot(self, high: int, low: int) -> int:
        """Its slot in the hash table."""
        slot = low & self._mask
        while held := self._slots[slot]:
            if self._lows[held - 1] == low and self._highs[held - 1] == high:
                break
            slot = slot + 1 & self._mask
        return slot

    def _grow(self, bits: int) -> None:
        """Rebuild the table at a larger size; at most half of it is used, so that probes are short."""
        self._bits, self._mask = bits, (1 << bits) - 1
        self._slots = array("I", bytes(4 << bits))
        for number, low in enumerate(self._lows, 1):
            slot = low & self._mask
            while self._slots[slot]:
                slot = slot + 1 & self._mask
            self._slots[slot] = number


def _halves(digest: bytes) -> tuple[int, int]:
    half = DIGEST_BYTES // 2
    return int.from_bytes(digest[:half], "big"), int.from_bytes(digest[half:], "big")
