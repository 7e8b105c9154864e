"""Several networks from one process: each event to its own, whatever becomes of the others."""

from __future__ import annotations

import json
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.networks import NETWORKS, World, world
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, Write, committed, create_topics, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]


def test_each_to_its_own(kafka: str, tmp_path: Path) -> None:
    """Each network gets its own events, once; what is nobody's is dead-lettered once, as unrouted."""
    with world(kafka, tmp_path) as here:
        for network in NETWORKS:
            here.publish(network, *(f"{network}-{n}" for n in range(20)))
        here.publish(None, "nobody-1")
        here.publish("other", "nobody-2")
        with Program(here.env, tmp_path) as program:
            for network in NETWORKS:
                here.asked(network, {f"{network}-{n}" for n in range(20)})
            wait_until("two are unrouted", lambda: len(here.dead("binom")) == 2)
            wait_until("passed over", lambda: program.metric("postback_records_passed_total") == 40 + 42 + 42)
            assert program.get("/readyz")[0] == 200
            assert program.end() == 0
        assert {dead["click"] for dead in here.dead("binom")} == {"nobody-1", "nobody-2"}
        assert {dead["postback-reason"] for dead in here.dead("binom")} == {"unrouted"}
        assert not here.dead("meta")
        assert not here.dead("voluum")
        for network in NETWORKS:
            assert _committed(here, network) == 62


def test_one_that_is_down(kafka: str, tmp_path: Path) -> None:
    """While one network answers 503 the others get theirs; once it is back it gets its own."""
    back: list[bool] = []

    def meta(_query: Query, _nth: int) -> Act:
        return 200 if back else 503

    with world(kafka, tmp_path, meta=meta) as here, Program(here.env, tmp_path) as program:
        program.ready()
        for network in NETWORKS:
            here.publish(network, *(f"{network}-{n}" for n in range(300)))
        for network in ("binom", "voluum"):
            here.asked(network, {f"{network}-{n}" for n in range(300)})
        assert program.get("/readyz")[0] == 200
        back.append(True)
        delivered = 'postback_attempts_total{destination="meta",outcome="delivered",status="200"}'
        wait_until("all of them", lambda: _value(program, delivered) == 300, 60)
        assert program.end() == 0


@pytest.mark.long
def test_what_is_told_of_one_that_is_down(kafka: str, tmp_path: Path) -> None:
    """Metrics, `/readyz` and the log tell of the one that is down, by its name, and of no other."""
    answers = {"binom": 200, "meta": 503}
    acts = {name: partial(_always, code) for name, code in answers.items()}
    with world(kafka, tmp_path, **acts) as here, Program(here.env, tmp_path) as program:
        program.ready()
        for network in answers:
            here.publish(network, *(f"{network}-{n}" for n in range(50)))
        here.asked("binom", {f"binom-{n}" for n in range(50)})

        def told(name: str, **labels: str) -> dict[str, float]:
            found = {one: program.metric(f"postback_{name}", destination=one, **labels) for one in NETWORKS}
            return {one: value for one, value in found.items() if value}

        wait_until("it is held", lambda: told("held", why="circuit") == {"meta": 1})
        assert told("circuit_state").keys() == {"meta"}
        assert told("attempts_total", outcome="delivered") == {"binom": 50}
        assert told("circuit_opened_total", status="503") == {"meta": 1}
        wait_until(
            "all seen", lambda: told("records_passed_total") == {"binom": 50, "meta": 50, "voluum": 100}
        )
        assert told("ready") == dict.fromkeys(NETWORKS, 1)
        code, text = program.get("/readyz")
        notes = json.loads(text)["destinations"]
        assert (code, notes.keys(), notes["meta"]["circuit"]["status"]) == (200, {"meta"}, "503")
        assert program.end() == 0
        opened = [line["destination"] for line in program.log if line["event"].startswith("circuit opened")]
        assert opened == ["meta"]
        of_one = [line for line in program.log if {"at", "partition", "partitions"} & line.keys()]
        assert {line.get("destination") for line in of_one} == set(NETWORKS)


