"""The settings of the clients."""

from __future__ import annotations

import ctypes
import re
import tempfile
from pathlib import Path

import confluent_kafka.cimpl
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from worker.adapters.kafka.config import (
    BATCH_BYTES,
    BULK_RECORDS,
    CONSUMER_ONLY,
    PRODUCER_ONLY,
    admin_config,
    alone,
    consumer_config,
    fitted,
    in_bulk,
    is_incremental,
    producer_config,
    unique_client_id,
)
from worker.settings.byte_bounds import ByteBounds


@pytest.fixture(scope="module")
def documented() -> dict[str, set[str]]:
    """Which kinds of client (`C`, `P`, `*`) know each property, as the loaded librdkafka says."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    show = ctypes.CDLL(confluent_kafka.cimpl.__file__).rd_kafka_conf_properties_show
    with tempfile.NamedTemporaryFile() as table:
        stream = ctypes.c_void_p(libc.fopen(table.name.encode(), b"w"))
        show(stream)
        libc.fclose(stream)
        text = Path(table.name).read_text()
    kinds: dict[str, set[str]] = {}
    for name, kind in re.findall(r"^([a-z_.0-9]+) +\| +([CP*]) +\|", text, re.MULTILINE):
        kinds.setdefault(name, set()).add(kind)
    return kinds


def test_consumers_own(documented: dict[str, set[str]]) -> None:
    """Each property that is kept from producers is one that only consumers know."""
    assert {name for name in CONSUMER_ONLY if documented[name] != {"C"}} == set()


def test_producers_own(documented: dict[str, set[str]]) -> None:
    """Each property that is kept from consumers is one that only producers know."""
    assert {name for name in PRODUCER_ONLY if documented[name] != {"P"}} == set()


def test_split() -> None:
    """A property reaches the kinds of client that know it, and no other."""
    properties = {"session.timeout.ms": "9000", "compression.type": "lz4", "socket.keepalive.enable": "true"}
    consumer = consumer_config("b", "g", "c", properties)
    producer = producer_config("b", "c", properties)
    admin = admin_config("b", "c", properties)
    assert [name in consumer for name in properties] == [True, False, True]
    assert [name in producer for name in properties] == [False, True, True]
    assert [name in admin for name in properties] == [False, False, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "true"),
        ("auto.offset.reset", "latest"),
        ("allow.auto.create.topics", "true"),
        ("group.id", "other"),
        ("bootstrap.servers", "other"),
    ],
)
def test_no_property_weakens_the_consumer(name: str, value: str) -> None:
    """What the delivery stands on can't be set from outside."""
    assert consumer_config("b", "g", "c", {name: value}) == consumer_config("b", "g", "c", {})


@pytest.mark.parametrize("name", ["acks", "enable.idempotence"])
def test_no_property_weakens_the_producer(name: str) -> None:
    """What an acknowledgement stands on can't be set from outside."""
    assert producer_config("b", "c", {name: "0"}) == producer_config("b", "c", {})


def test_properties_over_defaults() -> None:
    """A user's property wins over a default."""
    assert consumer_config("b", "g", "c", {"fetch.wait.max.ms": "7"})["fetch.wait.max.ms"] == "7"
    assert producer_config("b", "c", {"linger.ms": "7"})["linger.ms"] == "7"


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"partition.assignment.strategy": "range,roundrobin"},
        {"group.protocol": "consumer"},
        {"group.protocol": "consumer", "session.timeout.ms": "9000"},
    ],
)
def test_taken_by_the_client(properties: dict[str, str]) -> None:
    """Librdkafka takes the settings, with either protocol of the group."""
    Consumer({**consumer_config("127.0.0.1:1", "g", "c", properties)}).close()
    Producer({**producer_config("127.0.0.1:1", "c", properties)}).flush(0)
    AdminClient({**admin_config("127.0.0.1:1", "c", properties)})


