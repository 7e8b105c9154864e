"""What users of a test's broker may do: granted, and taken back.

The rule: who comes to the open listener may do everything, USER at the guarded one only what was granted.
"""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.support.kafka import WITHIN

USER, PASSWORD = "worker", "s3cret"
NOWHERE = "broker.invalid"
"""The name that the third listener advertises: it does not resolve."""


class Guarded(NamedTuple):
    """The addresses of three listeners of a broker: the second asks who one is, in the clear."""

    open: str
    guarded: str
    astray: str

    def grant(self, what: str, name: str, *rights: str) -> None:
        """Allow USER something: `topic` or `group`, its name, Kafka's names of rights."""
        grant(self.open, USER, what, name, *rights)

    def take(self, what: str, name: str, *rights: str) -> None:
        """Take rights back."""
        take(self.open, USER, what, name, *rights)


def grant(bootstrap: str, user: str, what: str, name: str, *rights: str) -> None:
    """Allow a user something: `topic`, `group` or `cluster`, its name, Kafka's names of rights."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_acls([_binding(user, what, name, right) for right in rights]).values():
        future.result(WITHIN)


def take(bootstrap: str, user: str, what: str, name: str, *rights: str) -> None:
    """Take rights back."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    bindings = [_binding(user, what, name, right) for right in rights]
    filters = [
        AclBindingFilter(
            *(of.restype, of.name, of.resource_pattern_type, of.principal, of.host),
            *(of.operation, of.permission_type),
        )
        for of in bindings
    ]
    for future in admin.delete_acls(filters).values():
        future.result(WITHIN)


def _binding(user: str, what: str, name: str, right: str) -> AclBinding:
    kind = "BROKER" if what == "cluster" else what.upper()  # librdkafka's name of it
    return AclBinding(
        *(ResourceType[kind], name, ResourcePatternType.LITERAL, f"User:{user}", "*"),
        *(AclOperation[right], AclPermissionType.ALLOW),
    )
