"""What the log says, and what it never says."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from contextlib import redirect_stderr
from typing import Any, Literal

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.adapters.happenings import tell_everything
from worker.adapters.http_server import HttpServer
from worker.adapters.logs import Level, make_logs, set_up

Form = Literal["auto", "json", "console"]
FIRST_DAY = "no committed offset, and none remembered: reading begins where POSTBACK_KAFKA__START says"
STARTS = [
    FIRST_DAY,
    "no committed offset of a new partition: reading begins at its start",
    "no committed offset any more: reading begins where the group remembers it to have been",
    "no committed offset any more: reading begins where the journal says that the group was",
    "what is known of offsets is of a topic that was deleted: reading begins at the new one's start",
    "the log was truncated: reading goes on where it ended then",
    "removed before it was read: reading goes on at the log's start",
]
TELLS: dict[Level, list[tuple[str, str]]] = {
    "debug": [
        ("delivered", "debug"),
        (FIRST_DAY, "debug"),
        ("skipped: delivered already", "debug"),
        ("rebalanced", "debug"),
    ],
    "info": [("retry", "info"), ("rebalance", "info")],
    "warning": [
        ("dead letter", "warning"),
        ("commit metadata is not believed; what was finished above the offset may be sent again", "warning"),
        ("skipped what can't be read, as POSTBACK_KAFKA__SKIP says", "warning"),
        *((starts, "warning") for starts in STARTS),
        (
            "topic was deleted and made again: it counts from its start; what lay in the deleted one is gone",
            "warning",
        ),
        ("commit failed; the next one says the same or more", "warning"),
        ("publish refused; trying again", "warning"),
        ("a standing order", "warning"),
        ("broker away", "warning"),
        (
            "circuit opened: the partner counts as down; events wait, and no attempt is used up",
            "warning",
        ),
        ("circuit closed: the partner is back", "warning"),
    ],
    "error": [("a record can't be read: its partition rests", "error")],
}
LEVELS: list[Level] = ["debug", "info", "warning", "error"]


class Terminal(io.StringIO):
    """A stderr that is a terminal, or is not."""

    def __init__(self, *, tty: bool = False) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def take(self, form: Form, level: Level) -> None:
        """Be the standard error of a program that sets up its log."""
        with redirect_stderr(self):
            set_up(form, level)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its lines, each of which is JSON."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a program does, with no log that pytest has set up."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


@pytest.mark.parametrize("level", LEVELS)
def test_levels(level: Level) -> None:
    """Each thing that happens is one line of JSON at its level, and nothing below the level is written."""
    stderr = Terminal()
    stderr.take("auto", level)
    tell_everything(make_logs("momentscience", level))
    expected = [line for one in LEVELS[LEVELS.index(level) :] for line in TELLS[one]]
    assert sorted((line["event"], line["level"]) for line in stderr.lines) == sorted(expected)
    assert {line["destination"] for line in stderr.lines} <= {"momentscience"}
    assert all(line["timestamp"].endswith("Z") for line in stderr.lines)


def test_refusals() -> None:
    """However many records a topic refuses, a line says it once; another cause has a line of its own."""
    stderr = Terminal()
    stderr.take("json", "info")
    logs = make_logs("momentscience", "info")
    for size in range(1000):
        logs.refused("w.retry.10s", f"w.retry.10s refuses a record of {size} bytes")
        logs.refused("w.retry.30s", f"w.retry.30s refuses a record of {size} bytes")
    logs.refused("w.retry.10s", "topic w.retry.10s does not exist")
    told = [(line["topic"], line["error"]) for line in stderr.lines]
    assert told == [
        ("w.retry.10s", "w.retry.10s refuses a record of 0 bytes"),
        ("w.retry.30s", "w.retry.30s refuses a record of 0 bytes"),
        ("w.retry.10s", "topic w.retry.10s does not exist"),
    ]


def test_failed_commits() -> None:
    """Commits that fail several times a second are told of now and then, whatever they would move."""
    stderr = Terminal()
    stderr.take("json", "info")
    logs = make_logs("momentscience", "info")
    for partition in "abcdefgh":
        logs.committed(f"{partition}: not authorized")
        logs.committed(None)
    assert [line["error"] for line in stderr.lines] == ["a: not authorized"]


def test_endings() -> None:
    """The line of an ending says which event, which attempt, where it came from and why."""
    stderr = Terminal()
    stderr.take("json", "debug")
    tell_everything(make_logs("momentscience", "debug"))
    lines = {line["event"]: line for line in stderr.lines}
    told = {"event_id": "e-1", "attempts": 2, "status": 200, "delay": 12.346, "at": "conversions/3/7"}
    assert told.items() <= lines["delivered"].items()
    told = {
        "event_id": "e-2",
        "tier": "10s",
        "reason": "status",
        "error": "HTTP 500",
        "at": "conversions/3/7",
    }
    assert told.items() <= lines["retry"].items()
    told = {"event_id": None, "reason": "undecodable", "error": "no value", "at": "conversions/3/7"}
    assert told.items() <= lines["dead letter"].items()
    told = {"status": "503", "error": "HTTP 503", "share": 0.75}
    opened = "circuit opened: the partner counts as down; events wait, and no attempt is used up"
    assert told.items() <= lines[opened].items()
    told = {"lasted_seconds": 30.0, "probes": 2, "last_error": "HTTP 503"}
    assert told.items() <= lines["circuit closed: the partner is back"].items()
    assert "a-key" not in stderr.getvalue()
    assert "a-value" not in stderr.getvalue()


def test_the_libraries() -> None:
    """The libraries' own lines have the same form, from warning on."""
    stderr = Terminal()
    stderr.take("json", "debug")
    logging.getLogger("worker.kafka").warning("broker %s is away", "b1")
    logging.getLogger("aiohttp").info("chatter")
    (line,) = stderr.lines
    assert (line["event"], line["level"]) == ("broker b1 is away", "warning")


