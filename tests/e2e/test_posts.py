"""Requests with bodies on a real Kafka: byte for byte, as often as GETs, and no secret of theirs anywhere."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, create_topics, end_offsets, produce, read_all, wait_until
from tests.support.second_reading import Reading

pytestmark = [pytest.mark.kafka, pytest.mark.process]

SECRETS = {"key": "s3cr3t/k%y", "token": 's3cr3t "token"'}
TARGET = (
    "/v1/{secret.key}/{order_id|none}/postback?click_id={click_id}"
    "&goal={event:purchase=Sale,*=Other|none}&k={secret.key}"
)
BODY = (
    '{"id":"{event_id}","click":"{click_id}","at":"{occurred_at:unix:number}","value":"{payout?:number}",'
    '"who":["{attributes.email?:sha256}"],"t":"{secret.token}","any":"{attributes.any|-}"}'
)
HEADER = "{attributes.any|none} {secret.token}"
GOOD = 24
ODD = ("{click_id}", "%s", '"}', "\\", "é😀", "{secret.token}", "a&b=c", "' OR 1")
ACTS: dict[str, Act] = {"fails": 500, "resets": "reset", "hangs": "hang"}


def event(number: int, click_id: str, **fields: Any) -> dict[str, Any]:
    """An event of its own, with something odd in it."""
    least = {"event_id": f"e-{number}", "click_id": click_id, "occurred_at": "2026-11-27T10:00:00Z"}
    return {**least, "attributes": {"any": ODD[number % len(ODD)], "email": " A@b.c "}, **fields}


EVENTS = [
    *(event(number, f"c-{number}-{ODD[number % len(ODD)]}", payout="5.00") for number in range(GOOD)),
    event(100, "fails", event="purchase", order_id="a/b"),
    event(101, "resets", event="signup", payout="0.10", attributes={}),
    event(102, "hangs", order_id="ü", attributes={"any": "~"}),
]
INVALID = [
    event(200, "two lines", attributes={"any": "a\r\nX-Other: b"}),
    event(201, "too long", attributes={"any": "x" * 70_000}),
    event(202, "up", order_id=".."),
]


def act(query: Query, nth: int) -> Act:
    """What the partner does: the odd ones fail at first."""
    return ACTS.get(query["click_id"], 200) if nth == 1 else 200


@pytest.mark.parametrize("transport", ["direct", pytest.param("session", marks=pytest.mark.long)])
def test_posts(kafka: str, tmp_path: Path, transport: str) -> None:
    """Each POST is as its templates say, made once for each attempt, and retried as a GET is."""
    names = Names.fresh("posts")
    create_topics(kafka, {names.topic: 2})
    with Tracker(act) as tracker:
        url = f"http://127.0.0.1:{tracker.port}{TARGET}"
        env = settings(
            *(kafka, names),
            DESTINATION__URL=url,
            DESTINATION__METHOD="POST",
            DESTINATION__BODY=BODY,
            DESTINATION__HEADERS__X_ANY=HEADER,
            DESTINATION__HEADERS__AUTHORIZATION="Bearer {secret.token}",
            DESTINATION__SECRETS__KEY=SECRETS["key"],
            DESTINATION__SECRETS__TOKEN=SECRETS["token"],
            DESTINATION__TRANSPORT=transport,
            DESTINATION__TIMEOUT="8s",  # that of the one that hangs: no other is so late
            LOG__LEVEL="debug",
        )
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        produce(kafka, names.topic, [json.dumps(one).encode() for one in (*EVENTS, *INVALID)])
        with Program(env, tmp_path) as program:
            program.ready()
            tracker.asked(GOOD + 2 * len(ACTS), within=60.0)
            wait_until(
                "the dead are there", lambda: sum(end_offsets(kafka, names.dlq).values()) == len(INVALID)
            )
            told = [program.get(path)[1] for path in ("/metrics", "/readyz")]
            assert program.end() == 0
        hits = tracker.hits
    times = Counter(json.loads(hit.body)["id"] for hit in hits)
    assert times == {one["event_id"]: 2 if one["click_id"] in ACTS else 1 for one in EVENTS}
    by_id = {one["event_id"]: Reading(one, SECRETS) for one in EVENTS}
    for hit in hits:
        reading = by_id[json.loads(hit.body)["id"]]
        assert (hit.method, hit.target, hit.body) == ("POST", reading.target(url), reading.json(BODY))
        assert hit.headers["X-Any"] == reading.header(HEADER)
        assert hit.headers["Authorization"] == f"Bearer {SECRETS['token']}"
        assert hit.headers["Content-Length"] == str(len(hit.body))
    dead = read_all(kafka, names.dlq)
    assert {one.header("postback-reason") for one in dead} == {"invalid"}
    assert sorted(one.header("postback-error") or "" for one in dead) == [
        "the URL would have a path segment of dots alone, which leads elsewhere",
        "the body would be 70081 bytes long; it may have 65536",
        "the header X-Any can't hold a control character, such as a line's end",
    ]
    written = [*program.lines, *told, *map(repr, (*dead, *read_all(kafka, names.tier("500ms"))))]
    shown = call("config", "show", env=env, at=tmp_path)
    assert shown.returncode == 0
    assert not [text for text in (*written, shown.stdout, shown.stderr) if "s3cr3t" in text]
