"""Which addresses are refused, in every spelling, at start-up and at each connect."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.http.world import SHORT, World, verdict
from tests.support.partner import OK, Partner, always
from worker.adapters.egress import check_origin, forbidden, literal
from worker.core.answer import Answer, Failure, FailureKind, HttpOrigin, Request

REASONS = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "::1": "loopback",
    "0.0.0.0": "unspecified",
    "::": "unspecified",
    "10.0.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
    "fd12:3456::1": "private",
    "fec0::1": "private",
    "169.254.1.1": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "169.254.169.254": "metadata",
    "100.100.100.200": "metadata",
    "168.63.129.16": "metadata",
    "fd00:ec2::254": "metadata",
    "224.0.0.1": "multicast",
    "ff02::1": "multicast",
    "255.255.255.255": "reserved",
    "240.0.0.1": "reserved",
    "192.0.2.1": "reserved",
    "198.18.0.1": "reserved",
    "2001:db8::1": "reserved",
    "64:ff9b:1::808:808": "reserved",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "metadata",
    "::ffff:0:10.0.0.1": "private",
    "::127.0.0.1": "loopback",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b::a9fe:a9fe": "metadata",
    "2002:7f00:1::1": "loopback",
    "2002:c0a8:101::1": "private",
}

ALLOWED = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]

LOOPBACKS = [
    "127.0.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "127.1",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "127.0.0.1.",
    "::ffff:127.0.0.1",
    "::1",
    "0:0:0:0:0:0:0:1",
]


@pytest.fixture
def scheme() -> str:
    """In the clear alone: the address is judged before TLS begins."""
    return "http"


class Names(AbstractResolver):
    """A resolver that answers with the addresses it is given, and counts."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked += 1
        if not self.addresses:
            raise OSError(None, "no such name")
        return [self._result(host, address, port) for address in self.addresses]

    def _result(self, host: str, address: str, port: int) -> ResolveResult:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}

    async def close(self) -> None:
        pass


async def ask(world: World, partner: Partner, host: str, *addresses: str, **options: object) -> Answer:
    """Send to the partner's port of a host that resolves to the addresses."""
    sender = world.sender(**{"allow_private": False, "resolver": Names(*addresses)} | options)
    return await sender.lane().send(Request(partner.origin._replace(host=host), "/p"))


@pytest.mark.parametrize(("address", "reason"), REASONS.items())
def test_forbidden(address: str, reason: str) -> None:
    """An address that leads inside is forbidden, for a reason in one word."""
    assert forbidden(address) == reason


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address: str) -> None:
    """A public address is allowed, also inside of an IPv6 address."""
    assert forbidden(address) is None


@given(st.ip_addresses(v=4))
def test_embedded_counts_the_same(address: object) -> None:
    """An IPv4 address is judged the same on its own and inside of an IPv6 address."""
    for form in ("::ffff:{}", "64:ff9b::{}", "::ffff:0:{}"):
        assert forbidden(form.format(address)) == forbidden(str(address))


@pytest.mark.parametrize("host", LOOPBACKS)
def test_literal(host: str) -> None:
    """An address is known as one in every spelling that a resolver takes."""
    address = literal(host)
    assert address is not None
    assert forbidden(address) == "loopback"


@pytest.mark.parametrize("host", ["track.example", "localhost", "127.0.0.1.example", "1.2.3.4.5", "x" * 300])
def test_name(host: str) -> None:
    """A name is no address."""
    assert literal(host) is None


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_literal_is_refused(world: World, host: str) -> None:
    """A forbidden literal address is refused in every spelling, and no connection is made."""
    partner = await world.partner(always(OK))
    failure = await ask(world, partner, host)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.EGRESS
    assert failure.error.endswith("is forbidden: loopback")
    assert partner.connections == 0


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("::ffff:127.0.0.1",), ("127.0.0.1", "10.0.0.1"), ("::1", "127.0.0.1")]
)
async def test_resolved_address_is_refused(world: World, addresses: tuple[str, ...]) -> None:
    """A name that resolves to forbidden addresses is refused, and no connection is made."""
    partner = await world.partner(always(OK))
    assert verdict(await ask(world, partner, "localhost", *addresses)) == FailureKind.EGRESS
    assert partner.connections == 0


async def test_rebound_name(world: World) -> None:
    """A name that resolves elsewhere later is judged anew at each connect."""
    partner = await world.partner(always(OK))
    names = Names()
    lane = world.sender(allow_private=False, resolver=names).lane()
    request = Request(partner.origin._replace(host="localhost"), "/p")
    assert verdict(await lane.send(request)) == FailureKind.CONNECTION
    names.addresses = ("127.0.0.1",)
    assert verdict(await lane.send(request)) == FailureKind.EGRESS
    assert partner.connections == 0


async def test_permitted(world: World) -> None:
    """Where private addresses are permitted a name may lead to one."""
    partner = await world.partner(always(OK))
    assert verdict(await ask(world, partner, "localhost", "127.0.0.1", allow_private=True)) == 200


async def test_unknown_name(world: World) -> None:
    """A name that does not resolve is a failure of the connection."""
    partner = await world.partner(always(OK))
    failure = await ask(world, partner, "nowhere.example")
    assert failure == (FailureKind.CONNECTION, "the host does not resolve: no such name")


async def test_name_that_can_not_be(world: World) -> None:
    """A name that no resolver takes is a failure of the connection."""
    partner = await world.partner(always(OK))
    origin = partner.origin._replace(host=f"{'x' * 70}.example")
    answer = await world.sender(resolver=None).lane().send(Request(origin, "/p"))
    assert verdict(answer) == FailureKind.CONNECTION


async def test_slow_resolver(world: World) -> None:
    """Resolving counts against the timeout."""

    class Slow(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            await asyncio.Event().wait()
            return []

    partner = await world.partner(always(OK))
    answer = await ask(world, partner, "slow.example", resolver=Slow(), timeout=SHORT)
    assert verdict(answer) == FailureKind.TIMEOUT


class TestStartUp:
    """The check at start-up says what is wrong before anything is sent."""

    @pytest.mark.parametrize("host", [*LOOPBACKS, "localhost"])
    async def test_forbidden(self, host: str) -> None:
        """A host that is, or leads to, a forbidden address is an error that names the setting."""
        errors, warnings = await check_origin(HttpOrigin("https", host, 443), allow_private=False)
        assert errors
        assert not warnings
        assert all("POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES=true" in error for error in errors)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "8.8.8.8"])
    async def test_permitted(self, host: str) -> None:
        """Nothing is wrong with any address where private ones are permitted."""
        assert await check_origin(HttpOrigin("https", host, 443), allow_private=True) == ([], [])

    async def test_public(self) -> None:
        """Nothing is wrong with a public address."""
        assert await check_origin(HttpOrigin("https", "8.8.8.8", 443), allow_private=False) == ([], [])

    async def test_unknown(self) -> None:
        """A name that does not resolve is a warning: it may resolve later."""
        errors, warnings = await check_origin(
            HttpOrigin("https", f"{'x' * 70}.example", 443), allow_private=False
        )
        assert not errors
        assert len(warnings) == 1
        assert "does not resolve" in warnings[0]

    async def test_no_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name whose answer is empty is a warning, too."""
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
        assert await check_origin(HttpOrigin("https", "empty.example", 443), allow_private=False) == (
            [],
            ["empty.example does not resolve: the answer names no address"],
        )
