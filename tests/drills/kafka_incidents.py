"""Incidents whose cause is at Kafka: it is away, a topic is gone, a topic refuses."""

from __future__ import annotations

import re

from confluent_kafka import Producer

from tests.chaos.operator import limit
from tests.drills.incident import BURNS, Incident
from tests.drills.page import Shown
from tests.drills.partner import Answer
from tests.drills.stage import Stage
from tests.support.kafka import WITHIN, wait_until

SEVERAL = {
    "DESTINATION__NAME": "",
    "DESTINATION__URL": "",
    "DESTINATIONS__TRANSACTION__URL": "{url}",
    "DESTINATIONS__OTHERS__URL": "{url}",
    "DESTINATIONS__OTHERS__WHEN__NETWORK": "others",
}
"""Two destinations, of which one takes nothing of what comes."""
FIRST_TIER = "1s"
FOLLOWS = frozenset({"PostbackNotDelivering", "PostbackSourceOld", "PostbackTierOverdue", *BURNS})
"""Nothing goes on where something is refused: what waits grows old."""

_MAKES_ROOM = re.compile(
    r"kafka-configs\.sh --bootstrap-server HOST:PORT --alter --topic \S+ --add-config \S+=\d+"
)


def _kill_kafka(stage: Stage) -> None:
    stage.broker.kill()


def _start_kafka(stage: Stage) -> None:
    stage.broker.start()


def _delete_a_tier(stage: Stage) -> None:
    """Delete it while it is empty (what lies there is gone); then a fifth of what is sent has to go there."""
    tier = stage.names.tier(FIRST_TIER)
    (gone,) = stage.admin.delete_topics([tier]).values()
    gone.result(WITHIN)
    wait_until(f"{tier} is gone", lambda: tier not in stage.admin.list_topics(timeout=WITHIN).topics)
    stage.partner.way = lambda query: Answer(500 if query["click_id"].endswith(("0", "5")) else 200)


def _let_it_record(stage: Stage) -> None:
    stage.partner.way = lambda _: Answer()


def _limit_journal(stage: Stage) -> None:
    limit(stage.admin, [stage.names.journal], 1)


def _do_as_the_line_says(stage: Stage) -> None:
    """Give the command that the line of the refusal names."""
    found = _MAKES_ROOM.search("\n".join(stage.outputs))
    assert found is not None, "no line names the command that makes room"
    stage.shell(found[0].replace("HOST:PORT", stage.bootstrap))


def _leave_a_transaction_open(stage: Stage) -> None:
    producer = _transactional(stage)
    producer.begin_transaction()
    producer.produce(stage.names.topic, "left", "left")
    producer.flush(WITHIN)
    stage.at_its_end(producer.purge)


def _restart_the_producer(stage: Stage) -> None:
    """Under its `transactional.id` it ends what it left open."""
    _transactional(stage)


def _transactional(stage: Stage) -> Producer:
    own = {"transactional.id": stage.names.topic, "transaction.timeout.ms": 600_000, "log_level": 0}
    producer = Producer({"bootstrap.servers": stage.bootstrap, **own})
    producer.init_transactions(WITHIN)
    return producer


READY = "curl -s HOST:8080/readyz | jq ."

KAFKA_INCIDENTS = (
    Incident(
        name="Transaction",
        fires="PostbackPartitionSilent",
        explains=["curl -s HOST:8080/readyz | jq .destinations.NAME.silent"],
        says="neither committed nor aborted",
        begins=_leave_a_transaction_open,
        repairs=_restart_the_producer,
        repaired_by="the producer, restarted",
        follows=FOLLOWS,
        settings=SEVERAL,
    ),
    Incident(
        name="Kafka down",
        fires="PostbackNothingAssigned",
        explains=[READY, "postback-worker config check --online"],
        says="the broker does not answer",
        shows=Shown("verdict", "Kafka can't be read now"),
        begins=_kill_kafka,
        repairs=_start_kafka,
        repaired_by="Kafka's repair; workers go on by themselves",
        follows=FOLLOWS,
        own_kafka=True,
    ),
    Incident(
        name="Tier deleted",
        fires="PostbackPublishRefused",
        explains=[READY, "postback-worker topics check"],
        says="does not exist",
        shows=Shown("verdict", "does not exist"),
        begins=_delete_a_tier,
        ends=["postback-worker topics create"],
        repairs=_let_it_record,
        follows=FOLLOWS | {"PostbackTopicMadeAnew"},
    ),
    Incident(
        name="Journal refused",
        fires="PostbackPublishRefused",
        explains=[READY, "postback-worker topics check"],
        says="max.message.bytes",
        shows=Shown("destination", "max.message.bytes"),
        begins=_limit_journal,
        repairs=_do_as_the_line_says,
        repaired_by="the `kafka-configs.sh` of the line",
        follows=FOLLOWS | {"PostbackTopicSettings"},
    ),
)
