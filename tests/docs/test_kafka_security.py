"""The page on secured Kafka has the rights that the program knows of, and no other."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.docs.command_lines import every_command
from tests.docs.pages import ROOT
from worker.core.rights import Needs, ResourceKind
from worker.settings import Settings
from worker.settings.command_rights import rights_of_commands

PAGE = ROOT / "docs/kafka-security.md"
ASK_NO_BROKER = {
    *("config schema", "config show", "demo", "destinations", "destinations show", "healthcheck"),
    *("schema asyncapi", "schema event", "send"),
}
COLUMNS = ("source", "tiers", "dead letters", "journal", "control", "groups")


def test_the_table_of_rights() -> None:
    """The page has the very table that is made of the list."""
    settings = Settings.model_validate({"retry": {"delays": "10s"}})
    made = _table(settings, rights_of_commands(settings))
    assert made in PAGE.read_text("utf-8"), made


def test_each_command_has_its_rights() -> None:
    """Each command, and each part of one, is on the list, but for those that ask no broker."""
    assert every_command() - rights_of_commands(Settings()).keys() == ASK_NO_BROKER


def test_one_list() -> None:
    """SECURITY.md names no right by itself, which would soon be wrong; it leads to the list."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert re.findall(r"\b(?:READ|WRITE|DESCRIBE|CREATE|ALTER|DELETE)\b", text) == []
    assert "(docs/kafka-security.md#rights)" in text


def _table(settings: Settings, rights: Mapping[str, Needs]) -> str:
    rows = [("command", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    rows += [(f"`{command}`", *_cells(settings, needed)) for command, needed in rights.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(settings: Settings, needed: Needs) -> list[str]:
    topics = (settings.kafka.topic, settings.tier_topic(settings.tiers[0]), settings.dlq_topic)
    names = (*topics, settings.journal_topic, settings.control_topic)
    of = {resource.name: rights for resource, rights in needed.items() if resource.kind is ResourceKind.TOPIC}
    groups = {
        resource.name: rights for resource, rights in needed.items() if resource.kind is ResourceKind.GROUP
    }
    cells = [", ".join(sorted(of.get(name, ()))) for name in names]
    return [*cells, _of_groups(settings, groups)]


def _of_groups(settings: Settings, groups: Mapping[str, frozenset[str]]) -> str:
    """The right that both groups take, or which of them takes one."""
    if not groups:
        return ""
    (name, rights), *others = groups.items()
    only = "{group}" if name == settings.kafka.group_id else "{group}.retry"
    return ", ".join(sorted(rights)) + ("" if others else f" (`{only}` alone)")
