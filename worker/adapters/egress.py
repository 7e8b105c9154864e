"""Which addresses may be connected to; the final address decides, however it was spelled or resolved.

The rule: a forbidden address is found out before a byte is sent to it, at start-up and again at each
connect. With a proxy, the operator names the address that is connected to, so the proxy's own address is
trusted; the proxy resolves the partner's name, and only the start-up check looks at that.
"""

from __future__ import annotations

import asyncio
import socket
import unicodedata
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from worker.adapters.own_thread import in_own_thread
from worker.adapters.process.descriptors import TooFewDescriptors, new_socket
from worker.adapters.refusals import note_refusal
from worker.core.answer import Failure, FailureKind, HttpOrigin

AddrInfo = tuple[Any, ...]

RESOLVE_SECONDS = 5.0
"""How long the start-up check waits for one name."""

_PERMIT = "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES=true permits it"

# The first match counts. What matches none and is not globally reachable is "reserved".
_FORBIDDEN = [
    (ip_network(network), reason)
    for network, reason in (
        ("169.254.169.254/32", "metadata"),  # AWS, Google Cloud, Azure and most others
        ("169.254.170.2/32", "metadata"),  # AWS, credentials of a container
        ("100.100.100.200/32", "metadata"),  # Alibaba Cloud
        ("168.63.129.16/32", "metadata"),  # Azure's host agent, a public address by number only
        ("fd00:ec2::254/128", "metadata"),  # AWS over IPv6
        ("fd20:ce::254/128", "metadata"),  # Google Cloud over IPv6
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "private"),  # shared by carriers behind their NAT
        ("fc00::/7", "private"),
        ("fec0::/10", "private"),  # site-local, deprecated and still routed in places
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("64:ff9b:1::/48", "reserved"),  # NAT64 of a local network: where it leads can't be known
    )
]

# IPv6 networks that carry an IPv4 address, and how many bits stand to the right of it.
_EMBEDDED = [
    (ip_network(network), shift)
    for network, shift in (
        ("::ffff:0:0/96", 0),  # IPv4-mapped
        ("::ffff:0:0:0/96", 0),  # IPv4-translated
        ("64:ff9b::/96", 0),  # NAT64
        ("2002::/16", 80),  # 6to4
        ("::/96", 0),  # IPv4-compatible, deprecated
    )
]


def forbidden(address: str) -> str | None:
    """Say in a word why a numeric address may not be connected to; None where it may.

    An IPv6 address that carries an IPv4 address is judged by what it carries. Raises ValueError for what is
    no address.
    """
    ip = ip_address(address.partition("%")[0])
    reason = next((reason for network, reason in _FORBIDDEN if ip in network), None)
    if reason is not None:
        return reason
    carried = _carried(ip)
    if carried is not None:
        return forbidden(str(carried))
    return None if ip.is_global else "reserved"


def _carried(ip: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Take the IPv4 address out of an IPv6 address that carries one."""
    shift = next((shift for network, shift in _EMBEDDED if ip in network), None)
    return None if shift is None else IPv4Address(int(ip) >> shift & 0xFFFF_FFFF)


def literal(host: str) -> str | None:
    """Return the address that a host spells, in its usual form; None where the host is a name.

    Every spelling that a resolver takes for an address counts: octal, hexadecimal, one integer, fewer than
    four parts, full-width digits and dots.
    """
    text = unicodedata.normalize("NFKC", host).replace("\u3002", ".").strip("[]").rstrip(".")
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


class AddressForbidden(OSError):
    """A socket was refused because its address is forbidden."""


def guarded_socket(info: AddrInfo) -> socket.socket:
    """Make the socket for one resolved address (`socket.getaddrinfo`'s tuple), or raise AddressForbidden."""
    address = info[4][0]
    reason = forbidden(address)
    if reason is None:
        return open_socket(info)
    line = f"{address} is forbidden: {reason}"
    note_refusal(Failure(FailureKind.EGRESS, line))
    raise AddressForbidden(line)


def open_socket(info: AddrInfo) -> socket.socket:
    """Make the socket for one resolved address, whatever it is, or raise TooFewDescriptors."""
    try:
        return new_socket(*info[:3])
    except TooFewDescriptors as error:
        note_refusal(Failure(FailureKind.DESCRIPTORS, error.strerror or ""))
        raise


@lru_cache(maxsize=64)
def refused_literal(host: str) -> str | None:
    """Say why a host that spells an address is forbidden; None where it is not, or is a name."""
    address = literal(host)
    reason = None if address is None else forbidden(address)
    return None if reason is None else f"{address} is forbidden: {reason}"


async def check_origin(origin: HttpOrigin, *, allow_private: bool) -> tuple[list[str], list[str]]:
    """Return what is wrong with an origin at start-up: error lines, and warning lines.

    An address that is forbidden is an error; a name that does not resolve, within RESOLVE_SECONDS, is a
    warning.
    """
    address = literal(origin.host)
    if address is not None:
        return ([] if allow_private else _errors(origin, [address])), []
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            addresses = await _resolve(origin)
    except (OSError, UnicodeError) as error:
        return [], [f"{origin.host} does not resolve: {_first_line(error)}"]
    if not addresses:
        return [], [f"{origin.host} does not resolve: the answer names no address"]
    return ([] if allow_private else _errors(origin, addresses)), []


async def _resolve(origin: HttpOrigin) -> list[str]:
    look_up = partial(socket.getaddrinfo, origin.host, origin.port, type=socket.SOCK_STREAM)
    infos = await in_own_thread("names", look_up)
    return sorted({str(address[0]) for *_, address in infos})


def _errors(origin: HttpOrigin, addresses: list[str]) -> list[str]:
    """One line for each forbidden address, naming the setting that would permit it."""
    found = [(address, forbidden(address)) for address in addresses]
    return [
        f"{_named(origin, address)} is forbidden ({reason}): name a public host; {_PERMIT}"
        for address, reason in found
        if reason is not None
    ]


def _named(origin: HttpOrigin, address: str) -> str:
    return address if address == origin.host else f"{address}, which {origin.host} leads to,"


def _first_line(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no answer in time"
    return text.splitlines()[0]
