"""A broker as production has it: TLS, every way to log in, certificates of clients, and rights.

The rule: who comes to the open listener may do everything; anybody else what was granted to him, by whatever
way he shows who he is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.acl import NOWHERE, PASSWORD, USER, Guarded, grant, take
from tests.support.broker import Broker
from tests.support.broker_settings import PROPERTIES
from tests.support.certificates import chain_of, replace
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.kafka import WITHIN
from tests.support.ports import HOST, free_port

PLAIN_USER, PLAIN_PASSWORD = "plain-user", "plain-s3cret"
TOKEN_USER, TOKEN_SECRET = "token-user", "token-s3cret"

REAUTHENTICATED_AFTER_MS = 4_000
"""Milliseconds after which the broker wants to see again who one is."""

NODE = PROPERTIES["node.id"]
"""The broker's own id."""

_MODULES = "org.apache.kafka.common.security"
_TOKENS = f"{_MODULES}.oauthbearer"


@dataclass(frozen=True)
class Secured:
    """The addresses of its listeners, and what makes users of it."""

    guarded: Guarded
    """Its listeners without TLS."""
    login: str
    """SASL over TLS: PLAIN, SCRAM, OAUTHBEARER."""
    mutual: str
    """TLS that asks for a certificate: the user is its common name."""
    folder: Path
    authority: trustme.CA
    clients: trustme.CA
    issuer: Issuer

    @property
    def open(self) -> str:
        """The listener that may do everything."""
        return self.guarded.open

    @property
    def ca(self) -> Path:
        """The file of the authority that the broker's certificate is of."""
        return self.folder / "broker-ca.pem"

    def grant(self, user: str, what: str, name: str, *rights: str) -> None:
        """Allow a user something: `topic`, `group` or `cluster`, its name, Kafka's names of rights."""
        grant(self.open, user, what, name, *rights)

    def take(self, user: str, what: str, name: str, *rights: str) -> None:
        """Take rights back."""
        take(self.open, user, what, name, *rights)

    def set_password(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
        """Give a user a password, in place of the one that he has."""
        kind = ScramMechanism[mechanism.replace("-", "_")]
        wanted = UserScramCredentialUpsertion(user, ScramCredentialInfo(kind, 4096), password.encode())
        admin = AdminClient({"bootstrap.servers": self.open})  # named: its futures die with it
        for future in admin.alter_user_scram_credentials([wanted]).values():
            future.result(WITHIN)

    def tls(self) -> dict[str, str]:
        """The properties of a client that believes the broker."""
        return {"security.protocol": "SASL_SSL", "ssl.ca.location": str(self.ca)}

    @contextmanager
    def other_authorities(self) -> Iterator[Callable[[trustme.CA], None]]:
        """What has the SASL listener show certificates of other authorities; afterwards its own again."""
        try:
            yield lambda authority: self._show(_keystore(self.folder, authority))
        finally:
            self._show(None)

    def _show(self, store: Path | None) -> None:
        """Have the SASL listener show the certificate in a file from now on; None is that of its start."""
        name = "listener.name.login.ssl.keystore.location"
        kind = AlterConfigOpType.DELETE if store is None else AlterConfigOpType.SET
        entry = ConfigEntry(name, None if store is None else str(store), incremental_operation=kind)
        broker = ConfigResource(ResourceType.BROKER, NODE, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.open})
        for future in admin.incremental_alter_configs([broker]).values():
            future.result(WITHIN)


@contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """A secured broker, for the time of a `with`; its files are in `folder`."""
    authority, clients = trustme.CA(), trustme.CA()
    guarded, astray, login, mutual = (f"{HOST}:{free_port()}" for _ in range(4))
    with Issuer({TOKEN_USER: TOKEN_SECRET}) as issuer:
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={issuer.keys_url}"
        broker = Broker(java_flags=[allowed])
        listeners = Guarded(broker.bootstrap, guarded, astray)
        secured = Secured(listeners, login, mutual, folder, authority, clients, issuer)
        broker.properties.update(_properties(broker, secured))
        with broker:
            yield secured


def _properties(broker: Broker, secured: Secured) -> Mapping[str, str]:
    listeners = {
        "PLAINTEXT": secured.open,
        "GUARDED": secured.guarded.guarded,
        "ASTRAY": secured.guarded.astray,
        "LOGIN": secured.login,
        "MUTUAL": secured.mutual,
    }
    astray = secured.guarded.astray.replace(HOST, NOWHERE)
    plain, scram = f"{_MODULES}.plain.PlainLoginModule", f"{_MODULES}.scram.ScramLoginModule"
    of_login = "listener.name.login"
    return {
        "listeners": _listed({**listeners, "CONTROLLER": broker.controller}),
        "advertised.listeners": _listed({**listeners, "ASTRAY": astray}),
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT,ASTRAY:PLAINTEXT,"
            "LOGIN:SASL_SSL,MUTUAL:SSL"
        ),
        "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": f'{plain} required user_{USER}="{PASSWORD}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(_own_keystore(secured)),
        "ssl.allow.dn.changes": "true",  # two certificates of trustme never have one name
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(_truststore(secured)),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.principal.mapping.rules": r"RULE:^.*CN=([^,]+).*$/$1/",
        f"{of_login}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        f"{of_login}.connections.max.reauth.ms": str(REAUTHENTICATED_AFTER_MS),
        f"{of_login}.plain.sasl.jaas.config": f'{plain} required user_{PLAIN_USER}="{PLAIN_PASSWORD}";',
        f"{of_login}.scram-sha-256.sasl.jaas.config": f"{scram} required;",
        f"{of_login}.scram-sha-512.sasl.jaas.config": f"{scram} required;",
        f"{of_login}.oauthbearer.sasl.jaas.config": f"{_TOKENS}.OAuthBearerLoginModule required;",
        f"{of_login}.oauthbearer.sasl.server.callback.handler.class": (
            f"{_TOKENS}.OAuthBearerValidatorCallbackHandler"
        ),
        f"{of_login}.sasl.oauthbearer.jwks.endpoint.url": secured.issuer.keys_url,
        f"{of_login}.sasl.oauthbearer.expected.issuer": secured.issuer.url,
        f"{of_login}.sasl.oauthbearer.expected.audience": AUDIENCE,
    }


def _listed(listeners: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())


def _own_keystore(secured: Secured) -> Path:
    """The certificate that the broker starts with, and the authority's beside it, for its clients."""
    replace(secured.ca, secured.authority.cert_pem.bytes())
    return _keystore(secured.folder, secured.authority)


def _keystore(folder: Path, authority: trustme.CA) -> Path:
    """A new certificate for the broker, with its key in the one form that Java takes."""
    leaf = authority.issue_cert(HOST, "localhost")
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    store = folder / f"broker-{uuid4().hex}.pem"
    replace(store, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain_of(leaf))
    return store


def _truststore(secured: Secured) -> Path:
    store = secured.folder / "clients-ca.pem"
    replace(store, secured.clients.cert_pem.bytes())
    return store
