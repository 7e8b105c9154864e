"""A broker that asks who one is, and what one may do: each listener for itself.

The rule: the open listener may do everything, USER at the guarded one only what was granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

from tests.support.broker import HOST, Broker, free_port
from tests.support.kafka import WITHIN

USER, PASSWORD = "worker", "s3cret"
NOWHERE = "broker.invalid"
"""The name that the third listener advertises: it does not resolve."""

_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class Guarded(NamedTuple):
    """The addresses of a broker's three listeners."""

    open: str
    guarded: str
    astray: str

    def grant(self, what: str, name: str, *rights: str) -> None:
        """Allow USER something: `topic` or `group`, its name, Kafka's names of rights."""
        admin = AdminClient({"bootstrap.servers": self.open})
        for future in admin.create_acls([_binding(what, name, right) for right in rights]).values():
            future.result(WITHIN)

    def take(self, what: str, name: str, *rights: str) -> None:
        """Take rights back."""
        admin = AdminClient({"bootstrap.servers": self.open})
        bindings = [_binding(what, name, right) for right in rights]
        filters = [
            AclBindingFilter(
                *(of.restype, of.name, of.resource_pattern_type, of.principal, of.host),
                *(of.operation, of.permission_type),
            )
            for of in bindings
        ]
        for future in admin.delete_acls(filters).values():
            future.result(WITHIN)


@contextmanager
def guarded_broker() -> Iterator[Guarded]:
    """A broker with rights, for the time of a `with`."""
    broker = Broker()
    guarded, astray = free_port(), free_port()
    broker.properties.update(_properties(broker, guarded, astray))
    with broker:
        yield Guarded(broker.bootstrap, f"{HOST}:{guarded}", f"{HOST}:{astray}")


def _properties(broker: Broker, guarded: int, astray: int) -> dict[str, str]:
    listeners = {
        "PLAINTEXT": broker.bootstrap,
        "GUARDED": f"{HOST}:{guarded}",
        "ASTRAY": f"{HOST}:{astray}",
    }
    advertised = {**listeners, "ASTRAY": f"{NOWHERE}:{astray}"}
    return {
        "listeners": _listed({**listeners, "CONTROLLER": broker.controller}),
        "advertised.listeners": _listed(advertised),
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT,ASTRAY:PLAINTEXT"
        ),
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": f'{_PLAIN} required user_{USER}="{PASSWORD}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _listed(listeners: dict[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())


def _binding(what: str, name: str, right: str) -> AclBinding:
    return AclBinding(
        *(ResourceType[what.upper()], name, ResourcePatternType.LITERAL, f"User:{USER}", "*"),
        *(AclOperation[right], AclPermissionType.ALLOW),
    )
