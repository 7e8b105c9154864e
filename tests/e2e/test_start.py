"""How it starts: wrong settings never do, and what is not there yet is waited for and named."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.broker import Broker
from tests.support.kafka import Names, committed, create_topics, produce, read_all, wait_until
from tests.support.needed import needs_kafka

pytestmark = pytest.mark.process
NOWHERE = "127.0.0.1:1"


def test_wrong_settings(names: Names, tmp_path: Path) -> None:
    """Wrong settings are exit code 2 and one line each, with the variable and what would be right."""
    env = settings(NOWHERE, names, RETRY__MAX_ATTEMPTS="many", DRAIN_TIMOUT="5s", HTTP__PORT="99999")
    ran = call("run", env=env, at=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    errors = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    assert [line for line in errors if "POSTBACK_DRAIN_TIMOUT" in line and "POSTBACK_DRAIN_TIMEOUT" in line]
    assert [line for line in errors if "POSTBACK_RETRY__MAX_ATTEMPTS: must be a whole number" in line]
    assert [line for line in errors if line.startswith("error: POSTBACK_HTTP__PORT: ")]
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "[::ffff:169.254.169.254]", "localhost"])
def test_a_forbidden_host(names: Names, tmp_path: Path, host: str) -> None:
    """A host that is, or leads to, a forbidden address is exit code 2 before anything is opened."""
    url = f"http://{host}/postback?click_id={{click_id}}"
    env = settings(
        *(NOWHERE, names),
        DESTINATION__SIMPLE_URL=url,
        DESTINATION__EVENT_URL="https://8.8.8.8/postback?click_id={click_id}",
        DESTINATION__ALLOW_PRIVATE_ADDRESSES="false",
    )
    ran = call("run", env=env, at=tmp_path)
    assert ran.returncode == 2
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: POSTBACK_DESTINATION__SIMPLE_URL: ")
    assert "is forbidden (" in line
    assert "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES=true permits it" in line


def test_an_address_that_is_taken(names: Names, tmp_path: Path) -> None:
    """An HTTP address that is taken is exit code 1 and one line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        url = "http://192.0.2.1/postback?click_id={click_id}"
        env = settings(
            NOWHERE, names, HTTP__PORT=port, DESTINATION__SIMPLE_URL=url, DESTINATION__EVENT_URL=url
        )
        ran = call("run", env=env, at=tmp_path)
    assert ran.returncode == 1
    assert f"error: can't serve HTTP on 127.0.0.1:{port}" in ran.stderr
    assert "hint: set POSTBACK_HTTP__HOST and POSTBACK_HTTP__PORT to a free address" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.kafka
def test_a_broker_that_is_not_there(names: Names, tmp_path: Path) -> None:
    """Without a broker it stays alive, is not ready and says so; when it comes it joins and delivers."""
    broker = Broker(tmp_path / "broker")
    with Tracker() as tracker:
        env = settings(broker.bootstrap, names, tracker)
        with Program(env, tmp_path) as program:
            wait_until("it says so", lambda: "the broker does not answer" in program.get("/readyz")[1])
            assert program.get("/readyz")[0] == 503
            assert program.get("/livez")[0] == 200
            program.said("not ready: the broker does not answer")
            with needs_kafka():
                broker.start()
            try:
                create_topics(broker.bootstrap, {names.topic: 1})
                assert call("topics", "create", env=env, at=tmp_path).returncode == 0
                produce(broker.bootstrap, names.topic, [value("e-1", "click-1")])
                tracker.asked(1)
                program.ready()
                assert program.end() == 0
            finally:
                broker.close()


@pytest.mark.kafka
def test_topics_that_are_not_there(kafka: str, names: Names, tmp_path: Path) -> None:
    """Each topic that is missing is named; what needs it waits uncommitted, and goes on when it is made."""
    with Tracker(lambda query, nth: 500 if nth == 1 and query["click_id"] == "fails" else 200) as tracker:
        env = settings(kafka, names, tracker)
        with Program(env, tmp_path) as program:
            missing = (names.topic, names.dlq, names.tier("500ms"), names.tier("1s"))
            told = {f"topic {topic} does not exist" for topic in missing}
            wait_until("each is named", lambda: told <= set(reasons(program)))
            assert program.get("/livez")[0] == 200

            create_topics(kafka, {names.topic: 1, names.journal: 1})  # without a journal nothing is sent
            written = [b"junk", value("e-1", "fails"), value("e-2", "fine")]
            produce(kafka, names.topic, written)
            tracker.asked(2)
            refused = {f"publishing to {topic} is refused: topic {topic} does not exist" for topic in missing}
            wait_until("both refused", lambda: len(refused.intersection(reasons(program))) == 2)
            found = committed(kafka, names.group, names.topic)
            assert not found or found[0].offset == 0

            assert call("topics", "create", env=env, at=tmp_path).returncode == 0
            program.ready()
            wait_until("all committed", lambda: committed(kafka, names.group, names.topic)[0].offset == 3)
            tracker.asked(3)
            assert program.end() == 0
        assert [one.value for one in read_all(kafka, names.dlq)] == [b"junk"]
        assert tracker.clicks == {"fails": 2, "fine": 1}


def reasons(program: Program) -> list[str]:
    """Why it is not ready."""
    found: list[str] = json.loads(program.get("/readyz")[1])["reasons"]
    return found


@pytest.mark.kafka
def test_a_tier_that_forgets(kafka: str, names: Names, tmp_path: Path) -> None:
    """A tier that forgets, or refuses, what the source takes is named in the log, and the worker runs.

    So is a source that is compacted.
    """
    create_topics(kafka, {names.topic: 1}, {"cleanup.policy": "compact"})
    create_topics(kafka, {names.tier("1h"): 1}, {"retention.ms": "60000", "max.message.bytes": "2000"})
    url = "http://192.0.2.1/?click_id={click_id}"
    env = settings(kafka, names, RETRY__DELAYS="1h", DESTINATION__SIMPLE_URL=url, DESTINATION__EVENT_URL=url)
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    with Program(env, tmp_path) as program:
        line = program.said(f"{names.tier('1h')}: keeps records 60 s")
        assert "takes a retention.ms of 7200000 or more" in line["event"]
        assert line["level"] == "warning"
        assert program.said(f"{names.tier('1h')}: max.message.bytes is 2000, not ")["level"] == "warning"
        assert program.said(f"{names.topic}: cleanup.policy is compact")["level"] == "warning"
        program.ready()
        assert program.metric("postback_topic_problems") == 3
        assert program.end() == 0
