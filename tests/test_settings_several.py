"""Settings of several destinations: each has its own, what it leaves out is the common one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.settings import NOTHING
from worker.core.routing import Route
from worker.settings import Deployment, SettingsError, effective, load, load_all
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
        ("", {f"{A}WHEN__ATTRIBUTES__MY_SITE": "S"}, {"attributes.my_site": {"S"}}),
        ("", {f"{A}WHEN__HEADER__X": "1", f"{A}WHEN__TOPIC": "t"}, {"header.x": {"1"}, "topic": {"t"}}),
        ('when.event = "x"', {f"{A}WHEN__EVENT": "y"}, {"event": {"y"}}),
        ("", {}, {}),
    ],
)
def test_when(tmp_path: Path, toml: str, environ: dict[str, str], when: dict[str, Any]) -> None:
    """`when` may be a list, nested or quoted, and keeps the case of names in a file; the environment wins."""
    (route,) = read(tmp_path, f"{ONE}{toml}\n", **environ).routes
    assert {name: set(values) for name, values in route.when.items()} == when


@pytest.mark.parametrize(
    ("toml", "environ", "line"),
    [
        (
            "[destinations.B]\n" + URLS,
            {},
            "POSTBACK_DESTINATIONS__B: 'B' must be 1 to 32 of a-z, 0-9, - and _",
        ),
        ("[destinations.a]\n", {}, "POSTBACK_DESTINATIONS__A: destinations.a (/worker.toml) is empty; "),
        (f"{ONE}when = {{}}\n", {}, f"{A}WHEN: destinations.a.when (/worker.toml) is empty; "),
        (f'{ONE}when = "x"\n', {}, f"{A}WHEN: no such setting (destinations.a.when, /worker.toml)"),
        (f"{ONE}[destinations.b]\n{URLS}", {}, f"{A}WHEN__NETWORK, {B}WHEN__NETWORK: a and b have no WHEN; "),
        (
            f'{ONE}when.netwrk = "x"\n',
            {},
            f"{A}WHEN__NETWRK: netwrk can't be asked for (/worker.toml); can be: ",
        ),
        (ONE, {f"{A}WHEN__CLICK_ID": "x"}, f"{A}WHEN__CLICK_ID: click_id can't be asked for (environment); "),
        (f'{ONE}when."attributes." = "x"\n', {}, f"{A}WHEN__ATTRIBUTES__: attributes. can't be asked for "),
        (f'{ONE}when.header = "x"\n', {}, f"{A}WHEN__HEADER: header can't be asked for (/worker.toml); "),
        (
            ONE,
            {f"{A}WHEN__NETWORK": "x,Voluum"},
            f"{A}WHEN__NETWORK: no event has 'Voluum' (environment); a net",
        ),
        (ONE, {f"{A}WHEN__EVENT": "\udcff"}, f"{A}WHEN__EVENT: is not UTF-8 (environment), as what events"),
        (ONE, {f"{A}WHEN__EVENT": " , "}, f"{A}WHEN__EVENT: names no value (environment); "),
        ('[destinations.a]\ntimeout = "2s"\n', {}, f"{A}URL: must be set: where the postback goes, https://"),
        ("", {f"{A}TIMEOUT": "2s"}, f"{A}URL: must be set: where the postback goes, https://"),
        (
            ONE,
            {"POSTBACK_DESTINATION__SIMPLE_URL": "https://x/"},
            "POSTBACK_DESTINATION__SIMPLE_URL: can't stand",
        ),
        (ONE, {"POSTBACK_DESTINATION__NAME": "x"}, "POSTBACK_DESTINATION__NAME: can't stand beside "),
        (f'{ONE}name = "x"\n', {}, f"{A}NAME: no such setting (destinations.a.name, /worker.toml)"),
        (
            f'{ONE}timeot = "2s"\n',
            {},
            f"{A}TIMEOT: no such setting (destinations.a.timeot, /worker.toml); did",
        ),
        (
            ONE,
            {f"{A}RETRY__DELAY": "2s"},
            f"{A}RETRY__DELAY: no such setting (environment); did you mean {A}RE",
        ),
        (ONE, {f"{A}KAFKA__TOPIC": "t"}, f"{A}KAFKA__TOPIC: no such setting (environment)"),
        (
            ONE,
            {"POSTBACK_DESTINATIONS__URL": "x"},
            "POSTBACK_DESTINATIONS__URL: no such setting (environment)",
        ),
        ('destinations = "x"\n', {}, "POSTBACK_DESTINATIONS: no such setting (destinations, /worker.toml)"),
        (f'{ONE}timeout = "soon"\n', {}, f"{A}TIMEOUT: must be a whole number with a unit: "),
        (
            ONE,
            {"POSTBACK_DESTINATION__TIMEOUT": "soon"},
            "POSTBACK_DESTINATION__TIMEOUT: must be a whole number",
        ),
        (f'{ONE}retry.delays = "2s,1s"\n', {}, f"{A}RETRY__DELAYS: must rise: 1s comes after 2s"),
        (ONE, {"POSTBACK_RETRY__DELAYS": "x"}, "POSTBACK_RETRY__DELAYS: must be a whole number with a unit"),
        (f"{ONE}max_outstanding = 0\n", {}, f"{A}MAX_OUTSTANDING: must be greater than or equal to 1"),
        (f'{ONE}proxy = "http://p:1"\n', {}, f"{A}PROXY: takes {A}TRANSPORT=session"),
        (f'{ONE}group_id = "a b"\n', {}, f"{A}GROUP_ID: must be 1 to 249 of letters"),
        (
            f'{ONE}group_id = "g"\n[destinations.b]\n{URLS}when.event = "e"\ngroup_id = "g"\n',
            {},
            f"{A}GROUP_ID, {B}GROUP_ID: both would be the group g; each destination needs a group of its own",
        ),
        (
            f'{ONE}group_id = "g"\n[destinations.b]\n{URLS}when.event = "e"\ngroup_id = "g.retry"\n',
            {},
            f"{A}GROUP_ID (its retries), {B}GROUP_ID: both would be the group g.retry; ",
        ),
        (
            f'[destinations.b]\n{URLS}when.event="e"\n[destinations.a]\n{URLS}group_id="postback-worker.b"\n',
            {},
            f"{A}GROUP_ID, {B}GROUP_ID: both would be the group postback-worker.b; ",
        ),
        (TWO, {"POSTBACK_MAX_HELD_BYTES": "1MB"}, "POSTBACK_MAX_HELD_BYTES: must be at least 2MB for 2 dest"),
        (TWO, {"POSTBACK_KAFKA__SKIP": "x/0/1"}, "POSTBACK_KAFKA__SKIP: x/0/1 is not read by this worker"),
        (
            ONE,
            {"POSTBACK_KAFKA__TOPIC": "postback-worker.a.dlq"},
            "POSTBACK_KAFKA__TOPIC: postback-worker.a.dlq is one of the group's own topics",
        ),
        (
            f"{ONE}[destinations.{'b' * 33}]\n{URLS}",
            {},
            f"POSTBACK_DESTINATIONS__{'B' * 33}: '{'b' * 33}' must",
        ),
        (
            '[destinations.a]\nsimple_url = "https://a.example/?c={click_id}"\n',
            {},
            f"{A}EVENT_URL: must be set, too: only {A}SIMPLE_URL goes to a.example",
        ),
        (f'{ONE}headers.Content-Length = "3"\n', {}, f"{A}HEADERS__CONTENT_LENGTH: "),
        (f'{ONE}success_statuses = ""\n', {}, f"{A}SUCCESS_STATUSES: must name at least one"),
        (f'{ONE}circuit.probe_pause = "2m"\n', {}, f"{A}CIRCUIT__PROBE_PAUSE: must not be longer than "),
        (
            f'{ONE}ca_file = ["a", {{}}]\n',
            {},
            f"{A}CA_FILE: destinations.a.ca_file (/worker.toml) must be text",
        ),
        (ONE, {f"{A}TIMEOUT_FILE": "/nonexistent/x"}, f"{A}TIMEOUT: the file /nonexistent/x cannot be read"),
    ],
)
def test_wrong(tmp_path: Path, toml: str, environ: dict[str, str], line: str) -> None:
    """What is wrong is a line that names the variable of the destination that it is wrong for."""
    found = problems(tmp_path, toml, **environ)
    assert any(one.startswith(line) for one in found), found
    assert len(set(found)) == len(found)


def test_what_is_common_is_said_once(tmp_path: Path) -> None:
    """What is wrong with the common settings is said once, however many destinations there are."""
    assert len(problems(tmp_path, TWO, POSTBACK_DESTINATION__TIMEOUT="soon")) == 1


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
