"""The standing orders of a destination, and their effects during a run.

The rules: nothing is sent before they are known, nor while one of them is unreadable. What is in flight when
an order comes goes on to its ending. The rate is the whole group's: our share follows our partitions, at once
when one leaves, so that its next owner can use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

from worker.core.order_book import OrderBook
from worker.core.orders import Order, described
from worker.core.rate_share import share_of
from worker.core.record import Partition
from worker.core.repeated_troubles import RepeatedTroubles
from worker.ports import NOT_READ_YET, Control, ControlNews
from worker.runner.delivery import Delivery
from worker.runner.intake import Intake
from worker.runner.interventions import Interventions
from worker.runner.parts import DestinationParts, Surroundings

LOOK_SECONDS = 1.0
"""Seconds between two looks for orders that end by time, and at the number of partitions."""


class StandingOrders:
    """Follows the group's control topic; without topic or reader there are no orders.

    `hear` is told all news of the topic, for what else is on it.
    """

    def __init__(
        self,
        control: Control | None,
        destination: DestinationParts,
        intake: Intake,
        delivery: Delivery,
        around: Surroundings,
        hear: Callable[[ControlNews], None],
    ) -> None:
        group = destination.group
        self._hear = hear
        self._control, self._topic = control, group.control_topic
        self._source, self._counts = group.identity.source, group.partition_counts
        self._rate = destination.limits.rate
        self._partitions: Collection[Partition] = intake.partitions
        self._interventions = Interventions(destination.compiled, intake, delivery, around.clock)
        self._delivery = delivery
        self._observer, self._clock, _ = around
        self._orders = OrderBook()
        self._unread: str | None = None
        self._troubles = RepeatedTroubles()  # what can't be read is tried anew each second
        self._told: dict[str, Order] = {}
        self._told_unreadable: list[str] = []
        self._limited: tuple[float | None, float] = (None, 0.0)

    def follow(self) -> None:
        """Send nothing before the orders are known, and follow them from then on."""
        if self._control is not None and self._topic is not None:
            self._unread = NOT_READ_YET
            self._control.follow(self._topic, self)
        self.look()

    async def run(self) -> None:
        """Look for ever at what changes by time alone."""
        while True:
            now = self._clock.now()
            await asyncio.sleep(max(0.0, min(LOOK_SECONDS, self._orders.changes_at(now) - now)))
            self.look()

    def on_control(self, news: ControlNews) -> None:
        """Take news of the topic."""
        self._hear(news)
        if news.anew:
            self._orders.clear()
        for key, value in news.records:
            self._orders.take(key, value)
        if news.unread not in {None, NOT_READ_YET} and self._troubles.is_news(
            news.unread, self._clock.monotonic()
        ):
            self._observer.trouble(f"nothing is sent: {news.unread}")
        self._unread = news.unread
        self.look()

    def look(self) -> None:
        """Apply the orders as of now."""
        now = self._clock.now()
        if self._unread is None:
            self._tell(now)
        self._delivery.pause(any(self.reasons_not_ready()) or self._orders.pause(now) is not None)
        self._interventions.stand([*self._orders.cancels(now), *self._orders.hurried(now)])
        self.share_anew()

    def share_anew(self) -> None:
        """Take our share of the rate according to our present partitions."""
        order = self._orders.rate(self._clock.now())
        rate = self._rate if order is None else order.per_second
        limited = (rate, 0.0 if rate is None else self._share())
        if limited != self._limited:
            self._limited = limited
            self._delivery.gate.limit_to(*limited, self._clock.monotonic())
            self._delivery.lanes.pump()

    def took_up(self) -> None:
        """Apply the orders to new records before they can be sent."""
        self._interventions.look()

    def reasons_not_ready(self) -> Iterable[str]:
        """Why the orders are not fully known, one line each."""
        if self._unread is not None:
            yield self._unread
        for key, why in self._orders.unreadable.items():
            yield f"the order {key} of {self._topic} can't be read, and nothing is sent: {why}"

    def _share(self) -> float:
        if self._counts is None:
            return 1.0
        return share_of(self._partitions, self._source, self._counts())

    def _tell(self, now: float) -> None:
        """Report new orders, ended ones, and unreadable ones."""
        standing = {order.key: order for order in self._orders.standing(now)}
        for key, order in standing.items():
            if self._told.get(key) != order:
                self._observer.ordered(described(order))
        for key in self._told.keys() - standing.keys():
            self._observer.ordered(f"ended: {described(self._told[key])}")
        unreadable = list(self.reasons_not_ready())
        for line in unreadable:
            if line not in self._told_unreadable:
                self._observer.trouble(line)
        self._told, self._told_unreadable = standing, unreadable
