"""Who may see the page, and who may act on it."""

from __future__ import annotations

import re

import pytest

from tests.console.markup import Page
from tests.console.served import TOKEN, csrf_of, served
from worker.console.guard import COOKIE
from worker.console.sessions import (
    LIFE_SECONDS,
    MOST_ADDRESSES,
    MOST_SESSIONS,
    MOST_WRONG,
    WRONG_SECONDS,
    Sessions,
    WrongTokens,
)

VIEWS = (
    "/",
    "/flow/binom",
    "/conversion?by=event_id&id=e-1",
    "/undelivered/binom?kind=dead",
    "/undelivered/binom/row/0/1",
    "/destination/binom",
)
ACTIONS = (
    "pause",
    "resume",
    "rate",
    "replay",
    "go-on",
    "stop",
    "now",
    "drop",
    "cancel",
    "end-cancel",
)
FORM = {"who": "anna", "rate": "5", "id": "1", "offer_id": "7"}


@pytest.mark.parametrize("path", [*VIEWS, "/nowhere"])
async def test_every_answer_is_closed(path: str) -> None:
    """A page lets in nothing from elsewhere, may stand in no frame, is kept nowhere, and leads nowhere."""
    async with served() as console:
        got, page = await console.get(path)
    policy = got.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Referrer-Policy"] == "no-referrer"
    assert got.headers["Cache-Control"] == "no-store"
    found = Page(page)
    assert found.all("style") == []
    assert {
        name for _, given in found.elements for name in given if name == "style" or name[:2] == "on"
    } == set()
    assert all("src" in script for script in found.all("script"))
    leads = [
        given.get("src") or given["href"] for _, given in found.elements if {"src", "href"} & given.keys()
    ]
    assert [lead for lead in leads if not re.match(r"/(?!/)|#|\?", lead)] == []


@pytest.mark.parametrize("path", ["/", "/flow/binom", "/events", "/act/binom/replay"])
async def test_without_the_token_nothing_is_seen(path: str) -> None:
    """Where a token is set, who has not given it is sent to the form, whatever is asked for."""
    async with served(token=TOKEN, allow_actions="true") as console:
        got, page = await console.get(path)
        assert (got.status, got.headers["Location"]) == (303, "/login")
        assert "binom" not in page
        got, _ = await console.get(path, Cookie=f"{COOKIE}=made-up")
        assert got.status == 303
        got, _ = await console.post("/act/binom/pause", FORM)
        assert got.status == 401
        assert console.actions.done == []


async def test_logging_in_and_out() -> None:
    """The token begins a session, which no script can read and no other site can use; logging out ends it."""
    async with served(token=TOKEN) as console:
        got = await console.log_in()
        assert (got.status, got.headers["Location"]) == (303, "/")
        cookie = got.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        value = got.cookies[COOKIE].value
        assert len(value) >= 40
        got, page = await console.get("/destination/binom")
        assert got.status == 200
        left, _ = await console.post("/logout", {"csrf": csrf_of(page)})
        assert (left.status, left.headers["Location"]) == (303, "/login")
        got, _ = await console.get("/", Cookie=f"{COOKIE}={value}")
        assert got.status == 303


async def test_a_cookie_over_tls_stays_there() -> None:
    """Behind a proxy that speaks TLS the cookie is never sent in the clear."""
    async with served(token=TOKEN) as console:
        got, _ = await console.post("/login", {"token": TOKEN}, X_Forwarded_Proto="https")
        assert "Secure" in got.headers["Set-Cookie"]


async def test_wrong_tokens_are_few() -> None:
    """After a few wrong tokens none is looked at for a while, not even the right one."""
    async with served(token=TOKEN) as console:
        for _ in range(MOST_WRONG):
            assert (await console.log_in("wrong")).status == 403
        late = await console.log_in()
        assert late.status == 429
        assert 0 < int(late.headers["Retry-After"]) <= WRONG_SECONDS
        assert COOKIE not in late.cookies


@pytest.mark.parametrize("action", ACTIONS)
async def test_nothing_is_done_by_a_link(action: str) -> None:
    """A GET does nothing: what asks first shows its question, for all others there is no such page."""
    async with served(allow_actions="true") as console:
        got, _ = await console.get(f"/act/binom/{action}?who=anna&offer_id=7&csrf={await console.csrf()}")
        assert got.status in {200, 404}
        assert console.actions.done == []


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_form_must_be_of_this_session(action: str) -> None:
    """Without the session's own text, or with another's, nothing is done; nor from another site's page."""
    async with served(allow_actions="true") as console, served(allow_actions="true") as other:
        csrf = await console.csrf()
        for wrong in ({}, {"csrf": ""}, {"csrf": await other.csrf()}):
            got, page = await console.post(f"/act/binom/{action}", {**FORM, **wrong})
            assert got.status == 403
            assert "not of this session" in page
        got, _ = await console.post(
            f"/act/binom/{action}", {**FORM, "csrf": csrf}, Sec_Fetch_Site="cross-site"
        )
        assert got.status == 403
        assert console.actions.done == []


@pytest.mark.parametrize("action", ACTIONS)
async def test_read_only(action: str) -> None:
    """Where actions are not allowed, no page has a button for one, and no route does one."""
    async with served() as console:
        for path in VIEWS:
            _, page = await console.get(path)
            assert 'method="post"' not in page
            assert "/act/" not in page
        got, _ = await console.get(f"/act/binom/{action}?offer_id=7")
        assert got.status == 404
        got, _ = await console.post(f"/act/binom/{action}", FORM)
        assert got.status in {403, 404}
        assert console.actions.done == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", "", "[::2]"])
