"""Every command that asks the broker for anything, as a test calls it."""

from __future__ import annotations

from tests.support.kafka import Names
from worker.core.rights import Needs
from worker.settings import Settings
from worker.settings.command_rights import rights_of_commands

CANCEL = "a1b2c3d4"
"""A cancellation that stands; it is given anew before each command, which may end it."""

COMMANDS = {
    "config check": ["config", "check", "--online"],
    "topics check": ["topics", "check"],
    "publish": ["publish", "examples"],
    "explain": ["explain", "e-2"],
    "status": ["status"],
    "pause": ["pause"],
    "resume": ["resume"],
    "rate": ["rate", "off"],
    "cancel": ["cancel", "--click-id", "c-1", "--yes"],
    "cancel list": ["cancel", "list"],
    "cancel end": ["cancel", "end", CANCEL],
    "waiting list": ["waiting", "list"],
    "waiting now": ["waiting", "now", "--yes"],
    "waiting drop": ["waiting", "drop", "--click-id", "c-1", "--yes"],
    "dlq list": ["dlq", "list"],
    "dlq show": ["dlq", "show", "0/0"],
    "dlq export": ["dlq", "export"],
    "dlq stats": ["dlq", "stats"],
    "dlq replay": ["dlq", "replay", "--yes", "--again"],
    "dlq purge": ["dlq", "purge", "--before", "1s", "--yes"],
}


def needed_by(names: Names) -> dict[str, Needs]:
    """The list, for these names."""
    kafka = {"topic": names.topic, "group_id": names.group}
    return dict(rights_of_commands(Settings.model_validate({"kafka": kafka, "retry": {"delays": "10s"}})))
