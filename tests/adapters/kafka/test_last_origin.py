"""Where a destination has sent to last, as its journal tells."""

from __future__ import annotations

import time

import pytest

from tests.support.kafka import Names, Write, create_topics, produce
from worker.adapters.kafka.config import consumer_config
from worker.adapters.kafka.last_origin import LAST_STEPS, last_origin

pytestmark = pytest.mark.kafka


def step(url: str | None) -> bytes:
    """A step as a worker writes it, of a request to this URL or of none."""
    asked = "" if url is None else f',"attempt":1,"status":200,"ms":5,"url":"{url}"'
    said = '"click_id":"\\",\\"url\\":\\"https://no.example/\\""'
    return f'{{"at":"2026-01-31T12:00:00.000Z","step":"delivered",{said}{asked},"origin":"t/0/1"}}'.encode()


def test_the_newest_request(kafka: str, names: Names) -> None:
    """It is that of the newest step of a request, in whichever partition; without any it is unknown."""
    config = consumer_config(kafka, names.group, "test", {})
    assert last_origin(config, names.journal) is None
    create_topics(kafka, {names.journal: 2})
    produce(kafka, names.journal, [Write(step(None)), Write(b"junk"), Write(None, b"key")])
    assert last_origin(config, names.journal) is None
    now = round(time.time() * 1000)
    steps = [("https://new.example:8443/p?c=1", 1, now), ("http://old.example/p", 0, now - 1)]
    produce(kafka, names.journal, [Write(step(url), None, (), at, when) for url, at, when in steps])
    assert last_origin(config, names.journal) == "https://new.example:8443"
    produce(kafka, names.journal, [Write(step(None), partition=1)] * LAST_STEPS)
    assert last_origin(config, names.journal) == "http://old.example"
