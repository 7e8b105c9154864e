"""What this user must be allowed at the broker, and what of it is lacking.

The rule: what the broker does not say is neither lacking nor granted, and is told as that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a right is for."""

    TOPIC = "topic"
    GROUP = "group"


class Resource(NamedTuple):
    """A topic or a group."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        """Say which."""
        return f"{self.kind} {self.name}"


class Refused(NamedTuple):
    """The broker does not even say anything of it to this user, and why."""

    why: str


Needs = Mapping[Resource, frozenset[str]]
"""The rights that are needed, by Kafka's names: READ, WRITE."""

Said = Mapping[Resource, frozenset[str] | Refused]
"""What the broker said that this user may do; what it said nothing of is left out."""


_LET_DESCRIBE = frozenset({"READ", "WRITE", "ALTER", "DESCRIBE"})
"""Each of these lets a user see what it is for; of others it is unknown what a refusal to show it means."""


def needs(source: str, both: Iterable[str], written: Iterable[str], groups: Iterable[str]) -> Needs:
    """What a worker needs: to read its source, to read and write `both`, to write what is `written`."""
    return {
        Resource(Kind.TOPIC, source): frozenset({"READ"}),
        **{Resource(Kind.TOPIC, topic): frozenset({"READ", "WRITE"}) for topic in both},
        **{Resource(Kind.TOPIC, topic): frozenset({"WRITE"}) for topic in written},
        **{Resource(Kind.GROUP, group): frozenset({"READ"}) for group in groups},
    }


def lacking(needed: Needs, said: Said) -> dict[Resource, str]:
    """A line for each topic and group on which a right is lacking, with what to grant."""
    lines = {}
    for resource, rights in needed.items():
        answer = said.get(resource)
        if isinstance(answer, Refused):
            lines[resource] = f"{resource}: {answer.why}: grant this user {_listed(rights & _LET_DESCRIBE)}"
        elif answer is not None and rights - answer:
            lines[resource] = f"{resource}: this user lacks a right: grant it {_listed(rights - answer)}"
    return lines


def unsaid(needed: Needs, said: Said) -> list[Resource]:
    """Those of which the broker does not say what this user may do."""
    return [resource for resource in needed if resource not in said]


def _listed(rights: Iterable[str]) -> str:
    return " and ".join(sorted(rights))
