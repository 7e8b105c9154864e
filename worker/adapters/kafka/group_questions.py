"""Asks about groups, without a timeout of the client's own.

The rule: librdkafka 2.16 aborts the process (its issue 4605, `rd_kafka_enq_once`) if a question times out
while the coordinator of its group is away, and the coordinator then comes back. So a question gets the
longest timeout there is, and the caller waits only as long as it likes. An abandoned question does no harm,
nor does dropping its client.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka.admin import AdminClient

LONGEST_SECONDS = 3600.0
"""The longest timeout that the client library takes."""


def ask_of_groups(
    admin: AdminClient, groups: Sequence[str], *, operations: bool = False
) -> dict[str, Future[Any]]:
    """Describe these groups, and with `operations` what this user may do with them."""
    how: dict[str, Any] = {"request_timeout": LONGEST_SECONDS, "include_authorized_operations": operations}
    return admin.describe_consumer_groups(list(groups), **how)
