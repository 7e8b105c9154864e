"""Standing orders: reads those in force, and gives new ones.

The rule: an order is acknowledged on the control topic before anybody is told so. It names its giver.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.addressing import addressed
from worker.ops.broker import answering, hidden_topics, partitions_by_topic
from worker.ops.errors import CannotDo, WrongUsage
from worker.ops.pending import tier_ends, tier_logs
from worker.ops.reading import MAKE_TOPICS, opened, reading_config

if TYPE_CHECKING:
    from worker.core.event_filter import EventFilter
    from worker.core.order_book import OrderBook
    from worker.core.orders import CancelOrder, Order, OrderEnd, Provenance
    from worker.settings import Settings

TAKEN_WITHIN_SECONDS = 5.0
"""Seconds that the broker may take to acknowledge an order."""

DROP_STANDS_SECONDS = 86_400.0
"""Seconds that a drop stands after all that it means is due: a worker may be stopped, or its partner down."""


class Giver(NamedTuple):
    """Who gives an order, when (epoch seconds), and maybe why."""

    by: str
    now: float
    because: str | None = None

    @property
    def provenance(self) -> Provenance:
        """The form in an order."""
        from worker.core.orders import Provenance

        return Provenance(self.now, self.by, self.because)

    def until(self, seconds: float | None) -> float | None:
        """The end of something that lasts so long from now on."""
        return None if seconds is None else self.now + seconds


def seconds_of(text: str | None) -> float | None:
    """Read how long an order lasts, such as `30m`; raise WrongUsage."""
    from worker.settings.values import parse_duration

    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise WrongUsage([f"--for: {error}"]) from None
    if not seconds:
        raise WrongUsage(["--for: must be longer than nothing, such as 30m"])
    return seconds


def pause(settings: Settings, giver: Giver, seconds: float | None = None) -> Order:
    """Stop sending for so many seconds, or until `resume`. Raises CannotDo."""
    from worker.core.orders import PauseOrder

    order = PauseOrder(giver.provenance, giver.until(seconds))
    give(settings, order)
    return order


def resume(settings: Settings, giver: Giver) -> Order | None:
    """End the pause; return the one that was in force, if any. Raises CannotDo."""
    from worker.core.orders import PAUSE, OrderEnd

    stood = standing(settings).pause(giver.now)
    give(settings, OrderEnd(giver.provenance, PAUSE))
    return stood


def limit(
    settings: Settings, giver: Giver, per_second: float | None, seconds: float | None = None
) -> Order | OrderEnd:
    """Limit all workers together to so many attempts per second, instead of the setting.

    None ends that. Raises CannotDo.
    """
    from worker.core.orders import RATE, OrderEnd, RateOrder

    if per_second is None:
        order: Order | OrderEnd = OrderEnd(giver.provenance, RATE)
    else:
        order = RateOrder(giver.provenance, per_second, giver.until(seconds))
    give(settings, order)
    return order


def cancel(settings: Settings, giver: Giver, wanted: EventFilter, seconds: float | None) -> Order:
    """Cancel whatever matches, for so many seconds from now on. Raises CannotDo."""
    from worker.core.orders import CancelOrder

    must_name(wanted)
    order = CancelOrder(giver.provenance, token_hex(4), wanted, giver.until(seconds))
    give(settings, order)
    return order


def drop(settings: Settings, giver: Giver, wanted: EventFilter) -> Order:
    """Cancel whatever matches in the tiers now. Raises CannotDo."""
    from worker.core.orders import CancelOrder

    must_name(wanted)
    until = giver.until(longest_delay(settings) + DROP_STANDS_SECONDS)
    logs = tier_logs(settings)  # before the ends: those of a log that follows are not meant
    order = CancelOrder(giver.provenance, token_hex(4), wanted, until, True, tier_ends(settings), logs)
    give(settings, order)
    return order


def end_cancel(settings: Settings, giver: Giver, cancel_id: str) -> Order:
    """End a cancellation and return it. Raises CannotDo, also if none with this id is in force."""
    return _end_cancel(settings, standing(settings), giver, cancel_id)


def end_order(settings: Settings, giver: Giver, name: str) -> Order | OrderEnd:
    """End a cancellation, as `end_cancel` does; or an order that can't be read, and return its end.

    The latter is named by its key, or by its id where it is a cancellation. Raises CannotDo.
    """
    from worker.core.orders import CANCEL, OrderEnd

    orders = standing(settings)
    key = next((key for key in orders.unreadable if name in {key, key.removeprefix(CANCEL)}), None)
    if key is None:
        return _end_cancel(settings, orders, giver, name)
    end = OrderEnd(giver.provenance, key)
    give(settings, end)
    return end


def _end_cancel(settings: Settings, orders: OrderBook, giver: Giver, cancel_id: str) -> CancelOrder:
    from worker.core.orders import OrderEnd

    known = {order.id: order for order in orders.cancels(giver.now)}
    order = known.get(cancel_id)
    if order is None:
        stand = [*known, *orders.unreadable]
        there = f"there is {', '.join(stand)}" if stand else "none stands"
        hint = f"`{addressed('postback-worker cancel list', settings)}`"
        raise CannotDo([f"no cancellation {cancel_id} stands: {there}"], hint)
    give(settings, OrderEnd(giver.provenance, order.key))
    return order


def hurry(settings: Settings, giver: Giver, wanted: EventFilter) -> Order:
    """Make whatever matches in the tiers now due at once. Raises CannotDo."""
    from worker.core.orders import HurryOrder

    until = giver.until(longest_delay(settings))
    logs = tier_logs(settings)
    order = HurryOrder(giver.provenance, token_hex(4), wanted, until, tier_ends(settings), logs)
    give(settings, order)
    return order


def longest_delay(settings: Settings) -> float:
    """Seconds after which everything that is in a tier now is due anyway. Raises CannotDo."""
    from worker.settings.tiers import every_tier

    with answering(settings):
        return max(tier.seconds for tier in every_tier(settings, partitions_by_topic(settings)).values())


def must_name(wanted: EventFilter) -> None:
    """Raise WrongUsage for a filter that matches everything."""
    if not wanted.wanted:
        raise WrongUsage(
            ["say what is meant: --offer-id, --network, --event, --click-id, --event-id, --since, …"]
        )


def standing(settings: Settings) -> OrderBook:
    """All orders, as the workers read them. Raises CannotDo."""
    from worker.core.order_book import OrderBook
    from worker.core.order_records import key_of

    orders = OrderBook()
    with answering(settings), opened(reading_config(settings), settings.control_topic) as reader:
        for record in reader.read(reader.spans(), keep=lambda key, _: key_of(key) is not None):
            orders.take(record.key, record.value)
    return orders


def give(settings: Settings, order: Order | OrderEnd) -> None:
    """Write an order; return once the broker has acknowledged it. Raises CannotDo."""
    from worker.adapters.kafka import producer_config
    from worker.adapters.kafka.bulk_publisher import BulkPublisher, PublishStopped, RecordName
    from worker.adapters.kafka.config import unique_client_id
    from worker.core.order_records import write
    from worker.ports import PublishRefused

    topic, kafka = settings.control_topic, settings.kafka
    sending = producer_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
    # A duplicate order is harmless; and without idempotence a lacking right is a clear refusal, not a fatal
    # error.
    sending["enable.idempotence"] = False
    with answering(settings):
        _must_exist(settings, topic)
        deadline = time.monotonic() + TAKEN_WITHIN_SECONDS
        publisher = BulkPublisher(sending, topic, stop=lambda: time.monotonic() > deadline)
        _, key, value, headers, partition = write(order, topic)
        try:
            publisher.send(RecordName("order ", 1), key, value, headers, partition)
            publisher.settle()
        except PublishRefused as refusal:
            why = str(refusal).removeprefix("order 1: ")
            raise CannotDo([f"{topic} does not take the order: {why}"]) from refusal
        except PublishStopped:
            line = f"{topic}: no answer within {TAKEN_WITHIN_SECONDS:g} s; the order may stand or not"
            raise CannotDo([line], "give it again once the broker answers") from None
        finally:
            publisher.close()


def as_json(order: Order | OrderEnd, destination: str) -> Mapping[str, object]:
    """An order as an object, with its destination, and without what only workers need."""
    import json

    from worker.core.order_records import write

    fields = json.loads(write(order, "").value or b"{}")
    for name in ("tiers", "logs"):
        fields.pop(name, None)
    own_id = getattr(order, "id", None)
    return {"destination": destination, **({} if own_id is None else {"id": own_id}), **fields}


def _must_exist(settings: Settings, topic: str) -> None:
    if topic in partitions_by_topic(settings):
        return
    hidden = hidden_topics(settings, "pause").get(topic)
    if hidden is not None:
        raise CannotDo([hidden], f"this user needs WRITE and READ on the topic {topic}")
    raise CannotDo([f"topic {topic} does not exist"], MAKE_TOPICS)
