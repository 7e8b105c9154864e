"""What the views show of known data, and that it is text, whatever it holds."""

from __future__ import annotations

import pytest

from tests.console.known import DOWN, HOSTILE, NOW, WELL, paused, unread
from tests.console.served import page_of, served
from worker.console.watch import DestinationSnapshot, LoadProgress, Trouble

PATHS = (
    "/",
    "/flow/binom",
    "/undelivered/binom?kind=dead",
    "/undelivered/binom?kind=waiting",
    "/destination/binom",
    *(f"/undelivered/binom/row/0/{number}" for number in range(len(HOSTILE))),
)
TAGS_THAT_ACT = {"script", "img", "iframe", "style"}


async def test_verdict() -> None:
    """Each destination has its word, why, since when, and the command; what needs somebody comes first."""
    async with served() as console:
        status, page, text = await page_of(console, "/")
    assert status == 200
    assert text.index("partner down") < text.index("flowing")
    assert "2 of 2 workers met an outage" in text
    assert "postback-worker send --click-id TEST" in text
    assert "251 delivered, 4 failed in 15 s" in text
    assert "18,412" in text
    assert "12 s late" in text
    shapes = [given["class"] for given in page.all("svg") if "icon" in given.get("class", "")]
    assert shapes == ["icon broken", "icon well"]


async def test_unread_partitions() -> None:
    """What can't be read is named, no verdict is guessed, and numbers are marked as the least."""
    async with served() as console:
        console.watch.say(WELL, status=unread(NOW))
        _, page, text = await page_of(console, "/")
        assert "unknown whether it is paused can't be told: momentscience.control/0: no leader" in text
        assert "numbers with a + are the least. momentscience.source/1, momentscience.10s/1," in text
        assert "to send 14+" in text
        assert "dead, last hour 3+" in text
        shapes = [given["class"] for given in page.all("svg") if "icon" in given.get("class", "")]
        assert shapes == ["icon broken", "icon watch", "icon watch"]
        _, _, text = await page_of(console, f"/destination/{WELL}")
        assert "Standing orders Not known: they can't be read." in text
        assert "to send 14+" in text


async def test_flow() -> None:
    """The hour is drawn, with a title and in words, and stands in a table beside it, minute by minute."""
    async with served() as console:
        _, page, text = await page_of(console, "/flow/binom")
    drawings = [given for given in page.all("svg") if given["class"] == "plot"]
    assert [given["role"] for given in drawings] == ["img"] * 4
    assert {given["aria-labelledby"] for given in drawings} == {
        f"{one}-title {one}-desc" for one in ("came", "failed", "waiting", "dead")
    }
    assert "503: 11,900, most 700 in a minute" in text
    assert len(page.all("tr")) == 4 * 61 + 3


async def test_undelivered() -> None:
    """Groups and replays are told; the rows of a group are those that it counts, and lead to each whole."""
    async with served() as console:
        _, page, text = await page_of(console, "/undelivered/binom")
        assert "running 312 of 500" in text
        assert "interrupted 40 of 90" in text
        assert "sent elsewhere 7 of 20" in text
        (link,) = [one["href"] for one in page.all("a") if "Show 1840" in one.get("aria-label", "")]
        _, page, text = await page_of(console, link)
        assert "0 shown of 0 that match" in text
        _, page, text = await page_of(console, "/undelivered/binom?kind=dead&reason=exhausted")
        assert "5 shown of 5 that match" in text
        assert "/undelivered/binom/row/0/4" in {one.get("href") for one in page.all("a")}
        _, page, text = await page_of(console, "/undelivered/binom?kind=dead&error=SCRIPT")
        assert "1 shown of 1 that match" in text
        _, page, text = await page_of(console, "/undelivered/binom?kind=waiting&event_id=e-waits")
        assert "1 shown of 1 that match" in text


async def test_which_replays_can_go_on() -> None:
    """One that nobody sends goes on from the page, at its own pace unless another is said; no other does."""
    async with served(allow_actions="true") as console:
        _, page, _ = await page_of(console, "/undelivered/binom")
        forms = [one["action"] for one in page.all("form") if "/act/binom/" in one.get("action", "")]
        assert [form.rpartition("/")[2] for form in forms if form.endswith(("go-on", "stop"))] == [
            "stop",
            "go-on",
        ]
        rates = {one.get("id"): one.get("value") for one in page.all("input") if one.get("name") == "rate"}
        assert rates == {"rate-r0": "5"}


async def test_destination() -> None:
    """It has its template, a sample, the workers' circuits, and each order with who gave it and why."""
    async with served() as console:
        console.watch.say(DOWN, status=paused(NOW))
        _, _, text = await page_of(console, "/destination/binom")
    assert "GET https://binom.example/p?cid=9f8e7d6c5b4a3928" in text
    assert "open since 17 min ago" in text.replace("  ", " ") or "open since" in text
    assert "by anna@console" in text
    assert HOSTILE[1] in text


