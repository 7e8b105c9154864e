"""Which standing orders are in force, according to the records of the control topic.

The rules: the latest record for a key counts. An unreadable one is not ignored: it may say that nothing is to
be sent.
"""

from __future__ import annotations

import math
from typing import TypeVar

from worker.core.order_records import UnreadableOrder, key_of, read
from worker.core.orders import (
    PAUSE,
    RATE,
    CancelOrder,
    HurryOrder,
    Order,
    OrderEnd,
    PauseOrder,
    RateOrder,
    stands,
)

_Kind = TypeVar("_Kind", CancelOrder, HurryOrder)


class OrderBook:
    """The orders in force: the latest for each key. Times are epoch seconds."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self.unreadable: dict[str, str] = {}
        """Keys of unreadable orders, and why."""

    def take(self, key: bytes | None, value: bytes | None) -> Order | OrderEnd | None:
        """Take a record; return its order, None if it is none or unreadable."""
        name = key_of(key)
        if name is None:
            return None
        self._orders.pop(name, None)
        self.unreadable.pop(name, None)
        try:
            order = read(name, value)
        except UnreadableOrder as wrong:
            self.unreadable[name] = str(wrong)
            return None
        if order is not None and not isinstance(order, OrderEnd):
            self._orders[name] = order
        return order

    def clear(self) -> None:
        """Forget all, because the topic was made anew."""
        self._orders.clear()
        self.unreadable.clear()

    def pause(self, now: float) -> PauseOrder | None:
        """The pause in force."""
        order = self._orders.get(PAUSE)
        return order if isinstance(order, PauseOrder) and stands(order, now) else None

    def rate(self, now: float) -> RateOrder | None:
        """The rate in force."""
        order = self._orders.get(RATE)
        return order if isinstance(order, RateOrder) and stands(order, now) else None

    def cancels(self, now: float) -> list[CancelOrder]:
        """The cancellations in force, the oldest first."""
        return self._all(CancelOrder, now)

    def hurried(self, now: float) -> list[HurryOrder]:
        """The orders to send at once, the oldest first."""
        return self._all(HurryOrder, now)

    def standing(self, now: float) -> list[Order]:
        """All orders in force, the oldest first."""
        found = [order for order in self._orders.values() if stands(order, now)]
        return sorted(found, key=lambda order: order.provenance.at)

    def changes_at(self, now: float) -> float:
        """When the next order ends by its time; infinity if none does."""
        ends = (order.until or math.inf for order in self._orders.values())
        return min((end for end in ends if end > now), default=math.inf)

    def _all(self, kind: type[_Kind], now: float) -> list[_Kind]:
        found = [order for order in self._orders.values() if isinstance(order, kind) and stands(order, now)]
        return sorted(found, key=lambda order: order.provenance.at)
