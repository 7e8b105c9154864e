"""The rights that this user needs at the broker, and which of them are lacking.

The rule: a right that the broker says nothing about is neither lacking nor granted, and is reported as that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class ResourceKind(StrEnum):
    """What a right is for."""

    TOPIC = "topic"
    GROUP = "group"


class Resource(NamedTuple):
    """A topic or a group."""

    kind: ResourceKind
    name: str

    def __str__(self) -> str:
        """The kind and the name."""
        return f"{self.kind} {self.name}"


class DescribeRefused(NamedTuple):
    """The broker refuses even to describe it to this user, and why."""

    why: str


Needs = Mapping[Resource, frozenset[str]]
"""The needed rights, by Kafka's names: READ, WRITE."""

Said = Mapping[Resource, frozenset[str] | DescribeRefused]
"""The rights that the broker reported, without resources that it said nothing about."""


_LET_DESCRIBE = frozenset({"READ", "WRITE", "ALTER", "DESCRIBE"})
"""Each of these implies the right to describe; for others, a refusal to describe means nothing."""


def needs(source: str, both: Iterable[str], written: Iterable[str], groups: Iterable[str]) -> Needs:
    """What a worker needs: to read source and groups, to read and write `both`, to write `written`."""
    return {
        Resource(ResourceKind.TOPIC, source): frozenset({"READ"}),
        **{Resource(ResourceKind.TOPIC, topic): frozenset({"READ", "WRITE"}) for topic in both},
        **{Resource(ResourceKind.TOPIC, topic): frozenset({"WRITE"}) for topic in written},
        **{Resource(ResourceKind.GROUP, group): frozenset({"READ"}) for group in groups},
    }


def lacking(needed: Needs, said: Said) -> dict[Resource, str]:
    """A line for each topic and group that lacks a right, with what to grant."""
    lines = {}
    for resource, rights in needed.items():
        answer = said.get(resource)
        if isinstance(answer, DescribeRefused):
            lines[resource] = f"{resource}: {answer.why}: grant this user {_listed(rights & _LET_DESCRIBE)}"
        elif answer is not None and rights - answer:
            lines[resource] = f"{resource}: this user lacks a right: grant it {_listed(rights - answer)}"
    return lines


def unsaid(needed: Needs, said: Said) -> list[Resource]:
    """The resources that the broker says nothing about."""
    return [resource for resource in needed if resource not in said]


def _listed(rights: Iterable[str]) -> str:
    return " and ".join(sorted(rights))
