"""librdkafka properties through the settings: known ones pass, all others never start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.settings import read as read_all
from worker.adapters.kafka.config import Config, admin_config, consumer_config, producer_config
from worker.settings import Deployment, Settings, SettingsError, effective
from worker.settings.kafka_properties import OWNED, SESSION_TIMEOUT_MS, is_secret

PREFIX = "POSTBACK_KAFKA__PROPERTIES__"
SASL = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "SCRAM-SHA-512"}


def read(**properties: str) -> Settings:
    """Settings with these properties, named as variables are."""
    environ = {PREFIX + name: value for name, value in properties.items()}
    return read_all(environ)


def problem(**properties: str) -> str:
    """The one line that is said about these properties."""
    with pytest.raises(SettingsError) as caught:
        read(**properties)
    (line,) = caught.value.problems
    return line


def test_known() -> None:
    """Known properties pass under librdkafka's names, a consumer's as well as a producer's."""
    settings = read(SESSION_TIMEOUT_MS="10000", LINGER_MS="20", **SASL, SASL_USERNAME="u", SASL_PASSWORD="p")
    assert settings.kafka.properties == {
        "session.timeout.ms": "10000",
        "linger.ms": "20",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
    }


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("SASL_MECANISM", "sasl.mechanism"), ("SSL_CA_LOCATON", "ssl.ca.location"), ("LINGER", "linger.ms")],
)
def test_unknown(name: str, nearest: str) -> None:
    """An unknown property is an error that names it and the nearest known one."""
    line = problem(**{name: "x"})
    assert line.startswith(f"{PREFIX}{name}: librdkafka has no property {name.lower().replace('_', '.')}")
    assert line.endswith(f"did you mean {nearest}?")


def test_unlike_any() -> None:
    """A property that is like no other is an error without a guess."""
    assert problem(XYZZY="1") == f"{PREFIX}XYZZY: librdkafka has no property xyzzy"


@pytest.mark.parametrize("name", sorted(OWNED))
def test_owned(name: str) -> None:
    """A property that the worker owns is an error that says why."""
    variable = name.replace(".", "_").upper()
    assert problem(**{variable: "x"}) == f"{PREFIX}{variable}: {name} cannot be set here: {OWNED[name]}"


def configs(properties: dict[str, str]) -> list[Config]:
    """The three kinds of client, with these properties of the user."""
    return [
        consumer_config("localhost:9092", "g", "c", dict(properties)),
        producer_config("localhost:9092", "c", dict(properties)),
        admin_config("localhost:9092", "c", dict(properties)),
    ]


def test_nothing_is_overridden_silently() -> None:
    """Whatever the Kafka clients keep for themselves is refused in the settings."""
    names = {name for config in configs({}) for name in config}
    mine = dict.fromkeys(names, "mine")
    kept = {name for config in configs(mine) for name, value in config.items() if value != "mine"}
    assert kept
    assert kept <= OWNED.keys()


def test_session_timeout_is_the_clients() -> None:
    """Properties are judged beside the session timeout that the consumer has."""
    assert str(configs({})[0]["session.timeout.ms"]) == SESSION_TIMEOUT_MS


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SESSION_TIMEOUT_MS", "soon", "Invalid value"),
        ("SESSION_TIMEOUT_MS", "999999999", "outside allowed range"),
        ("SECURITY_PROTOCOL", "PLAIN", "Invalid value"),
        ("SASL_JAAS_CONFIG", "x", "JAAS configuration is not supported"),
    ],
)
def test_wrong_value(name: str, value: str, says: str) -> None:
    """A value that librdkafka refuses is an error in its words, under the variable."""
    line = problem(**{name: value})
    assert line.startswith(f"{PREFIX}{name}: ")
    assert says in line


