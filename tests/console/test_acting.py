"""What is done from the page: confirmed first, done in the name of who asks, reported afterwards."""

from __future__ import annotations

import pytest

from tests.console.served import page_of, served
from worker.console.actions import ReplayPreview
from worker.ops.errors import BrokerUnavailable, CannotDo


async def test_actions_ask_and_act() -> None:
    """An action shows the command's question and count, is done in the name of who asked, and is reported."""
    async with served(allow_actions="true") as console:
        console.actions.counts = {"source": 3, "10s": 4}
        _, page, text = await page_of(console, "/act/binom/cancel?offer_id=7")
        assert "cancel what matches --offer-id 7, and what comes meanwhile?" in text
        assert "match now 7" in text
        form = {given["name"]: given["value"] for given in page.all("input") if given.get("type") == "hidden"}
        assert form["offer_id"] == "7"
        got, _ = await console.post(
            "/act/binom/cancel", {**form, "who": "anna", "because": "ended", "for": "2h"}
        )
        assert (got.status, got.headers["Location"]) == (303, "/undelivered/binom")
        ((name, destination, (giver, wanted, for_)),) = console.actions.done
        assert (name, destination, giver.by, giver.because) == ("cancel", "binom", "anna@console", "ended")
        assert (str(wanted), for_) == ("--offer-id 7", "2h")
        _, page, text = await page_of(console, "/undelivered/binom")
        assert "cancelled is what is pending and is --offer-id 7" in text
        _, page, text = await page_of(console, "/destination/binom")
        assert "cancelled is what" not in text
        assert {given["value"] for given in page.all("input") if given.get("name") == "who"} == {"anna"}


async def test_what_was_counted_is_what_is_done() -> None:
    """An age is made a time when it is counted: the order means no more, whenever the form is sent."""
    async with served(allow_actions="true") as console:
        _, page, text = await page_of(console, "/act/binom/drop?offer_id=7&since=2h&error=HTTP")
        form = {given["name"]: given["value"] for given in page.all("input") if given.get("type") == "hidden"}
        assert form["since"].endswith("Z")
        assert f"--since {form['since']}" in text
        await console.post("/act/binom/drop", {**form, "who": "anna"})
        ((_, _, (_, wanted)),) = console.actions.done
        assert wanted.wanted == (("offer_id", "7"), ("since", form["since"]), ("error", "HTTP"))


async def test_every_character_of_an_id_counts() -> None:
    """A space at the end of an id is a part of it."""
    async with served(allow_actions="true") as console:
        _, page, _ = await page_of(console, "/act/binom/now?click_id=%20c%20")
        form = {given["name"]: given["value"] for given in page.all("input") if given.get("type") == "hidden"}
        assert form["click_id"] == " c "


async def test_a_replay_asks() -> None:
    """A replay says how many would go, went before, and would only die again; then it is begun so."""
    async with served(allow_actions="true") as console:
        console.actions.preview = ReplayPreview(500, 12, {"expired": 3}, goes_on=False, faults=())
        _, page, text = await page_of(console, "/act/binom/replay?reason=exhausted&status=500")
        assert "replay 500 dead letters to conversions?" in text
        assert "went before 12" in text
        assert "would die again: expired 3" in text
        form = {given["name"]: given["value"] for given in page.all("input") if given.get("type") == "hidden"}
        await console.post("/act/binom/replay", {**form, "who": "anna", "rate": "50", "set": "payout=5.00\n"})
        ((_, _, (giver, asked, rate)),) = console.actions.done
        assert (giver.by, asked.reason, asked.status, asked.set_, rate) == (
            "anna@console",
            ("exhausted",),
            500,
            ("payout=5.00",),
            50.0,
        )


@pytest.mark.parametrize(
    ("action", "form", "does"),
    [
        ("pause", {"for": "30m"}, "pause"),
        ("resume", {}, "resume"),
        ("rate", {"rate": "12.5"}, "rate"),
        ("rate", {"off": "1"}, "rate"),
        ("now", {"status": "404"}, "send_now"),
        ("drop", {"offer_id": "7"}, "drop"),
        ("end-cancel", {"id": "9f8e"}, "end_cancel"),
        ("go-on", {"id": "r0"}, "go_on"),
        ("stop", {"id": "r1", "who": ""}, "stop"),
    ],
)
async def test_each_action(action: str, form: dict[str, str], does: str) -> None:
    """Each form does its one thing, and leads back to where that is seen."""
    async with served(allow_actions="true") as console:
        got, _ = await console.post(
            f"/act/binom/{action}", {"who": "anna", **form, "csrf": await console.csrf()}
        )
        assert got.status == 303
        assert [name for name, *_ in console.actions.done] == [does]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"who": ""}, "say who you are"),
        ({"who": "a" * 65}, "say who you are"),
        ({"who": "a\u202eb"}, "say who you are"),
        ({"who": "anna", "rate": "0"}, "must be a number above 0"),
        ({"who": "anna", "rate": "inf"}, "must be a number above 0"),
        ({"who": "anna"}, "how many attempts a second"),
        ({"who": "anna", "rate": "5", "because": "a" * 501}, "at most 500 characters"),
    ],
)
async def test_a_form_that_is_wrong(form: dict[str, str], told: str) -> None:
    """What a form lacks is said, and nothing is done."""
    async with served(allow_actions="true") as console:
        got, page = await console.post("/act/binom/rate", {**form, "csrf": await console.csrf()})
        assert got.status == 400
        assert told in page
        assert console.actions.done == []


async def test_the_proxy_says_who_it_is() -> None:
    """Where a proxy names who is there, that is who acts, whatever the form says."""
    async with served(allow_actions="true") as console:
        _, html = await console.get("/destination/binom", X_Forwarded_User="bert")
        assert 'name="who"' not in html
        form = {"who": "anna", "csrf": await console.csrf()}
        await console.post("/act/binom/resume", form, X_Forwarded_User="bert")
        ((_, _, (giver,)),) = console.actions.done
        assert giver.by == "bert@console"


@pytest.mark.parametrize(
    ("fails", "status"), [(CannotDo(["no right"], "grant it"), 409), (BrokerUnavailable(["gone"]), 503)]
)
async def test_what_fails_is_told(fails: Exception, status: int) -> None:
    """Where Kafka does not take an order, the page says why and what to do, and that it was not done."""
    async with served(allow_actions="true") as console:
        console.actions.fails = fails
        got, page = await console.post("/act/binom/pause", {"who": "anna", "csrf": await console.csrf()})
        assert got.status == status
        assert str(fails) in page