async def test_another_site_s_name_is_no_name_of_ours(host: str) -> None:
    """Without a token a name that another site may point at this machine is not answered to."""
    async with served() as console:
        got, page = await console.get("/", Host=host)
        assert got.status in {400, 421}
        assert "binom" not in page


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:8081", "LOCALHOST:80"])
async def test_names_of_this_machine(host: str) -> None:
    """The names of this machine are answered to, on whatever port they are reached."""
    async with served() as console:
        got, _ = await console.get("/", Host=host)
        assert got.status == 200


async def test_behind_a_proxy() -> None:
    """With a token, and below a path, it answers to the proxy's name; links and the cookie stay below."""
    async with served(token=TOKEN, base_path="/ops/postback/") as console:
        got, page = await console.get("/login", Host="ops.example")
        assert got.status == 200
        entered = await console.log_in()
        assert entered.headers["Location"] == "/ops/postback/"
        assert "Path=/ops/postback" in entered.headers["Set-Cookie"]
        got, page = await console.get("/")
        assert got.status == 200
        links = re.findall(r'(?:href|src|action|data-events)="([^"#]+)', page)
        assert links
        assert [link for link in links if not link.startswith("/ops/postback/")] == []
        got, _ = await console.get("")
        assert (got.status, got.headers["Location"]) == (303, "/ops/postback/")


async def test_a_style_is_kept_under_its_own_address_alone() -> None:
    """Browsers keep a file for ever only under the digest of these contents: another version has its own."""
    async with served() as console:
        _, page = await console.get("/")
        (style,) = re.findall(r'href="(/static/[^"]+[.]css)"', page)
        got, _ = await console.get(style)
        assert "immutable" in got.headers["Cache-Control"]
        got, _ = await console.get("/static/of-another-version/console.css")
        assert (got.status, got.headers["Cache-Control"]) == (200, "no-store")


async def test_nothing_secret_is_in_any_page() -> None:
    """Neither the token nor a destination's secret is in a page, nor in what the browser keeps."""
    async with served(token=TOKEN, allow_actions="true") as console:
        entered = await console.log_in()
        for path in VIEWS:
            got, page = await console.get(path)
            assert got.status == 200
            assert TOKEN not in page + str(got.headers) + str(entered.headers)
        _, page = await console.get("/destination/momentscience")
        assert "key=********" in page
        assert "never-to-be-seen" not in page


async def test_a_form_that_is_too_large_is_refused() -> None:
    """What no form of the page could hold is not read."""
    async with served(allow_actions="true") as console:
        csrf = await console.csrf()
        got, _ = await console.post("/act/binom/pause", {"csrf": csrf, "who": "a" * 200_000})
        assert got.status == 413


@pytest.mark.parametrize("path", ["/login", "/act/binom/pause"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"token=\xff&csrf=\xff"),
        ("application/x-www-form-urlencoded; charset=nowhere", b"token=a"),
        ("application/x-www-form-urlencoded; charset=unicode_escape", b"token=\\ud800"),
        ("multipart/form-data", b"token=a"),
        ("multipart/form-data; boundary=b", b"token=a"),
    ],
)
async def test_a_form_that_is_not_ours(path: str, kind: str, body: bytes) -> None:
    """A form that no page of ours sends, and that can't be read, is refused by a line."""
    secured = {"token": TOKEN} if path == "/login" else {}
    async with (
        served(allow_actions="true", **secured) as console,
        console.client.post(console.base + path, data=body, headers={"Content-Type": kind}) as got,
    ):
        assert got.status == 400
        assert "must be URL-encoded, in UTF-8" in await got.text()


async def test_an_ended_session_hears_no_more() -> None:
    """Of what changes only those are told who are logged in still."""
    async with served(token=TOKEN) as console:
        await console.log_in()
        _, page = await console.get("/")
        async with console.client.get(f"{console.base}/events?after=0") as stream:
            assert (await stream.content.readline()).startswith(b"id: ")
            await console.post("/logout", {"csrf": csrf_of(page)})
            console.watch.say("binom")
            assert b"event: ended" in await stream.content.read()


def test_sessions_are_random_bounded_and_end() -> None:
    """A session has a name of its own, ends unused, and the one that was used least lately makes room."""
    sessions = Sessions()
    first, session = sessions.begin(0.0)
    second, other = sessions.begin(1.0)
    assert first != second
    assert session.csrf != other.csrf
    assert sessions.get(first, LIFE_SECONDS) is session
    assert sessions.get(second, LIFE_SECONDS + 2.0) is None
    assert sessions.get(first, LIFE_SECONDS + 3.0) is session
    assert sessions.get(None, 0.0) is None
    for _ in range(MOST_SESSIONS):
        sessions.begin(LIFE_SECONDS + 4.0)
    assert sessions.get(first, LIFE_SECONDS + 5.0) is None


def test_tries_are_by_address_and_bounded() -> None:
    """Wrong tokens of one address close the door to it alone, and for a while; memory of them is bounded."""
    tries = WrongTokens()
    for number in range(MOST_WRONG):
        assert tries.wait("a", number) == 0.0
        tries.was_wrong("a", float(number))
    assert tries.wait("a", 10.0) == WRONG_SECONDS - 10.0
    assert tries.wait("b", 10.0) == 0.0
    assert tries.wait("a", WRONG_SECONDS) == 0.0
    for number in range(MOST_ADDRESSES):
        tries.was_wrong(f"10.{number}", 11.0)
    assert tries.wait("a", 12.0) == 0.0