@pytest.mark.parametrize("value", ["10s", "10000ms", "10 000", "1e4", "0x2710", "010000", "10000.5"])
def test_numbers(value: str) -> None:
    """A number that librdkafka would read in part, or differently than it looks, is an error."""
    line = problem(SESSION_TIMEOUT_MS=value)
    assert line == f"{PREFIX}SESSION_TIMEOUT_MS: must be a whole number, without a unit ({value!r})"
    assert "must be a number, without a unit" in problem(LINGER_MS="5ms")
    assert read(LINGER_MS="0.5", TOPIC_METADATA_REFRESH_INTERVAL_MS="-1").kafka.properties


@pytest.mark.parametrize("value", ["\udcff", "a\0b"])
def test_not_text(value: str) -> None:
    """A value that is not UTF-8, or that a C library would read up to its NUL, is an error without it."""
    line = problem(SASL_PASSWORD=value)
    assert line == f"{PREFIX}SASL_PASSWORD: must be text in UTF-8, without NUL"


def test_producers() -> None:
    """What only the worker's producers would refuse, which are idempotent, is an error at the start, too."""
    line = problem(MAX_IN_FLIGHT="10")
    assert line == f"{PREFIX}…: `max.in.flight` must be set <= 5 when `enable.idempotence` is true"


@pytest.mark.parametrize("name", ["FILE", "PRIVATE_KEY_FILE", "JWT_TEMPLATE_FILE"])
def test_named_like_a_file(name: str, tmp_path: Path) -> None:
    """A property that is itself named `….file` gets the path, and by `_FILE` the path that a file holds."""
    variable, own = f"SASL_OAUTHBEARER_ASSERTION_{name}", f"sasl.oauthbearer.assertion.{name}"
    assert read(**{variable: "/a/b"}).kafka.properties[own.lower().replace("_", ".")] == "/a/b"
    (tmp_path / "path").write_text("/c/d\n")
    given = read(**{f"{variable}_FILE": str(tmp_path / "path")})
    assert given.kafka.properties[own.lower().replace("_", ".")] == "/c/d"


def test_together() -> None:
    """Properties that do not go together are an error, too."""
    assert "sasl.username and sasl.password must be set" in problem(**SASL)
    assert "session.timeout.ms" in problem(GROUP_PROTOCOL="consumer", SESSION_TIMEOUT_MS="10000")
    assert read(GROUP_PROTOCOL="consumer").kafka.properties


@pytest.mark.parametrize("own", [{}, {"SASL_MECHANISM": "GSSAPI"}, {"SASL_MECHANISM": "OAUTHBEARER"}])
def test_no_client_is_made_for_tokens(own: dict[str, str], tmp_path: Path) -> None:
    """Mechanisms that start work of their own with the first client are taken as they are."""
    begun = tmp_path / "begun"
    kinit = {"SASL_KERBEROS_KINIT_CMD": f"touch {begun}", "SASL_OAUTHBEARER_METHOD": "oidc"}
    assert read(SECURITY_PROTOCOL="SASL_SSL", **kinit, **own).kafka.properties
    assert not begun.exists()


def test_drain_follows_max_poll_interval() -> None:
    """The drain must be well within the poll interval that was set."""
    line = problem(MAX_POLL_INTERVAL_MS="30000")
    assert line.startswith("POSTBACK_DRAIN_TIMEOUT: must be below 24s")
    assert read(MAX_POLL_INTERVAL_MS="60000").kafka.max_poll_interval == 60


@pytest.mark.parametrize(
    "name",
    [
        "sasl.password",
        "ssl.key.pem",
        "ssl.keystore.password",
        "sasl.oauthbearer.client.secret",
        "sasl.jaas.config",
    ],
)
def test_secret(name: str) -> None:
    """Passwords, keys, tokens and secrets are known by name."""
    assert is_secret(name)


def test_masked() -> None:
    """A secret property is masked where the settings are shown; others are not."""
    rows = {
        row.variable: row.value
        for row in effective(Deployment.of(read(SASL_PASSWORD="hunter2", SASL_USERNAME="u")))
    }
    assert rows[f"{PREFIX}SASL_PASSWORD"] == "********"
    assert rows[f"{PREFIX}SASL_USERNAME"] == "u"
