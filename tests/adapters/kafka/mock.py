"""librdkafka's mock cluster, through the C functions that its shared library exports.

The rule: a broker in this process, without the network, that can be told to fail. It keeps 5 MiB a partition.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from types import TracebackType

import confluent_kafka.cimpl

from worker.core.record import Partition

PRODUCE = 0
LIST_OFFSETS = 2
OFFSET_COMMIT = 8
OFFSET_FETCH = 9
HEARTBEAT = 12
"""Numbers of requests, as the protocol has them."""

_ID = 1  # the one broker's
_NOBODY = -1
_PRODUCER = 0
_TOPIC, _PARTITION, _VALUE, _FLAGS, _HEADER = 1, 3, 4, 7, 9  # kinds of arguments
_COPY = 2
_lib = ctypes.CDLL(confluent_kafka.cimpl.__file__)
_lib.rd_kafka_conf_new.restype = ctypes.c_void_p
_lib.rd_kafka_new.restype = ctypes.c_void_p
_lib.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
_lib.rd_kafka_conf_set.argtypes = [
    *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
]
_lib.rd_kafka_brokers_add.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
_lib.rd_kafka_flush.argtypes = [ctypes.c_void_p, ctypes.c_int]
_lib.rd_kafka_destroy.argtypes = [ctypes.c_void_p]
_lib.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
_lib.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
_lib.rd_kafka_mock_cluster_destroy.argtypes = [ctypes.c_void_p]
_lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
_lib.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
_lib.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
_lib.rd_kafka_mock_partition_set_leader.argtypes = [
    *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32)
]
_lib.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [ctypes.c_void_p, ctypes.c_int32]
_lib.rd_kafka_mock_broker_set_down.argtypes = [ctypes.c_void_p, ctypes.c_int32]
_lib.rd_kafka_mock_broker_set_up.argtypes = [ctypes.c_void_p, ctypes.c_int32]
_lib.rd_kafka_mock_push_request_errors_array.argtypes = [
    ctypes.c_void_p,
    ctypes.c_int16,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_int),
]


class MockCluster:
    """One broker; a context manager."""

    def __enter__(self) -> MockCluster:
        why = ctypes.create_string_buffer(512)
        configuration = _lib.rd_kafka_conf_new()
        _lib.rd_kafka_conf_set(configuration, b"log_level", b"0", why, len(why))
        self._client = _lib.rd_kafka_new(_PRODUCER, configuration, why, len(why))
        assert self._client, why.value
        self._cluster = _lib.rd_kafka_mock_cluster_new(self._client, 1)
        _lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 50)
        self.bootstrap: str = _lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _lib.rd_kafka_mock_cluster_destroy(self._cluster)
        _lib.rd_kafka_destroy(self._client)

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        assert not _lib.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def lead(self, at: Partition, *, is_led: bool) -> None:
        """Take a partition's leader away, or give it one."""
        leader = _ID if is_led else _NOBODY
        assert not _lib.rd_kafka_mock_partition_set_leader(
            self._cluster, at.topic.encode(), at.number, leader
        )

    def write_header(self, topic: str, name: bytes) -> None:
        """Write a record to partition 0 with a header that Python's client could not write."""
        _lib.rd_kafka_brokers_add(self._client, self.bootstrap.encode())
        number, size = ctypes.c_int, ctypes.c_size_t
        assert not _lib.rd_kafka_producev(
            *(ctypes.c_void_p(self._client), number(_TOPIC), topic.encode(), number(_PARTITION), number(0)),
            *(number(_VALUE), b"odd", size(3), number(_FLAGS), number(_COPY)),
            *(number(_HEADER), name, b"value", size(5), number(0)),
        )
        assert not _lib.rd_kafka_flush(self._client, 10_000)

    def down(self) -> None:
        """Close all connections, and take no more."""
        _lib.rd_kafka_mock_broker_set_down(self._cluster, _ID)

    def up(self) -> None:
        """Take connections again."""
        _lib.rd_kafka_mock_broker_set_up(self._cluster, _ID)

    def fail(self, request: int, errors: Sequence[int]) -> None:
        """Answer the next requests of a kind with these error codes."""
        codes = (ctypes.c_int * len(errors))(*errors)
        _lib.rd_kafka_mock_push_request_errors_array(self._cluster, request, len(errors), codes)

    def delay(self, request: int, milliseconds: int) -> None:
        """Answer the next request of a kind so much later."""
        number = ctypes.c_int
        assert not _lib.rd_kafka_mock_broker_push_request_error_rtts(
            *(ctypes.c_void_p(self._cluster), ctypes.c_int32(_ID), ctypes.c_int16(request)),
            *(ctypes.c_size_t(1), number(0), number(milliseconds)),
        )