def test_an_exception_of_a_library() -> None:
    """The traceback that a library logs is a part of its one line, too."""
    stderr = Terminal()
    stderr.take("json", "info")
    try:
        int("x")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    (line,) = stderr.lines
    assert line["event"] == "Error handling request"
    assert line["exception"].startswith("Traceback (most recent call last)")


@pytest.mark.parametrize("line", [b"GET /" + b"a" * 20_000, b"GET / HTTP/9.9", b"GET / HTTP/1.1\r\n\0: x"])
async def test_a_visitor_who_speaks_no_http(line: bytes) -> None:
    """Who asks what is no HTTP of `/metrics` gets 400, and no line in the log."""
    stderr = Terminal()
    stderr.take("json", "info")
    server = HttpServer(CollectorRegistry(), list, list)
    await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(line + b"\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    await server.close()
    assert stderr.lines == []


def test_the_libraries_at_error() -> None:
    """Where only errors are wanted, the libraries' warnings are not written either."""
    log = Terminal()
    log.take("json", "error")
    logging.getLogger("worker.kafka").warning("broker %s is away", "b1")
    logging.getLogger("worker.kafka").error("broker %s is gone", "b1")
    assert [line["event"] for line in log.lines] == ["broker b1 is gone"]


def test_an_exception() -> None:
    """A traceback is a part of its one line."""
    stderr = Terminal()
    stderr.take("json", "info")
    try:
        int("x")
    except ValueError:
        structlog.get_logger("worker").exception("the worker broke")
    (line,) = stderr.lines
    assert "ValueError: invalid literal" in line["exception"]


def test_on_a_terminal() -> None:
    """On a terminal the lines are for people, in colour."""
    stderr = Terminal(tty=True)
    stderr.take("auto", "info")
    make_logs("momentscience", "info").trouble("broker away")
    assert "\x1b[" in stderr.getvalue()
    assert not stderr.getvalue().startswith("{")


def test_console_without_a_terminal() -> None:
    """Lines for people that go to a file have no colour."""
    stderr = Terminal()
    stderr.take("console", "info")
    make_logs("momentscience", "info").trouble("broker away")
    assert "broker away" in stderr.getvalue()
    assert "\x1b[" not in stderr.getvalue()
