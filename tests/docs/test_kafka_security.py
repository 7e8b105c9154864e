"""The page on secured Kafka has the rights that the program knows of, and no other."""

from __future__ import annotations

from collections.abc import Mapping

from tests.docs.pages import ROOT
from worker.core.rights import Kind, Needs
from worker.settings import Settings
from worker.settings.rights import rights_of_commands

PAGE = ROOT / "docs/kafka-security.md"
COLUMNS = ("source", "tiers", "dead letters", "journal", "control", "groups")


def test_the_table_of_rights() -> None:
    """The page has the very table that is made of the list."""
    settings = Settings.model_validate({"retry": {"delays": "10s"}})
    made = _table(settings, rights_of_commands(settings))
    assert made in PAGE.read_text("utf-8"), made


def _table(settings: Settings, rights: Mapping[str, Needs]) -> str:
    rows = [("command", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    rows += [(f"`{command}`", *_cells(settings, needed)) for command, needed in rights.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(settings: Settings, needed: Needs) -> list[str]:
    topics = (settings.kafka.topic, settings.tier_topic(settings.tiers[0]), settings.dlq_topic)
    names = (*topics, settings.journal_topic, settings.control_topic)
    of = {resource.name: rights for resource, rights in needed.items() if resource.kind is Kind.TOPIC}
    groups = [rights for resource, rights in needed.items() if resource.kind is Kind.GROUP]
    both = "" if len(groups) != 1 else " (`{group}` alone)"
    cells = [", ".join(sorted(of.get(name, ()))) for name in names]
    return [*cells, f"{', '.join(sorted(groups[0]))}{both}" if groups else ""]
