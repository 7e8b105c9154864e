"""Tokens, certificates and authorities are replaced while events flow: nothing fails, or is sent twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.e2e.bouncer import Bouncer
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.support.certificates import ClientFiles, replace
from tests.support.kafka import Names, Write, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
A_SECOND = 200
"""Events that are published in a second, about."""

PREFIX = "POSTBACK_DESTINATION__"


class Flow:
    """Events that go on being published, from a thread."""

    def __init__(self, kafka: str, topic: str) -> None:
        self._kafka, self._topic = kafka, topic
        self._over = threading.Event()
        self.count = 0

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Publish until the end of this."""
        thread = threading.Thread(target=self._publish)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _publish(self) -> None:
        while not self._over.wait(0.1):
            numbers = range(self.count, self.count + A_SECOND // 10)
            self.count = numbers.stop  # before they are there: who counts waits for them
            produce(
                self._kafka,
                self._topic,
                [Write(value(f"e-{one}", f"c-{one}"), f"c-{one}".encode()) for one in numbers],
            )


def counts(program: Program, variable: str, times: int) -> None:
    """Wait until the program has said so many times that a file counts."""

    def said() -> int:
        lines = [line for line in program.log if line["event"].startswith("a file has changed")]
        return sum(line["variable"] == f"{PREFIX}{variable}" for line in lines)

    wait_until(f"{variable} counts for the {times}. time", lambda: said() >= times)


@pytest.mark.parametrize("transport", ["direct", pytest.param("session", marks=pytest.mark.long)])
def test_rotation(kafka: str, names: Names, tmp_path: Path, transport: str) -> None:
    """Each is replaced twice, and what is old refused soon after: all is delivered once, at once."""
    create_topics(kafka, {names.topic: 2})
    authorities = [trustme.CA(organization_name=f"Authority {number}") for number in range(3)]
    clients = trustme.CA()
    files = ClientFiles(tmp_path, clients)
    files.trust(authorities[0])
    files.renew("client-0")
    token = tmp_path / "token"
    token.write_text("token-0")
    flow = Flow(kafka, names.topic)
    with Bouncer(authorities[0], clients) as bouncer:
        named = {"CA_FILE": files.ca, "CERT_FILE": files.cert, "KEY_FILE": files.key}
        given = {
            "SIMPLE_URL": bouncer.url,
            "EVENT_URL": bouncer.url,
            "TRANSPORT": transport,
            "HEADERS__X_TOKEN_FILE": token,
            **named,
        }
        env = {**settings(kafka, names), **{f"{PREFIX}{name}": str(text) for name, text in given.items()}}
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program, flow.flowing():
            wait_until("it flows", lambda: bouncer.seen("token-0") > 100, within=90.0)
            for number in (1, 2):
                replace(token, f"token-{number}\n")
                replaced(bouncer, flow, "token", number)
                files.renew(f"client-{number}")
                replaced(bouncer, flow, "client", number)
                files.trust(authorities[number - 1], authorities[number])
                counts(program, "CA_FILE", 2 * number - 1)
                answered(bouncer, flow)
                bouncer.become(authorities[number])
                files.trust(authorities[number])
                counts(program, "CA_FILE", 2 * number)
                answered(bouncer, flow)
            flow._over.set()
            wait_until("all are delivered", lambda: len(bouncer.shown) >= flow.count)
            attempts = program.metric("postback_attempts_total")
            retried = program.metric("postback_retries_total")
            assert program.end() == 0
        print(f"{transport}: {flow.count} events, {attempts:g} attempts, answers {dict(bouncer.statuses)}")
    retries = [line["error"] for line in program.log if line["event"] == "retry"]
    assert (retries, retried, bouncer.statuses) == ([], 0, Counter({200: flow.count}))
    assert Counter(one.click for one in bouncer.shown) == Counter(f"c-{one}" for one in range(flow.count))
    troubles = [line for line in program.log if line["level"] != "info"]
    assert [line for line in troubles if "stays in use" in line["event"]] == []
    assert not [line for line in program.lines if "token-" in line or "PRIVATE" in line]


def answered(bouncer: Bouncer, flow: Flow) -> None:
    """Wait until nothing is under way that was published before: so long a partner accepts what is old."""
    published = {f"c-{number}" for number in range(flow.count)}
    wait_until("all until now are answered", lambda: published <= {one.click for one in bouncer.shown})


def replaced(bouncer: Bouncer, flow: Flow, what: str, number: int) -> None:
    """Wait until what is new is used, and what was begun before is over; then what is old is refused."""
    begun = time.time()
    old, new = f"{what}-{number - 1}", f"{what}-{number}"
    wait_until(f"{new} is used", lambda: bouncer.seen(new) > 0)
    answered(bouncer, flow)
    bouncer.refused.add(old)
    first = min(one.at for one in bouncer.shown if new in {one.token, one.client})
    last = max(one.at for one in bouncer.shown if old in {one.token, one.client})
    print(f"{new}: first used {first - begun:.2f} s after it was written, {old} last {last - begun:.2f} s")
