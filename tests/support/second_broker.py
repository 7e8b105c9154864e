"""A second broker of a cluster, which holds partitions of its own and may go away without the first."""

from __future__ import annotations

from tests.support.broker import Broker
from tests.support.ports import HOST, free_port

FIRST, SECOND = 1, 2
"""The ids of the two."""


class SecondBroker(Broker):
    """Joins the cluster of the `first`, which must run."""

    alone = ()

    def __init__(self, first: Broker) -> None:
        port = free_port()
        properties = {
            "node.id": str(SECOND),
            "process.roles": "broker",
            "listeners": f"PLAINTEXT://{HOST}:{port}",
            "controller.quorum.bootstrap.servers": first.controller,
        }
        super().__init__(port=port, properties=properties)
