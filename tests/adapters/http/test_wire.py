"""What a request looks like on the wire: the target as it is, the usual headers, and the operator's."""

from __future__ import annotations

import pytest

from tests.adapters.http.world import World, send
from tests.support.partner import OK, Visit, always
from worker.adapters.http import SenderOptions
from worker.adapters.http.options import USER_AGENT
from worker.core.answer import Content, Request, Response

TARGETS = [
    "/postback?measurement=1&click_id=a%2Bb%27c%3Ad%7Ee&event=purchase&payout=49.99",
    "/",
    "/a/../b/./c//d?x=%2e%2E",
    "/p?x=%zz%&y=1+2&z=a=b?c/d:e@f",
    "/p;v=1?x=[1]{2}|^`<>\\'\"~!$()*,",
]


def fields(head: bytes) -> dict[str, str]:
    """The headers of a request, by name in lower case."""
    lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")[1:]
    pairs = [line.split(": ", 1) for line in lines]
    found = {name.lower(): value for name, value in pairs}
    assert len(found) == len(pairs), "a header is sent twice"
    return found


@pytest.mark.parametrize("target", TARGETS)
async def test_request_line(world: World, target: str) -> None:
    """The request line has the target byte for byte."""
    partner = await world.partner(always(OK))
    await send(world.sender(), partner, target)
    assert partner.requests[0].split(b"\r\n")[0] == f"GET {target} HTTP/1.1".encode()


async def test_headers(world: World) -> None:
    """A request has four headers of its own, and no other."""
    partner = await world.partner(always(OK))
    await send(world.sender(), partner)
    assert fields(partner.requests[0]) == {
        "host": f"127.0.0.1:{partner.origin.port}",
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "identity",
    }


async def test_given_headers(world: World) -> None:
    """Given headers are sent besides the usual ones, and in place of those of the same name."""
    partner = await world.partner(always(OK))
    await send(world.sender(headers={"X-Token": "s3cret", "user-agent": "mine/1"}), partner)
    sent = fields(partner.requests[0])
    assert sent["x-token"] == "s3cret"
    assert sent["user-agent"] == "mine/1"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("body", [None, b"", b'{"a": "\xc3\xa9"}', b"x" * 65_536])
async def test_body(world: World, method: str, body: bytes | None) -> None:
    """A request with a body tells its exact length, and is of the type that it says, or of none."""
    partner = await world.partner(always(OK))
    lane = world.sender(headers={"X-Token": "s3cret"}).lane()
    typed = () if body is None else (("Content-Type", "application/json"),)
    for _ in range(2):
        content = Content(method, (*typed, ("user-agent", "mine/é")), body)
        assert await lane.send(Request(partner.origin, "/p?a=b", content)) == Response(200)
    assert partner.connections == 1
    assert partner.bodies == [body or b""] * 2
    for head in partner.requests:
        assert head.startswith(f"{method} /p?a=b HTTP/1.1\r\n".encode())
        assert fields(head) == {
            "host": f"127.0.0.1:{partner.origin.port}",
            "user-agent": "mine/é",
            "accept": "*/*",
            "accept-encoding": "identity",
            "x-token": "s3cret",
            "content-length": str(len(body or b"")),
        } | {name.lower(): value for name, value in typed}


async def test_answer_before_the_whole_body(world: World) -> None:
    """An answer that comes while the body is still on its way counts, and the next request is whole."""
    heads: list[bytes] = []

    async def script(visit: Visit) -> None:
        heads.append(await visit.head())
        await visit.send(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await visit.close()

    partner = await world.partner(script)
    lane = world.sender().lane()
    content = Content("POST", (), b"x" * 65_536)
    for _ in range(2):
        assert await lane.send(Request(partner.origin, "/p", content)) == Response(413)
    assert len(heads) == 2


@pytest.mark.parametrize(
    "target", ["", "p", "/a b", "/a\r\nX: y", "/a\tb", "/ä", "/a\x7f", "*", "http://x/", "/a#b"]
)
async def test_target_that_is_none(world: World, target: str) -> None:
    """A target that could not reach the wire as it is is a mistake of the caller: nothing is sent."""
    partner = await world.partner(always(OK))
    with pytest.raises(ValueError, match="printable ASCII"):
        await send(world.sender(), partner, target)
    assert partner.connections == 0


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"X Token": "s3cret"}, "is not a header name"),
        ({"": "s3cret"}, "is not a header name"),
        ({"X-Token": "s3cret\r\nX: y"}, "X-Token must be one line of UTF-8"),
        ({"X-Token": "s3cr\udce9t"}, "X-Token must be one line of UTF-8"),
        ({"Content-Length": "s3cret"}, "Content-Length is the worker's own"),
        ({"host": "s3cret"}, "host is the worker's own"),
    ],
)
def test_header_that_is_refused(headers: dict[str, str], says: str) -> None:
    """A header that can't be sent is refused beforehand, without its value in the message."""
    with pytest.raises(ValueError, match=says) as refused:
        SenderOptions(headers=headers)
    assert "s3cr" not in str(refused.value)


def test_secrets_are_not_shown() -> None:
    """The options show neither header values nor the proxy, which may hold a password."""
    shown = repr(SenderOptions(headers={"X-Token": "s3cret"}, proxy="http://user:s3cret@proxy.example"))
    assert "s3cret" not in shown


class TestProxy:
    """A proxy takes the session transport."""

    @pytest.fixture(params=["http"])
    def scheme(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture(params=["session"])
    def transport(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    async def test_asked_for_the_url(self, world: World) -> None:
        """The proxy is asked for the whole URL, and is trusted with its own address, a private one."""
        proxy = await world.partner(always(OK))
        partner = await world.partner(always(OK))
        address = f"http://user:pass@127.0.0.1:{proxy.origin.port}"
        sender = world.sender(proxy=address, allow_private=False)
        assert await send(sender, partner, "/p?x=%2B") == Response(200)
        assert proxy.targets == [f"{partner.origin}/p?x=%2B"]
        assert fields(proxy.requests[0])["proxy-authorization"] == "Basic dXNlcjpwYXNz"
        assert partner.connections == 0

    @pytest.mark.parametrize("to", ["http", "https"])
    async def test_refuses_to_connect(self, world: World, to: str) -> None:
        """A proxy that wants a login is a failure of the connection, not a status of the partner."""
        proxy = await world.partner(always(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
        partner = await world.partner(always(OK), scheme=to)
        failure = await send(world.sender(proxy=f"http://127.0.0.1:{proxy.origin.port}"), partner)
        assert failure == ("connection", "the proxy refused to connect: HTTP 407")

    async def test_login_that_the_partner_wants(self, world: World) -> None:
        """A 407 where there is no proxy is the partner's, like any other status."""
        partner = await world.partner(always(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
        assert await send(world.sender(), partner) == Response(407)
