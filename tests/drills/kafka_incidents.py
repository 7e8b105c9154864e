"""Incidents whose cause is at Kafka: it is away, a topic is gone, a topic refuses."""

from __future__ import annotations

import re
from uuid import uuid4

from confluent_kafka import Producer

from tests.chaos.operator import limit
from tests.drills.incident import BURNS, Incident
from tests.drills.partner import Answer
from tests.drills.stage import Stage
from tests.support.kafka import WITHIN

SEVERAL = {
    "DESTINATION__NAME": "",
    "DESTINATION__URL": "",
    "DESTINATIONS__TRANSACTION__URL": "{url}",
    "DESTINATIONS__OTHERS__URL": "{url}",
    "DESTINATIONS__OTHERS__WHEN__NETWORK": "others",
}
"""Two destinations, of which one takes nothing of what comes."""
FIRST_TIER = "1s"
FOLLOWS = frozenset({"PostbackSourceOld", "PostbackTierOverdue", *BURNS})
"""Nothing goes on where something is refused: what waits grows old."""

_MAKES_ROOM = re.compile(
    r"kafka-configs\.sh --bootstrap-server HOST:PORT --alter --topic \S+ --add-config \S+=\d+"
)
_ABORTS = re.compile(r"abort --topic \S+ --partition \d+ --start-offset \d+")


def _kill_kafka(stage: Stage) -> None:
    stage.broker.kill()


def _start_kafka(stage: Stage) -> None:
    stage.broker.start()


def _delete_a_tier(stage: Stage) -> None:
    """Delete it while a fifth of what is sent has to go there."""
    stage.partner.way = lambda query: Answer(500 if query["click_id"].endswith(("0", "5")) else 200)
    (gone,) = stage.admin.delete_topics([stage.names.tier(FIRST_TIER)]).values()
    gone.result(WITHIN)


def _let_it_record(stage: Stage) -> None:
    stage.partner.way = lambda _: Answer()


def _limit_journal(stage: Stage) -> None:
    limit(stage.admin, [stage.names.journal], 1)


def _do_as_the_line_says(stage: Stage) -> None:
    """Give the command that the line of the refusal names."""
    stage.shell(said(_MAKES_ROOM, stage).replace("HOST:PORT", stage.bootstrap))


def said(command: re.Pattern[str], stage: Stage) -> str:
    """The command of this form that one of those before has named."""
    found = command.search("\n".join(stage.outputs))
    assert found is not None, f"no {command.pattern} is named"
    return found[0].strip()


def _leave_a_transaction_open(stage: Stage) -> None:
    own = {"transactional.id": uuid4().hex, "transaction.timeout.ms": 600_000, "log_level": 0}
    producer = Producer({"bootstrap.servers": stage.bootstrap, **own})
    producer.init_transactions(WITHIN)
    producer.begin_transaction()
    producer.produce(stage.names.topic, "left", "left")
    producer.flush(WITHIN)
    stage.at_its_end(producer.purge)


def _abort_it(stage: Stage) -> None:
    """Give the second of the commands that the line names; the first tells whose the transaction is."""
    stage.shell(f"kafka-transactions.sh --bootstrap-server {stage.bootstrap} {said(_ABORTS, stage)}")


READY = "curl -s HOST:8080/readyz | jq ."

KAFKA_INCIDENTS = (
    Incident(
        name="Transaction",
        fires="PostbackPartitionSilent",
        explains=["curl -s HOST:8080/readyz | jq .destinations.NAME.silent"],
        says="neither committed nor aborted",
        begins=_leave_a_transaction_open,
        repairs=_abort_it,
        repaired_by="the `kafka-transactions.sh` of the line",
        settings=SEVERAL,
    ),
    Incident(
        name="Kafka down",
        fires="PostbackNothingAssigned",
        explains=[READY, "postback-worker config check --online"],
        says="the broker does not answer",
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
        begins=_delete_a_tier,
        ends=["postback-worker topics create"],
        repairs=_let_it_record,
        follows=FOLLOWS,
    ),
    Incident(
        name="Journal refused",
        fires="PostbackPublishRefused",
        explains=[READY, "postback-worker topics check"],
        says="max.message.bytes",
        begins=_limit_journal,
        repairs=_do_as_the_line_says,
        repaired_by="the `kafka-configs.sh` of the line",
        follows=FOLLOWS,
    ),
)
