"""Settings from their sources: what wins, what is refused, and what is said about it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.settings import problems, read
from worker.core.retry import Tier
from worker.settings import Deployment, Kafka, Settings, effective

TOPIC = "POSTBACK_KAFKA__TOPIC"
TOKEN = "POSTBACK_DESTINATION__HEADERS__X_TOKEN"


def test_precedence(tmp_path: Path) -> None:
    """Command line beats environment beats .env beats TOML beats secrets directory beats default."""
    dotenv, toml, secrets = tmp_path / ".env", tmp_path / "worker.toml", tmp_path / "secrets"
    secrets.mkdir()
    (secrets / TOPIC.lower()).write_text("from-secrets\n")
    environ = {"POSTBACK_SECRETS_DIR": str(secrets)}
    seen = [read().kafka.topic, read(environ).kafka.topic]
    toml.write_text('[kafka]\ntopic = "from-toml"\n')
    seen.append(read(environ, config=toml).kafka.topic)
    dotenv.write_text(f"{TOPIC}=from-dotenv\nOTHER=1\n")
    seen.append(read(environ, dotenv, config=toml).kafka.topic)
    environ[TOPIC] = "from-environment"
    seen.append(read(environ, dotenv, config=toml).kafka.topic)
    seen.append(
        read(environ, dotenv, config=toml, overrides={"kafka.topic": "from-command-line"}).kafka.topic
    )
    assert seen == [
        "conversions",
        "from-secrets",
        "from-toml",
        "from-dotenv",
        "from-environment",
        "from-command-line",
    ]


def test_sources_merge_by_variable(tmp_path: Path) -> None:
    """Each variable is taken from its strongest source, inside a group and inside an open name too."""
    toml = tmp_path / "worker.toml"
    toml.write_text(
        '[kafka]\ntopic = "a"\ngroup_id = "g"\n[kafka.properties]\n"linger.ms" = 7\nclient.rack = "r1"\n'
        '[destination.headers]\nX-Token = "t"\n'
    )
    settings = read({TOPIC: "b", "POSTBACK_KAFKA__PROPERTIES__LINGER_MS": "9"}, config=toml)
    assert (settings.kafka.topic, settings.kafka.group_id) == ("b", "g")
    assert settings.kafka.properties == {"linger.ms": "9", "client.rack": "r1"}
    assert settings.destination.headers["X-Token"].get_secret_value() == "t"


def test_toml_types(tmp_path: Path) -> None:
    """TOML's numbers, booleans and arrays say the same as the texts of the environment."""
    toml = tmp_path / "worker.toml"
    toml.write_text(
        "max_outstanding = 5\n[destination]\nrate = 2.5\nallow_private_addresses = true\n"
        'success_statuses = [200, 204]\n[retry]\ndelays = ["1s", "2s"]\n'
    )
    settings = read(config=toml)
    assert (settings.max_outstanding, settings.destination.rate) == (5, 2.5)
    assert settings.destination.allow_private_addresses
    assert settings.destination.success_statuses == {200, 204}
    assert settings.tiers == (Tier("1s", 1.0), Tier("2s", 2.0))
    toml.write_text("[journal]\nenabled = false\n")
    assert not read(config=toml).journal.enabled


def test_config_variable(tmp_path: Path) -> None:
    """`POSTBACK_CONFIG` names the TOML file, in the environment or in .env, and the argument wins over it."""
    one, two, dotenv = tmp_path / "one.toml", tmp_path / "two.toml", tmp_path / ".env"
    one.write_text('kafka.topic = "one"')
    two.write_text('kafka.topic = "two"')
    dotenv.write_text(f"POSTBACK_CONFIG={one}\n")
    assert read(dotenv=dotenv).kafka.topic == "one"
    assert read({"POSTBACK_CONFIG": str(two)}, dotenv).kafka.topic == "two"
    assert read({"POSTBACK_CONFIG": str(two)}, config=one).kafka.topic == "one"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_value_from_a_file(tmp_path: Path, end: str) -> None:
    """`POSTBACK_X_FILE` reads X from a file and strips one newline at its end."""
    secret = tmp_path / "token"
    secret.write_bytes(f"s3cret{end}".encode())
    settings = read({f"{TOKEN}_FILE": str(secret)})
    assert settings.destination.headers["X-Token"].get_secret_value() == "s3cret"


