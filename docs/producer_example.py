"""A producer that publishes one conversion, as an order pipeline would: `python docs/producer_example.py`.

It needs the packages `confluent-kafka` and `schemas` alone. POSTBACK_KAFKA__BOOTSTRAP_SERVERS and
POSTBACK_KAFKA__TOPIC say where to.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer

from schemas import Click

BROKERS = os.environ.get("POSTBACK_KAFKA__BOOTSTRAP_SERVERS", "localhost:9092")
TOPIC = os.environ.get("POSTBACK_KAFKA__TOPIC", "conversions")


def main() -> int:
    """Publish, and exit 0 once the brokers have it."""
    # When the visitor lands: keep the click, in the session or a column.
    landed = Click.from_landing_url("https://shop.example/?click_id=abc123", at=datetime.now(UTC))
    if landed is None:
        return 0  # a visitor whom no network sent
    saved = landed.to_json()

    # When the order is paid, perhaps days later. The same conversion always gives the same bytes.
    paid_at = datetime.now(UTC)
    conversion = Click.from_json(saved).conversion(
        event="purchase", payout="49.99", order_id="1001", at=paid_at
    )

    failures: list[str] = []

    def on_delivery(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(str(error))

    # Idempotent: what is retried on the way is written once.
    producer = Producer({"bootstrap.servers": BROKERS, "enable.idempotence": True})
    producer.produce(TOPIC, key=conversion.click_id, value=conversion.to_json(), on_delivery=on_delivery)
    unsent = producer.flush(30)
    for line in failures or ["the brokers did not answer in time"] * bool(unsent):
        sys.stderr.write(f"not published: {line}\n")
    return 1 if failures or unsent else 0


if __name__ == "__main__":
    sys.exit(main())
