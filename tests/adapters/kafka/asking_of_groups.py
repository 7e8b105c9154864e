"""Asks who is in a group, again and again, while its broker goes away and comes back.

`python -m tests.adapters.kafka.asking_of_groups TIMES`, in a process of its own, which the client library may
abort.
"""

from __future__ import annotations

import sys

from tests.adapters.kafka.mock import MockCluster
from worker.adapters.kafka.config import admin_config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.group_members import GroupMembers, GroupsUntold

QUICKLY = {"reconnect.backoff.max.ms": 100}
SHORT, LONG = 0.05, 2.0
"""Seconds for an answer while there is none, so that questions stay open, and while there should be one."""
MOST_QUESTIONS = 1000
"""Until a broker that is back, or away, has been noticed."""


def is_answered(groups: GroupMembers, patience: float) -> bool:
    """Whether the broker answers: that it does not know, which is all that this one says of groups."""
    try:
        groups.members(patience)
    except GroupsUntold:
        return True
    except KafkaUnavailable:
        return False
    raise AssertionError("it told")


def ask_until(groups: GroupMembers, answered: bool) -> None:
    """Ask until there is an answer, or until there is none."""
    patience = LONG if answered else SHORT
    assert any(is_answered(groups, patience) is answered for _ in range(MOST_QUESTIONS))


def main(times: int) -> None:
    """Play it."""
    with MockCluster() as cluster:
        config = admin_config(cluster.bootstrap, "asking", QUICKLY)
        with GroupMembers(config, ["a-group", "another"]) as groups:
            for _ in range(times):
                ask_until(groups, answered=True)
                cluster.down()
                ask_until(groups, answered=False)
                cluster.up()
            ask_until(groups, answered=True)
            cluster.down()
            ask_until(groups, answered=False)
        # It goes with open questions, and what comes back meets none.
        cluster.up()
        with GroupMembers(config, ["a-group"]) as groups:
            ask_until(groups, answered=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
