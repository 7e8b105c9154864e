"""A worker on a broker that asks who it is: each way to log in, over TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.certificates import ClientFiles
from tests.support.kafka import Names, create_topics, produce, wait_until
from tests.support.secured import (
    PLAIN_PASSWORD,
    PLAIN_USER,
    TOKEN_SECRET,
    TOKEN_USER,
    Secured,
)

pytestmark = [pytest.mark.kafka, pytest.mark.process]
SCRAM_USER = "scram-user"
CERTIFIED_USER = "certified-user"


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    """A partner that takes everything."""
    with Tracker() as tracker:
        yield tracker


Login = tuple[str, str, dict[str, str]]


def plain(broker: Secured, _at: Path) -> Login:
    """A user and a password that the broker's own settings have."""
    login = {"sasl.mechanism": "PLAIN", "sasl.username": PLAIN_USER, "sasl.password": PLAIN_PASSWORD}
    return PLAIN_USER, broker.login, {**broker.tls(), **login}


def scram(mechanism: str, broker: Secured) -> Login:
    """A user and a password that the cluster keeps."""
    broker.set_password(SCRAM_USER, "scram-s3cret", mechanism)
    login = {"sasl.mechanism": mechanism, "sasl.username": SCRAM_USER, "sasl.password": "scram-s3cret"}
    return SCRAM_USER, broker.login, {**broker.tls(), **login}


def scram_256(broker: Secured, _at: Path) -> Login:
    """As `scram`."""
    return scram("SCRAM-SHA-256", broker)


def scram_512(broker: Secured, _at: Path) -> Login:
    """As `scram`."""
    return scram("SCRAM-SHA-512", broker)


def token(broker: Secured, _at: Path) -> Login:
    """A token that an issuer gives for a secret."""
    login = {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": TOKEN_USER,
        "sasl.oauthbearer.client.secret": TOKEN_SECRET,
        "sasl.oauthbearer.token.endpoint.url": broker.issuer.token_url,
    }
    return TOKEN_USER, broker.login, {**broker.tls(), **login}


def certificate(broker: Secured, at: Path) -> Login:
    """A certificate of the client's own."""
    files = ClientFiles(at, broker.clients)
    files.renew(CERTIFIED_USER)
    shown = {"ssl.certificate.location": str(files.cert), "ssl.key.location": str(files.key)}
    return CERTIFIED_USER, broker.mutual, {**broker.tls(), "security.protocol": "SSL", **shown}


# Those that rotate are shown by the tests of that, too; what differs here is a name.
WAYS = [
    token,
    certificate,
    *(pytest.param(way, marks=pytest.mark.long) for way in (plain, scram_256, scram_512)),
]


def variables(properties: Mapping[str, str]) -> dict[str, str]:
    """The settings that give these properties."""
    return {
        f"POSTBACK_KAFKA__PROPERTIES__{name.replace('.', '_').upper()}": text
        for name, text in properties.items()
    }


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_way_to_log_in(
    secured: Secured, names: Names, tracker: Tracker, tmp_path: Path, way: object
) -> None:
    """The worker and its commands log in so, and deliver."""
    assert callable(way)
    user, bootstrap, properties = way(secured, tmp_path)
    topics = [names.topic, names.tier("10s"), names.dlq, names.journal, names.control]
    create_topics(secured.open, dict.fromkeys(topics, 1))
    for topic in topics:
        secured.grant(user, "topic", topic, "READ", "WRITE")
    for group in (names.group, names.retry_group):
        secured.grant(user, "group", group, "READ")
    env = {**settings(bootstrap, names, tracker, RETRY__DELAYS="10s"), **variables(properties)}
    checked = call("config", "check", "--online", env=env, at=tmp_path)
    assert checked.returncode == 0, checked.stderr
    with Program(env, tmp_path) as program:
        program.ready()
        produce(secured.open, names.topic, [value("e-1", "c-1")])
        wait_until("it is delivered", lambda: len(tracker.hits) == 1)
        assert program.end() == 0
    assert not [line for line in program.lines if "s3cret" in line]
