"""How groups are asked about: without a limit of the client's own.

The rule: librdkafka 2.16 aborts the process (its issue 4605, `rd_kafka_enq_once`) where the limit of a
question ran out while the coordinator of its group was away, and that comes back. So a question has the
longest limit that there is, and who asks waits as long as it likes. One that nobody waits for any more is
harmless, and so is a client that goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka.admin import AdminClient

LONGEST_SECONDS = 3600.0
"""The most that the client library takes. A client is not kept for so long with a question that is open."""


def ask_of_groups(
    admin: AdminClient, groups: Sequence[str], *, operations: bool = False
) -> dict[str, Future[Any]]:
    """What these groups are, and with `operations` what this user may do with them, as it comes."""
    how: dict[str, Any] = {"request_timeout": LONGEST_SECONDS, "include_authorized_operations": operations}
    return admin.describe_consumer_groups(list(groups), **how)