def _always(code: int, _query: Query, _nth: int) -> Act:
    return code


def test_a_replay_is_for_one(kafka: str, tmp_path: Path) -> None:
    """A dead letter that is replayed goes to the destination that it died at, and to no other."""
    dead = {"postback": 410}
    with world(kafka, tmp_path, meta=lambda _query, _nth: dead["postback"]) as here:
        env = here.env | {"POSTBACK_DESTINATION__TERMINAL_STATUSES": "410"}
        del env["POSTBACK_DESTINATIONS__META__WHEN__NETWORK"]
        env["POSTBACK_DESTINATIONS__META__WHEN__EVENT"] = "purchase"
        with Program(env, tmp_path) as program:
            writes = [Write(value("c", "c", network="voluum", event="purchase", payout="1.00"), key=b"c")]
            produce(kafka, here.names.topic, writes)
            wait_until("it is dead at one", lambda: len(here.dead("meta")) == 1)
            here.asked("voluum", {"c"})
            dead["postback"] = 200
            replayed = call("dlq", "replay", "--destination", "meta", "--yes", env=env, at=tmp_path)
            assert replayed.returncode == 0
            wait_until("it is sent again", lambda: here.partners["meta"].clicks == {"c": 2})
            wait_until("passed over", lambda: program.metric("postback_records_passed_total") == 1 + 2)
            assert here.partners["voluum"].clicks == {"c": 1}
            assert program.end() == 0


@pytest.mark.long
def test_only(kafka: str, tmp_path: Path) -> None:
    """A process that serves some of them leaves the others' events to others, also what is nobody's."""
    with world(kafka, tmp_path) as here:
        for network in NETWORKS:
            here.publish(network, network)
        here.publish(None, "nobody")
        with Program(here.env, tmp_path, "exec {} --only voluum,meta") as program:
            here.asked("voluum", {"voluum"})
            here.asked("meta", {"meta"})
            assert program.end() == 0
        assert not here.partners["binom"].hits
        with Program(here.env, tmp_path, "exec {} --only binom") as program:
            here.asked("binom", {"binom"})
            wait_until("the unrouted", lambda: len(here.dead("binom")) == 1)
            assert program.end() == 0


@pytest.mark.long
def test_killed(kafka: str, tmp_path: Path) -> None:
    """After a kill each goes on where it was: what was in flight at one is sent again there alone."""
    with world(kafka, tmp_path, meta=lambda _query, nth: "hang" if nth == 1 else 200) as here:
        with Program(here.env, tmp_path) as program:
            for network in NETWORKS:
                here.publish(network, *(f"{network}-{n}" for n in range(10)))
            here.asked("binom", {f"binom-{n}" for n in range(10)})
            here.asked("voluum", {f"voluum-{n}" for n in range(10)})
            here.asked("meta", {f"meta-{n}" for n in range(10)})
            wait_until("committed", lambda: _committed(here, "binom") == _committed(here, "voluum") == 30)
            program.send(signal.SIGKILL)
            program.ended()
        with Program(here.env, tmp_path) as program:
            wait_until("sent again", lambda: set(here.partners["meta"].clicks.values()) == {2})
            wait_until("committed", lambda: _committed(here, "meta") == 30)
            assert program.end() == 0
        assert (
            set(here.partners["binom"].clicks.values()) == set(here.partners["voluum"].clicks.values()) == {1}
        )


def _committed(here: World, network: str) -> int:
    found = committed(here.bootstrap, f"{here.names.group}.{network}", here.names.topic)
    return sum(one.offset for one in found.values())


def _value(program: Program, series: str) -> float:
    lines = program.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