@pytest.mark.parametrize("properties", [{}, {"message.max.bytes": "5000000"}])
@pytest.mark.parametrize("most", [1_000_000, 64_000_000 // 16, 64_000_000 // 5, 64_000_000])
def test_a_small_share_of_bytes(most: int, properties: dict[str, str]) -> None:
    """A consumer starts with any share of the bytes, and whatever the largest record for a producer is."""
    client = ByteBounds.of(most).client
    Consumer(consumer_config("127.0.0.1:1", "g", "me", properties, client)).close()


@pytest.mark.parametrize(
    ("properties", "incremental"),
    [
        ({}, True),
        ({"partition.assignment.strategy": "range,roundrobin"}, False),
        ({"group.protocol": "consumer"}, True),
        ({"group.protocol": "CONSUMER", "partition.assignment.strategy": "range"}, True),
    ],
)
def test_how_assignments_come(properties: dict[str, str], incremental: bool) -> None:
    """Assignments come as changes with the cooperative strategy and the new protocol, else whole."""
    assert is_incremental(consumer_config("b", "g", "c", properties)) is incremental


def test_client_ids() -> None:
    """No two clients share an id, and each shows its group."""
    first, second = unique_client_id("g"), unique_client_id("g")
    assert first != second
    assert first.startswith("g-")


@pytest.mark.parametrize("name", ["delivery.timeout.ms", "message.timeout.ms", "retries"])
def test_no_property_makes_the_producer_give_up(name: str) -> None:
    """A producer waits for an acknowledgement as long as it takes: one given up may be on its topic."""
    config = producer_config("b", "c", {name: "1"})
    assert config == producer_config("b", "c", {})
    assert config["delivery.timeout.ms"] == 0


@pytest.mark.parametrize(
    ("properties", "limit", "size"),
    [
        ({}, None, BATCH_BYTES),
        ({}, 2_000_000, BATCH_BYTES),
        ({}, 20_000, 20_000),
        ({"batch.size": "30000"}, 20_000, 20_000),
        ({"batch.size": "10000"}, 20_000, 10_000),
        ({}, 0, 1),
    ],
)
def test_batches_fit(properties: dict[str, str], limit: int | None, size: int) -> None:
    """A batch is no larger than the topics take, nor than the user wants it."""
    assert int(fitted(producer_config("b", "c", properties), limit)["batch.size"]) == size


@pytest.mark.parametrize("name", ["compression.type", "compression.codec"])
def test_compression(name: str) -> None:
    """What is published is compressed as the user wants it; what is sent alone, as tightly as can be."""
    assert producer_config("b", "c", {})["compression.type"] == "zstd"
    config = producer_config("b", "c", {name: "none"})
    assert config[name] == "none"
    assert list(config).index(name) >= list(config).index("compression.type")  # the client takes the last
    assert (alone(config)["compression.type"], alone(config)["batch.num.messages"]) == ("zstd", 1)
    assert "compression.codec" not in alone(config)
    Producer({**alone(config)}).flush(0)


def test_in_bulk() -> None:
    """The third producer waits longer and packs cheaper, whatever the user chose; all else is as given."""
    given = producer_config("b:1", "me", {"linger.ms": 0, "compression.codec": "gzip", "retry.backoff.ms": 7})
    made = in_bulk(given)
    assert (made["linger.ms"], made["compression.type"], made["client.id"]) == (100, "lz4", "me-bulk")
    assert "compression.codec" not in made
    assert made["batch.num.messages"] == BULK_RECORDS
    assert in_bulk(given | {"batch.num.messages": "7"})["batch.num.messages"] == 7
    assert (made["retry.backoff.ms"], made["acks"], made["enable.idempotence"]) == (7, "all", True)
    Producer(made)


@pytest.mark.parametrize("most", [1_000_000, 4_000_000, 64_000_000])
@pytest.mark.parametrize("given", [{}, {"message.max.bytes": "10000000"}])
def test_small_fetches(most: int, given: dict[str, str]) -> None:
    """A consumer is made, however few bytes it may hold and however large a record may be published."""
    config = consumer_config("127.0.0.1:1", "g", "c", given, ByteBounds.of(most).client)
    Consumer(config).close()
    assert int(config["fetch.max.bytes"]) == ByteBounds.of(most).client["fetch.max.bytes"]
