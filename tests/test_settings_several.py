"""Settings of several destinations: each has its own, what it leaves out is the common one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.settings import NOTHING
from worker.core.routing import Route
from worker.settings import Deployment, SettingsError, effective, load, load_all
from worker.settings.advice import warnings
from worker.settings.deployment import choose
from worker.settings.several import as_written

A, B = "POSTBACK_DESTINATIONS__A__", "POSTBACK_DESTINATIONS__B__"
URLS = 'simple_url = "https://a.example/p?c={click_id}"\nevent_url = "https://a.example/p?c={click_id}"\n'
ONE = f"[destinations.a]\n{URLS}"
TWO = f'{ONE}when.network = "a"\n[destinations.b]\n{URLS}'


def read(tmp_path: Path, toml: str = "", **environ: str) -> Deployment:
    """Load a TOML text and an environment."""
    path = tmp_path / "worker.toml"
    path.write_text(toml)
    return load_all(config=path, environ=environ, dotenv=NOTHING)


def problems(tmp_path: Path, toml: str = "", **environ: str) -> list[str]:
    """What is wrong with them, with the file's name left out."""
    with pytest.raises(SettingsError) as error:
        read(tmp_path, toml, **environ)
    return [line.replace(str(tmp_path), "") for line in error.value.problems]


def test_single(tmp_path: Path) -> None:
    """Without names there is one destination, which takes everything."""
    deployment = read(tmp_path)
    assert deployment.names == ["momentscience"]
    assert deployment.routes == (Route("momentscience", {}),)
    assert not deployment.is_several
    assert deployment.common.kafka.group_id == "postback-worker"


def test_two(tmp_path: Path) -> None:
    """Each has its group by its name, its own values, and the common ones where it has none."""
    toml = f"""{TWO}
timeout = "3s"
group_id = "beta"
max_outstanding = 7
retry.max_attempts = 2
circuit.min_failures = 3
headers.X-Own = "b"
[destination]
timeout = "5s"
headers.X-All = "all"
[retry]
max_attempts = 9
delays = "1s,2s"
"""
    a, b = read(tmp_path, toml).destinations
    assert (a.destination.name, a.kafka.group_id, a.destination.timeout) == ("a", "postback-worker.a", 5)
    assert (a.max_outstanding, a.retry.max_attempts, a.circuit.min_failures) == (1000, 9, 10)
    assert (b.destination.name, b.kafka.group_id, b.destination.timeout) == ("b", "beta", 3)
    assert (b.max_outstanding, b.retry.max_attempts, b.circuit.min_failures) == (7, 2, 3)
    assert [tier.label for tier in b.tiers] == ["1s", "2s"]
    assert (a.dlq_topic, b.retry_group) == ("postback-worker.a.dlq", "beta.retry")
    assert sorted(a.destination.headers) == ["X-All"]
    assert sorted(b.destination.headers) == ["X-All", "X-Own"]


def test_environment(tmp_path: Path) -> None:
    """The environment's names are upper case; its values win over the file's."""
    environ = {f"{A}TIMEOUT": "2s", f"{B}RETRY__DELAYS": "3s", "POSTBACK_KAFKA__GROUP_ID": "g"}
    a, b = read(tmp_path, TWO, **environ).destinations
    assert (a.destination.timeout, [tier.label for tier in b.tiers]) == (2, ["3s"])
    assert (a.kafka.group_id, b.kafka.group_id) == ("g.a", "g.b")


def test_a_value_of_its_own_wins(tmp_path: Path) -> None:
    """What a destination has for itself wins over the common value, wherever that is given."""
    own = f'{ONE}timeout = "2s"\n'
    (a,) = read(tmp_path, own, POSTBACK_DESTINATION__TIMEOUT="9s").destinations
    assert a.destination.timeout == 2


