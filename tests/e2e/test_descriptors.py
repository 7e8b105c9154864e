"""Too few descriptors: no attempt is used up, and whoever asks is answered."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, committed, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
EVENTS, FEW = 600, 100
ATTEMPTS, RETRIES = "postback_attempts_total", "postback_retries_total"


def prepare(
    kafka: str, names: Names, tracker: Tracker, at: Path, transport: str, events: int = EVENTS
) -> dict[str, str]:
    """Make the topics and write the events; the variables of a worker that waits long for an answer."""
    env = settings(kafka, names, tracker, DESTINATION__TIMEOUT="1m", DESTINATION__TRANSPORT=transport)
    create_topics(kafka, {names.topic: 4})
    assert call("topics", "create", env=env, at=at).returncode == 0
    produce(kafka, names.topic, [value(f"e-{n}", f"click-{n}") for n in range(events)])
    return env


def count_committed(kafka: str, names: Names) -> int:
    """How many events are committed."""
    return sum(one.offset for one in committed(kafka, names.group, names.topic).values())


@pytest.mark.parametrize("transport", ["direct", pytest.param("session", marks=pytest.mark.long)])
def test_few_descriptors(kafka: str, names: Names, tmp_path: Path, transport: str) -> None:
    """With 100 descriptors and many slow requests it says what fits, is ready, and uses up no attempt."""
    with Tracker(lambda _query, _nth: "slow") as tracker:
        env = prepare(kafka, names, tracker, tmp_path, transport)
        with Program(env, tmp_path, f"ulimit -n {FEW}; exec {{}}") as program:
            warning = program.said("POSTBACK_DESTINATION__CONCURRENCY is 256, but of 100 descriptors")
            assert "raise the limit to 3" in warning["event"]
            program.ready()
            while count_committed(kafka, names) < EVENTS:
                assert program.get("/livez")[0] == 200
                assert "descriptors" not in program.get("/readyz")[1]
            program.ready()
            tracker.asked(EVENTS)
            assert program.metric(ATTEMPTS) == EVENTS
            assert program.metric(RETRIES) == 0
            assert program.end() == 0
    assert tracker.clicks == Counter({f"click-{n}": 1 for n in range(EVENTS)})


@pytest.mark.skipif(sys.platform != "linux", reason="sets the limit of another process")
@pytest.mark.long
@pytest.mark.parametrize("transport", ["session", "direct"])
def test_fewer_than_there_were(kafka: str, names: Names, tmp_path: Path, transport: str) -> None:
    """Where descriptors run out under way it says so once and where one asks; nothing is used up or lost."""
    with Tracker(lambda _query, _nth: "slow") as tracker:
        env = prepare(kafka, names, tracker, tmp_path, transport)
        with Program(env, tmp_path, "exec {}") as program:
            tracker.asked(1)
            used = len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
            before = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (used + 10, before[1]))
            line = program.said("no more connections can be opened: too few descriptors")
            assert f"{used + 10} files may be open (ulimit -n)" in line["event"]
            wait_until("it is not ready", lambda: "descriptors: too few" in program.get("/readyz")[1])
            while count_committed(kafka, names) < EVENTS:
                assert program.get("/livez")[0] == 200
                assert program.metric("postback_circuit_state") == 0
            resource.prlimit(program.pid, resource.RLIMIT_NOFILE, before)
            program.ready()
            assert program.metric(ATTEMPTS) == EVENTS
            assert program.metric(RETRIES) == 0
            assert program.end() == 0
    assert tracker.clicks == Counter({f"click-{n}": 1 for n in range(EVENTS)})
    said = [line for line in program.log if line["event"].startswith("no more connections")]
    assert len(said) == 1


def test_the_soft_limit(kafka: str, names: Names, tmp_path: Path) -> None:
    """A soft limit below the hard one is raised: there is room for every request that is wanted."""
    asked = count()
    # The first are answered, so that more are sent at a time; the others hang until that has been seen.
    with Tracker(lambda _query, _nth: "slow" if next(asked) < 2 * EVENTS else "hang") as tracker:
        env = prepare(kafka, names, tracker, tmp_path, "direct", 3 * EVENTS)
        with Program(env, tmp_path, f"ulimit -Sn {FEW}; exec {{}}") as program:
            wait_until("more are in flight", lambda: program.metric("postback_in_flight") > FEW)
            tracker.let_go()
            wait_until("all committed", lambda: count_committed(kafka, names) == 3 * EVENTS)
            assert program.end() == 0
    assert not [line for line in program.log if "descriptors" in line["event"]]