def test_file_wins_over_weaker_sources(tmp_path: Path) -> None:
    """A `_FILE` variable stands where its variable would: over the sources below it."""
    (tmp_path / "topic").write_text("from-file")
    (tmp_path / "worker.toml").write_text('kafka.topic = "from-toml"')
    settings = read({f"{TOPIC}_FILE": str(tmp_path / "topic")}, config=tmp_path / "worker.toml")
    assert settings.kafka.topic == "from-file"


def test_file_and_value(tmp_path: Path) -> None:
    """A variable together with its `_FILE` is an error that names both."""
    (line,) = problems({TOPIC: "x", f"{TOPIC}_FILE": str(tmp_path / "x")})
    assert line == f"{TOPIC}: given together with {TOPIC}_FILE (environment); keep one"


def test_missing_file(tmp_path: Path) -> None:
    """A `_FILE` that is not there is an error that names the variable and the path."""
    (line,) = problems({f"{TOKEN}_FILE": str(tmp_path / "gone")})
    assert line == f"{TOKEN}: the file {tmp_path}/gone cannot be read: No such file or directory"


def test_file_that_is_no_text(tmp_path: Path) -> None:
    """A `_FILE` that is not UTF-8 is an error, and its bytes are not shown."""
    (tmp_path / "token").write_bytes(b"hunter\xff")
    (line,) = problems({f"{TOKEN}_FILE": str(tmp_path / "token")})
    assert line.startswith(f"{TOKEN}: the file")
    assert "hunter" not in line


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("POSTBACK_KAFKA__TOPC", TOPIC),
        ("POSTBACK_KAFKA_TOPIC", TOPIC),
        ("POSTBACK_KAFKA__TOPC_FILE", f"{TOPIC}_FILE"),
        ("POSTBACK_DESTINATION__CART_FILE", "POSTBACK_DESTINATION__CERT_FILE"),
        ("postback_kafka__topic", TOPIC),
        ("POSTBACK_CONFG", "POSTBACK_CONFIG"),
        ("POSTBACK_KAFKA__PROPERTIES", "POSTBACK_KAFKA__PROPERTIES__NAME"),
    ],
)
def test_unknown_variable(name: str, nearest: str) -> None:
    """An unknown variable is an error that names the nearest known one."""
    (line,) = problems({name: "x"})
    assert line == f"{name}: no such setting (environment); did you mean {nearest}?"


def test_unknown_elsewhere(tmp_path: Path) -> None:
    """Unknown names in .env, in TOML, in the secrets directory and on the command line are errors as well."""
    dotenv, toml, secrets = tmp_path / ".env", tmp_path / "worker.toml", tmp_path / "secrets"
    dotenv.write_text("POSTBACK_HTTP__PROT=1\n")
    toml.write_text('[kafka]\ntopc = "x"\n')
    secrets.mkdir()
    (secrets / "postback_nothing").write_text("x")
    lines = problems(
        {"POSTBACK_SECRETS_DIR": str(secrets)}, dotenv=dotenv, config=toml, overrides={"log.lvl": "debug"}
    )
    assert [line.split(";")[0] for line in lines] == [
        "POSTBACK_LOG__LVL: no such setting (log.lvl, command line)",
        f"POSTBACK_HTTP__PROT: no such setting ({dotenv})",
        f"POSTBACK_KAFKA__TOPC: no such setting (kafka.topc, {toml})",
        f"POSTBACK_NOTHING: no such setting (postback_nothing, {secrets})",
    ]