def test_names(tmp_path: Path) -> None:
    """A name may have hyphens and underscores; the environment spells the latter."""
    environ = {"POSTBACK_DESTINATIONS__B_2__SIMPLE_URL": "https://b/?c={click_id}"}
    environ |= {"POSTBACK_DESTINATIONS__B_2__EVENT_URL": "https://b/?c={click_id}"}
    toml = f'[destinations.a-1]\n{URLS}when.event = "x"\n'
    assert read(tmp_path, toml, **environ).names == ["a-1", "b_2"]


@pytest.mark.parametrize(
    ("toml", "environ", "when"),
    [
        ('when.network = "x"', {}, {"network": {"x"}}),
        ('when.network = ["x", "y"]', {}, {"network": {"x", "y"}}),
        ('when."attributes.Site" = "S"', {}, {"attributes.Site": {"S"}}),
        ('when.attributes.Site = "S"', {}, {"attributes.Site": {"S"}}),
        ('when.header.SITE = "S"', {}, {"header.SITE": {"S"}}),
        ("", {f"{A}WHEN__NETWORK": "x, y"}, {"network": {"x", "y"}}),
        ('when.event = ["a, b", "c"]', {}, {"event": {"a, b", "c"}}),
        ("", {f"{A}WHEN__EVENT": r"a\, b, c"}, {"event": {"a, b", "c"}}),
        ("", {f"{A}WHEN__ATTRIBUTES__MY_SITE": "S"}, {"attributes.my_site": {"S"}}),
        ("", {f"{A}WHEN__attributes__mySite": "S"}, {"attributes.mySite": {"S"}}),
        ("", {f"{A}WHEN__ATTRIBUTES__MY__SITE": "S"}, {"attributes.my__site": {"S"}}),
        ("", {f"{A}WHEN__ATTRIBUTES__LOG_FILE": "S"}, {"attributes.log_file": {"S"}}),
        (
            "",
            {f"{A}WHEN__attributes__Site": "S", f"{A}WHEN__ATTRIBUTES__SITE": "s"},
            {"attributes.Site": {"S"}, "attributes.site": {"s"}},
        ),
        ("", {f"{A}WHEN__HEADER__X": "1", f"{A}WHEN__TOPIC": "t"}, {"header.x": {"1"}, "topic": {"t"}}),
        ('when.event = "x"', {f"{A}WHEN__EVENT": "y"}, {"event": {"y"}}),
        ("", {}, {}),
    ],
)
def test_when(tmp_path: Path, toml: str, environ: dict[str, str], when: dict[str, Any]) -> None:
    r"""`when` may be a list, nested or quoted, and keeps the case of names in a file; the environment wins.

    An item of a list is one value, whatever it holds; elsewhere a comma in a value is written `\,`.
    """
    (route,) = read(tmp_path, f"{ONE}{toml}\n", **environ).routes
    assert {name: set(values) for name, values in route.when.items()} == when


def test_an_unread_topic(tmp_path: Path) -> None:
    """A destination that asks for another source than the one that is read is warned of: it takes nothing."""
    toml = f'{ONE}when.topic = "refunds"\n[destinations.b]\n{URLS}when.topic = ["conversions", "more"]\n'
    deployment = read(tmp_path, toml)
    assert {one.destination.name: warnings(one) for one in deployment.destinations} == {
        "a": [
            f"{A}WHEN__TOPIC: refunds is not read: POSTBACK_KAFKA__TOPIC is conversions, so a takes nothing"
        ],
        "b": [],
    }


def test_unreached_delays(tmp_path: Path) -> None:
    """Few attempts are warned of by the variable that says so for this destination."""
    (settings,) = read(tmp_path, f"{ONE}retry.max_attempts = 6\n").destinations
    (line,) = as_written(settings, warnings(settings))
    assert line.startswith(f"{A}RETRY__MAX_ATTEMPTS: 6 attempts reach 6h,24h of POSTBACK_RETRY__DELAYS only ")


def test_a_skip_of_any_of_them(tmp_path: Path) -> None:
    """What is to be skipped may be of a tier of any destination."""
    place = "postback-worker.b.retry.10s/0/1"
    assert len(read(tmp_path, TWO, POSTBACK_KAFKA__SKIP=place).common.kafka.skip) == 1


