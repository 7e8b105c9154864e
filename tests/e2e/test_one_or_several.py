"""A single destination that becomes one of several, or the reverse, and is not given the group of before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, Write, committed, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
OWN = "POSTBACK_DESTINATIONS__MOMENTSCIENCE__"
CLICKS = {f"c-{number}" for number in range(20)}


@pytest.mark.parametrize("first", ["single", "several"])
def test_without_its_group(kafka: str, names: Names, tmp_path: Path, first: str) -> None:
    """It does not start, and nothing is sent again: exit 2, a line that names the group of before."""
    create_topics(kafka, {names.topic: 2})
    with Tracker() as partner:
        common = settings(kafka, names)
        urls = {"SIMPLE_URL": partner.simple_url, "EVENT_URL": partner.event_url}
        single = common | {f"POSTBACK_DESTINATION__{name}": url for name, url in urls.items()}
        several = common | {f"{OWN}{name}": url for name, url in urls.items()}
        own = f"{names.group}.momentscience"
        before, after, group, former, variable = (
            (single, several, own, names.group, f"{OWN}GROUP_ID")
            if first == "single"
            else (several, single, names.group, own, "POSTBACK_KAFKA__GROUP_ID")
        )
        for env in (before, after):
            assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        produce(kafka, names.topic, [Write(value(click, click), key=click.encode()) for click in CLICKS])
        with Program(before, tmp_path) as worker:
            partner.asked(len(CLICKS))
            assert worker.end() == 0
        assert sum(one.offset for one in committed(kafka, former, names.topic).values()) == len(CLICKS)
        for command in (["run"], ["run", "--adopt"], ["config", "check", "--online"]):
            ended = call(*command, env=after, at=tmp_path)
            (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
            assert ended.returncode == (2 if "run" in command else 1)
            assert f"{variable}: momentscience has read {names.topic} as the group {former}" in line
            assert f"never as {group}" in line
        produce(kafka, names.topic, [Write(value("late", "late"), key=b"late")])
        with Program(after | {variable: former}, tmp_path) as worker:
            wait_until("it goes on", lambda: "late" in partner.clicks)
            assert worker.end() == 0
        assert partner.clicks == dict.fromkeys(CLICKS | {"late"}, 1)


def test_renamed(kafka: str, names: Names, tmp_path: Path) -> None:
    """A destination of several with a new name goes on with the group of before, once adopted."""
    create_topics(kafka, {names.topic: 2})
    late = {f"late-{number}" for number in range(3)}
    failing = [True]

    def act(query: Query, _nth: int) -> Act:
        return 503 if failing and query["click_id"] in late else 200

    with Tracker(act) as partner:
        common = settings(kafka, names, RETRY__DELAYS="1h")
        before = common | {"POSTBACK_DESTINATIONS__OLD__URL": partner.simple_url}
        after = common | {"POSTBACK_DESTINATIONS__NEW__URL": partner.simple_url}
        for env in (before, after):
            assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        clicks = [Write(value(click, click), key=click.encode()) for click in CLICKS | late]
        produce(kafka, names.topic, clicks)
        with Program(before, tmp_path) as worker:
            partner.asked(len(clicks))
            wait_until("they wait", lambda: worker.metric("postback_retries_total") == len(late))
            assert worker.end() == 0
        failing.clear()
        checked = call("config", "check", "--online", env=after, at=tmp_path)
        assert (
            f"warning: old is no destination any more: what waits in the tiers of its group {names.group}.old"
            in (checked.stderr)
        )
        after["POSTBACK_DESTINATIONS__NEW__GROUP_ID"] = f"{names.group}.old"
        refused = call("run", env=after, at=tmp_path)
        assert (refused.returncode, "belongs to another deployment" in refused.stderr) == (2, True)
        with Program(after, tmp_path, "exec {} --adopt") as worker:
            assert call("waiting", "now", "--yes", env=after, at=tmp_path).returncode == 0
            wait_until("what waited is sent", lambda: {partner.clicks[click] for click in late} == {2})
            assert worker.end() == 0
        with Program(after, tmp_path) as worker:
            worker.ready()
            produce(kafka, names.topic, [Write(value("more", "more"), key=b"more")])
            wait_until("it goes on", lambda: "more" in partner.clicks)
            assert worker.end() == 0
        assert partner.clicks == dict.fromkeys(CLICKS | {"more"}, 1) | dict.fromkeys(late, 2)