def test_from_one_to_several(kafka: str, tmp_path: Path) -> None:
    """A single destination becomes one of several with its group: nothing is sent twice, nor what waits."""
    failing = [True]
    names = Names.fresh("moved")
    create_topics(kafka, {names.topic: 4})

    def act(query: Query, _nth: int) -> Act:
        return 503 if failing and query["click_id"].startswith("late") else 200

    with Tracker(act) as first, Tracker() as second:
        common = settings(kafka, names, RETRY__DELAYS="1h")
        single = {
            **common,
            "POSTBACK_DESTINATION__SIMPLE_URL": first.simple_url,
            "POSTBACK_DESTINATION__EVENT_URL": first.event_url,
        }
        own = "POSTBACK_DESTINATIONS__MOMENTSCIENCE__"
        several = {
            **common,
            "POSTBACK_KAFKA__START": "latest",
            f"{own}GROUP_ID": names.group,
            f"{own}SIMPLE_URL": first.simple_url,
            f"{own}EVENT_URL": first.event_url,
            "POSTBACK_DESTINATIONS__VOLUUM__URL": second.simple_url,
            "POSTBACK_DESTINATIONS__VOLUUM__WHEN__NETWORK": "voluum",
        }
        before, late = {f"b-{n}" for n in range(40)}, {f"late-{n}" for n in range(3)}
        assert call("topics", "create", env=single, at=tmp_path).returncode == 0
        produce(
            kafka, names.topic, [Write(value(click, click), key=click.encode()) for click in before | late]
        )
        with Program(single, tmp_path) as program:
            first.asked(43)
            wait_until("they wait", lambda: program.metric("postback_retries_total") == 3)
            assert program.end() == 0
        failing.clear()
        assert call("topics", "create", env=several, at=tmp_path).returncode == 0
        with Program(several, tmp_path) as program:
            program.ready()
            writes = [
                Write(value(click, click, network="voluum"), key=click.encode()) for click in ("v-1", "v-2")
            ]
            produce(kafka, names.topic, [*writes, Write(value("m", "m"), key=b"m")])
            second.asked(2)
            hurry = ("waiting", "now", "--destination", "momentscience", "--yes")
            assert call(*hurry, env=several, at=tmp_path).returncode == 0
            wait_until(
                "all are sent", lambda: set(first.clicks) == before | late | {"m"} and len(first.hits) == 47
            )
            assert program.end() == 0
        assert first.clicks == {**dict.fromkeys(before | {"m"}, 1), **dict.fromkeys(late, 2)}
        assert second.clicks == {"v-1": 1, "v-2": 1}


def test_secrets_are_nowhere(kafka: str, tmp_path: Path) -> None:
    """Nothing that a run writes holds a secret: no log, no metric, no topic, no answer of a command."""
    secret = "s3cr3t-t0ken"
    with world(kafka, tmp_path, meta=lambda _query, _nth: 503) as here:
        env = here.env | {
            "POSTBACK_DESTINATIONS__META__SECRETS__TOKEN": secret,
            "POSTBACK_DESTINATIONS__META__HEADERS__X_TOKEN": "{secret.token}",
            "POSTBACK_DESTINATIONS__META__SIMPLE_URL": here.partners["meta"].simple_url + "&t={secret.token}",
            "POSTBACK_RETRY__MAX_ATTEMPTS": "2",
            "POSTBACK_LOG__LEVEL": "debug",
        }
        here.publish("meta", "a", "b")
        with Program(env, tmp_path) as program:
            wait_until("both are dead", lambda: len(here.dead("meta")) == 2, 60)
            written = [program.get(path)[1] for path in ("/metrics", "/readyz")]
            assert program.end() == 0
        shown = [("config", "show"), ("destinations",), ("destinations", "show", "meta"), ("config", "check")]
        shown += [("dlq", "list", "--destination", "meta", "-o", "json")]
        for command in shown:
            result = call(*command, env=env, at=tmp_path)
            written += [result.stdout, result.stderr]
        topics = [f"{here.names.group}.meta.{name}" for name in ("dlq", "retry.500ms", "retry.1s")]
        records = [record for topic in topics for record in read_all(kafka, topic)]
        written += [str(record) for record in records]
        assert {hit.headers["X-Token"] for hit in here.partners["meta"].hits} == {secret}
        assert len(records) >= 4
        assert [text for text in [*program.lines, *written] if secret in text] == []