def test_choose(tmp_path: Path) -> None:
    """One of several is chosen by its name; none, or an unknown one, is an error that names them."""
    deployment = read(tmp_path, TWO)
    assert choose(deployment, "b").destination.name == "b"
    with pytest.raises(SettingsError, match="say which with --destination, one of a, b"):
        choose(deployment, None)
    with pytest.raises(SettingsError, match="there is no destination c; there is a, b"):
        deployment.only(["c"])


def test_load_one(tmp_path: Path) -> None:
    """`load` reads the settings of the only destination."""
    (tmp_path / "w.toml").write_text(ONE)
    assert load(config=tmp_path / "w.toml", environ={}, dotenv=NOTHING).destination.name == "a"


def test_only(tmp_path: Path) -> None:
    """Those that are not served still take what is theirs."""
    served = read(tmp_path, TWO).only(["b"])
    assert served.names == ["b"]
    assert [route.name for route in served.routes] == ["a", "b"]
    assert [route.name for route in served.served_routes] == ["b"]


def test_shown(tmp_path: Path) -> None:
    """The settings in effect are shown for each destination, with where they came from, secrets masked."""
    toml = f'{TWO}[destinations.a.headers]\nX-Token = "s3cret"\n[destination]\ntimeout = "5s"\n'
    shown = {row.variable: row for row in effective(read(tmp_path, toml, **{f"{B}TIMEOUT": "3s"}))}
    file = str(tmp_path / "worker.toml")
    assert shown[f"{A}TIMEOUT"][1:] == ("5s", file)
    assert shown[f"{B}TIMEOUT"][1:] == ("3s", "environment")
    assert shown[f"{A}GROUP_ID"][1:] == ("postback-worker.a", "default")
    assert shown[f"{A}HEADERS__X_TOKEN"].value == "********"
    assert shown[f"{A}WHEN__NETWORK"][1:] == ("a", file)
    assert "POSTBACK_DESTINATION__TIMEOUT" not in shown
    assert shown["POSTBACK_HTTP__PORT"].value == "8080"


def test_as_written(tmp_path: Path) -> None:
    """A line on a destination names each variable as it was given: for it, or for all."""
    lines = ["POSTBACK_DESTINATION__TIMEOUT, POSTBACK_RETRY__DELAYS and POSTBACK_DRAIN_TIMEOUT"]
    a, b = read(
        tmp_path, TWO, **{f"{B}RETRY__DELAYS": "1s", "POSTBACK_DESTINATION__TIMEOUT": "5s"}
    ).destinations
    assert as_written(a, lines) == lines
    assert as_written(b, lines) == [
        f"POSTBACK_DESTINATION__TIMEOUT, {B}RETRY__DELAYS and POSTBACK_DRAIN_TIMEOUT"
    ]
    assert as_written(a, ["POSTBACK_DESTINATION__RATE"]) == [f"{A}RATE"]
    assert as_written(read(tmp_path).common, lines) == lines


def test_a_file_with_a_value(tmp_path: Path) -> None:
    """A value may be read from a file, as any other."""
    (tmp_path / "timeout").write_text("4s\n")
    (a,) = read(tmp_path, ONE, **{f"{A}TIMEOUT_FILE": str(tmp_path / "timeout")}).destinations
    assert a.destination.timeout == 4


def test_a_file_that_changes(tmp_path: Path) -> None:
    """A destination's own file is read again, too, and changes the settings of this destination alone."""
    (tmp_path / "token").write_text("first")
    environ = {f"{A}HEADERS__X_TOKEN_FILE": str(tmp_path / "token")}
    a, b = read(tmp_path, TWO, **environ).destinations
    (tmp_path / "token").write_text("second")
    assert a.files is not None
    made = a.files.reread()
    assert made is not None
    assert made.settings.destination.headers["X-Token"].get_secret_value() == "second"
    assert b.files is None
