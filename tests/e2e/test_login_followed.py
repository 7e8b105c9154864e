"""The password of Kafka is replaced while the console and `status --watch` look: both go on to see."""

from __future__ import annotations

import re
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program
from tests.e2e.test_kafka_rotation import topics, world
from tests.e2e.test_secured import variables
from tests.support.certificates import replace
from tests.support.kafka import Names, produce, wait_until
from tests.support.secured import REAUTHENTICATED_AFTER_MS, Secured

pytestmark = [pytest.mark.kafka, pytest.mark.process]
CONSOLE = ("console", "--port", "0")
WATCH = ("status", "--watch", "--every", "0.5", "-o", "json")


def test_who_looks_follows_the_password(secured: Secured, names: Names, tmp_path: Path) -> None:
    """Each sees what is published when no session is left of the password that counts no more."""
    user, file, told = "looking-user", tmp_path / "password", tmp_path / "told"
    secured.set_password(user, "s3cret-0")
    replace(file, "s3cret-0")
    given = {**secured.tls(), "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user}
    env = {**variables(given), "POSTBACK_KAFKA__PROPERTIES__SASL_PASSWORD_FILE": str(file)}
    env = {**world(secured.login, names), **env}
    topics(secured, names, user)
    published = 0
    with (
        Program(env, tmp_path, words=CONSOLE) as console,
        Program(env, tmp_path, f"exec {{}} > {told}", words=WATCH) as watching,
    ):
        host = urlsplit(console.said("started")["console"]).netloc

        def both_see_one_more() -> None:
            nonlocal published
            published += 1
            produce(secured.open, names.topic, [value(f"e-{published}", f"c-{published}")])
            wait_until("the page shows it", lambda: to_send(host) == published)
            wait_until("status shows it", lambda: lag(told) == published)

        both_see_one_more()
        secured.set_password(user, "s3cret-1")
        replace(file, "s3cret-1\n")
        changed = monotonic()
        while monotonic() - changed < 2 * REAUTHENTICATED_AFTER_MS / 1000:
            both_see_one_more()
    assert not [line for line in console.lines + watching.lines if "s3cret" in line]


def to_send(host: str) -> int:
    """How many events lie on the source, by the page."""
    with urlopen(f"http://{host}/", timeout=10) as answer:
        found = re.search(r"<dt>to send</dt><dd>(\d+)", answer.read().decode())
    return int(found[1]) if found else -1


def lag(told: Path) -> int:
    """The same, by what `status` printed last."""
    found = re.findall(r'"lag": (\d+)', told.read_text("utf-8"))
    return int(found[-1]) if found else -1