def test_other_variables_are_none_of_ours(tmp_path: Path) -> None:
    """Variables and secret files without the prefix are ignored."""
    (tmp_path / "database_password").write_text("x")
    assert read({"KAFKA__TOPIC": "x", "PATH": "/", "POSTBACK_SECRETS_DIR": str(tmp_path)}) == read()


def test_service_links() -> None:
    """What Kubernetes sets for a Service named postback-worker is no setting; a look-alike is an error."""
    links = {
        "POSTBACK_WORKER_SERVICE_HOST": "10.0.0.1",
        "POSTBACK_WORKER_SERVICE_PORT": "8080",
        "POSTBACK_WORKER_SERVICE_PORT_HTTP": "8080",
        "POSTBACK_WORKER_PORT": "tcp://10.0.0.1:8080",
        "POSTBACK_WORKER_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert read(links) == read()
    assert len(problems({"POSTBACK_WORKER_PORT": "8080"})) == 1
    assert len(problems({**links, "POSTBACK_WORKER_TOPIC": "x"})) == 1


def test_long_values_are_cut() -> None:
    """A long value is shown by its start."""
    (line,) = problems({TOPIC: "x" * 1000})
    assert line.startswith(f"{TOPIC}: must be 1 to 249")
    assert len(line) < 200


def test_all_problems_at_once() -> None:
    """Every problem is told in one go, each with its variable, its value and where it came from."""
    lines = problems(
        {
            "POSTBACK_DESTINATION__CONCURRENCY": "many",
            "POSTBACK_RETRY__WINDOW": "30",
            "POSTBACK_HTTP__PRT": "1",
            "POSTBACK_KAFKA__PROPERTIES__ACKS": "1",
        }
    )
    assert len(lines) == 4
    assert "POSTBACK_DESTINATION__CONCURRENCY: must be a whole number ('many', environment)" in lines


def test_secrets_stay_secret() -> None:
    """No secret is in a problem, in the settings' repr or in the values in effect."""
    secret = "hunter2"
    lines = problems(
        {
            TOKEN: f"{secret}\nX",
            "POSTBACK_DESTINATION__PROXY": f"socks5://u:{secret}@proxy",
            "POSTBACK_KAFKA__PROPERTIES__SSL_KEY_PEM": secret,
        }
    )
    settings = read(
        {
            TOKEN: secret,
            "POSTBACK_DESTINATION__PROXY": f"http://u:{secret}@proxy:3128",
            "POSTBACK_DESTINATION__TRANSPORT": "session",
            "POSTBACK_KAFKA__PROPERTIES__SASL_PASSWORD": secret,
        }
    )
    assert len(lines) >= 2
    assert secret not in f"{lines} {settings!r} {settings} {effective(Deployment.of(settings))}"


def test_frozen() -> None:
    """Settings never change; they can be copied and pickled."""
    settings = read({TOKEN: "x"})
    with pytest.raises(ValidationError):
        setattr(settings, "max_outstanding", 3)  # noqa: B010 - the type checker would refuse it as well
    with pytest.raises(ValidationError):
        setattr(settings.kafka, "topic", "x")  # noqa: B010
    assert copy.deepcopy(settings) == pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own


def test_made_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are made directly read no source and are checked all the same."""
    monkeypatch.setenv(TOPIC, "ignored")
    assert Settings().kafka.topic == "conversions"
    with pytest.raises(ValidationError):
        Settings(kafka=Kafka(topic="postback-worker.dlq"))


def test_origins() -> None:
    """Each value in effect says where it came from."""
    rows = {
        row.variable: row
        for row in effective(Deployment.of(read({TOKEN: "x"}, overrides={"retry.max_attempts": 3})))
    }
    assert rows[TOKEN][1:] == ("********", "environment")
    assert rows["POSTBACK_RETRY__MAX_ATTEMPTS"][1:] == ("3", "command line")
    assert rows["POSTBACK_RETRY__WINDOW"][1:] == ("30d", "default")
