"""Thousands of events over five destinations with templates of five kinds, held against a second reading."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, create_topics, end_offsets, produce, read_all, wait_until
from tests.support.second_reading import Reading, Wrong

pytestmark = [pytest.mark.kafka, pytest.mark.process]

EVENTS, SEED = 5000, 20261127
SECRETS = {"token": "s3cret&=%{click_id}"}
FORM = "application/x-www-form-urlencoded"
CLICK = "postback?click_id={click_id}"
DESTINATIONS: dict[str, dict[str, str]] = {
    "get": {"URL": f"/get/{CLICK}&id={{event_id}}&p={{payout}}&c={{currency}}&t={{secret.token}}"},
    "path": {"URL": f"/path/{{event_id}}/{{payout|0.00}}/{{order_id|none}}/{CLICK}"},
    "json": {
        "URL": f"/json/{CLICK}&k={{secret.token}}",
        "METHOD": "POST",
        "BODY": '{"id":"{event_id}","at":"{occurred_at:unix:number}","v":"{payout?:number}","who":'
        '["{attributes.email?:sha256}"],"any":{"text":"{attributes.any|}","order":"{order_id?}"}}',
    },
    "form": {
        "URL": f"/form/{CLICK}",
        "METHOD": "PUT",
        "BODY": "id={event_id}&any={attributes.any?}&sum={payout:minor|0}&e={event:purchase=a&b c,*|none}",
        "CONTENT_TYPE": FORM,
    },
    "map": {
        "URL": f"/map/{CLICK}&id={{event_id}}&goal={{event:purchase=Sale,signup=Lead}}&o={{order_id?}}",
        "HEADERS__X_ANY": "<{attributes.any|none}>",
    },
}
ALPHABET = "ab1-._~ %{}\"'\\&=+?#/;:<>[]|^`$,éüßжש中😀\u2028\u00a0"


def events(chance: random.Random) -> list[dict[str, Any]]:
    """Events of all networks, and of none, with anything printable in them."""

    def text(most: int = 12) -> str:
        return "".join(chance.choices(ALPHABET, k=chance.randint(1, most)))

    made = []
    for number in range(EVENTS):
        attributes = {"any": text()} if chance.random() < 0.7 else {}
        email = {"email": f" {text(4)}@Example.com"} if chance.random() < 0.5 else {}
        one = {
            "event_id": f"e-{number}",
            "click_id": text(),
            "network": chance.choice([*DESTINATIONS, "other"]),
            "event": chance.choice([None, "purchase", "signup", text(4)]),
            "payout": chance.choice([None, f"{chance.randint(0, 9999)}.{chance.randint(0, 99):02}"]),
            "order_id": chance.choice([None, text(), ".", ".."]),
            "occurred_at": "2026-11-27T10:00:00Z",
            "attributes": attributes | email,
        }
        made.append(one)
    return made


@pytest.mark.long
def test_five_kinds(kafka: str, tmp_path: Path) -> None:
    """Each event that can be sent is sent once, as a second reading has it; the rest is dead."""
    names = Names.fresh("kinds")
    create_topics(kafka, {names.topic: 4})
    made = {one["event_id"]: one for one in events(random.Random(SEED))}
    with Tracker() as tracker:
        env = settings(kafka, names)
        for name, given in DESTINATIONS.items():
            own = f"POSTBACK_DESTINATIONS__{name.upper()}__"
            env |= {own + key: value for key, value in given.items()}
            env[f"{own}URL"] = f"http://127.0.0.1:{tracker.port}{given['URL']}"
            env |= {f"{own}WHEN__NETWORK": name, f"{own}SECRETS__TOKEN": SECRETS["token"]}
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        expected = {event_id: request(one) for event_id, one in made.items()}
        sendable = [event_id for event_id, one in expected.items() if one is not None]
        produce(
            kafka,
            names.topic,
            [Write(json.dumps(one).encode(), key=key.encode()) for key, one in made.items()],
        )
        with Program(env, tmp_path) as program:
            program.ready()
            tracker.asked(len(sendable), 60)
            dead = EVENTS - len(sendable)
            wait_until("the dead are there", lambda: len(dead_of(kafka, names)) == dead)
            assert program.end() == 0
        hits = tracker.hits
    assert not [line for line in program.lines if SECRETS["token"] in line]
    got = Counter((hit.method, hit.target, hit.headers.get("X-Any"), hit.body) for hit in hits)
    assert got == Counter(one for one in expected.values() if one is not None)
    letters = dead_of(kafka, names)
    reasons = Counter(letters.values())
    nobody = sum(one["network"] not in DESTINATIONS for one in made.values())
    print(f"{len(hits)} sent, {reasons}")
    assert reasons == {"unrouted": nobody, "invalid": dead - nobody}
    assert letters.keys() == made.keys() - set(sendable)


def request(one: dict[str, Any]) -> tuple[str, str, str | None, bytes] | None:
    """The request that an event should become, None where that can't be."""
    given = DESTINATIONS.get(one["network"])
    if given is None:
        return None
    reading = Reading(one, SECRETS)
    try:
        body = given.get("BODY", "")
        filled = (
            reading.form(body).encode() if given.get("CONTENT_TYPE") == FORM else body and reading.json(body)
        )
        header = reading.header(given["HEADERS__X_ANY"]) if "HEADERS__X_ANY" in given else None
        target = reading.target(f"http://h{given['URL']}")
        return given.get("METHOD", "GET"), target, header, filled or b""
    except Wrong:
        return None


def dead_of(kafka: str, names: Names) -> dict[str, str]:
    """The event ids of all dead letters, with the reason of each."""
    found = {}
    for name in DESTINATIONS:
        topic = f"{names.group}.{name}.dlq"
        if sum(end_offsets(kafka, topic).values()):
            letters = read_all(kafka, topic)
            found.update(
                {
                    json.loads(one.value or b"")["event_id"]: one.header("postback-reason") or ""
                    for one in letters
                }
            )
    return found