async def test_conversion() -> None:
    """A search shows the verdict, where it is, and each step with its time; what is not there is said."""
    async with served() as console:
        _, page, text = await page_of(console, "/conversion")
        assert "The life of a conversion" in text
        path = "/conversion?by=event_id&id="
        _, page, text = await page_of(console, f"{path}%7B%7B%207*7%20%7D%7D%7B%25%20raw%20%25%7D$%7B7*7%7D")
        assert "attempt 1: 503 in 41 ms" in text
        assert "dead: exhausted" in text
        assert "at binom" in text
        assert len(page.all("li")) >= 3
        _, _, text = await page_of(console, f"{path}nowhere")
        assert "Nothing was found" in text


@pytest.mark.parametrize("path", PATHS)
async def test_what_events_hold_is_text(path: str) -> None:
    """Whatever an id, an error or a body holds is text: no element, no template, and its direction ends."""
    async with served() as console:
        status, page, _ = await page_of(console, path)
    assert status == 200
    assert [tag for tag, _ in page.elements if tag in TAGS_THAT_ACT] == ["script"]
    assert {script["src"].rpartition("/")[2] for script in page.all("script")} == {"console.js"}
    hostile = [text for text in page.texts if any(part in text for part in ("\u202e", "onerror", "{{ 7"))]
    assert [text for text in hostile if text not in page.isolated] == []


async def test_long_values_are_whole() -> None:
    """A click id of 512 characters is there to the last one."""
    async with served() as console:
        _, _, text = await page_of(console, "/undelivered/binom/row/0/4")
    assert "w" * 512 in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"click_id":"\\ud800"}', r'"click_id": "\ud800"'),
        (b'{"payout":5.0000000000000000001}', '{"payout":5.0000000000000000001}'),
        (b'{"payout":1e999}', '{"payout":1e999}'),
        (b'{"payout":1,"payout":2}', '{"payout":1,"payout":2}'),
        (b'{"payout":49.90}', '{ "payout": 49.9 }'),
    ],
)
async def test_a_value_is_shown_as_it_is(value: bytes, shown: str) -> None:
    """A row's value is what the record holds, also where a parser would make another of it."""
    async with served() as console:
        row = console.watch.row(DOWN, "0/1")
        console.watch.say(DOWN, rows=[row._replace(letter=row.letter.model_copy(update={"value": value}))])
        status, _, text = await page_of(console, "/undelivered/binom/row/0/1")
    assert status == 200
    assert shown in text


async def test_nothing_is_known_yet() -> None:
    """Before anything was read each view says so, and how far it is; what fails is said, with what to do."""
    async with served() as console:
        trouble = Trouble(["kafka:9092: nobody answers"], "is it up?")
        empty = {
            name: value
            for name, value in DestinationSnapshot(DOWN)._asdict().items()
            if name not in ("destination", "version")
        }
        console.watch.say(DOWN, **{**empty, "progress": LoadProgress(40, 1000)})
        for path in ("/", "/flow/binom", "/undelivered/binom", "/destination/binom"):
            status, _, text = await page_of(console, path)
            assert status == 200
            assert "40 of 1,000 records" in text
        console.watch.say(DOWN, trouble=trouble)
        _, _, text = await page_of(console, "/")
        assert "nobody answers" in text
        assert "is it up?" in text


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/flow/nobody", 404, "no such page"),
        ("/conversion?by=payout&id=1", 400, "must be event_id, click_id or order_id"),
        ("/undelivered/binom?status=many", 400, "must be an HTTP status"),
        (f"/undelivered/binom?status={'9' * 5000}", 400, "must be an HTTP status"),
        ("/undelivered/binom?reason=bored", 400, "is no reason"),
        ("/undelivered/binom?kind=dead&limit=-1", 400, "must be a whole number"),
        ("/undelivered/binom?since=monday", 400, "is no time"),
        ("/undelivered/binom/row/9/9", 409, "there is nothing at 9/9"),
        ("/flow", 303, ""),
    ],
)
async def test_what_cannot_be_shown_is_a_line(path: str, status: int, told: str) -> None:
    """What is asked wrongly is one page with a line that says what would be right."""
    async with served() as console:
        got, _, text = await page_of(console, path)
    assert got == status
    assert told in text


async def test_changes_are_told() -> None:
    """A page that is open hears of each change, with the number to go on from after a break."""
    async with served() as console, console.client.get(f"{console.base}/events?after=0") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        version = console.watch.version
        assert await stream.content.readline() == f"id: {version}\n".encode()
        assert await stream.content.readline() == b"event: changed\n"
        async with console.client.head(f"{console.base}/events?after=0") as head:
            assert head.status == 200
            assert await head.read() == b""


async def test_a_page_that_follows_asks_for_what_is_live_alone() -> None:
    """To follow what changes no rows are read anew, and what another page is to be told is left to it."""
    async with served(allow_actions="true") as console:
        await console.post("/act/binom/resume", {"who": "anna", "csrf": await console.csrf()})
        path = "/undelivered/binom?kind=dead"
        _, live = await console.get(path, X_Live="1")
        assert 'id="groups"' in live
        assert "5</strong> shown" not in live
        assert "no pause stood" not in live
        _, page = await console.get(path)
        assert "5</strong> shown" in page
        assert "no pause stood" in page
