"""Reads a certificate's own claims: its subject, and its validity.

The rule: it only reads; the TLS library decides whether to trust a certificate.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.moment import format_time

SOON_SECONDS, SOON_SHARE = 7 * 86400.0, 0.25
"""A certificate is reported if it expires within this time, or this share of its life if that is shorter.

Certificates that live for a day are usually renewed when a third of it is left.
"""

LONGEST_NAME_CHARACTERS = 64

_BEGIN = "-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(rf"{_BEGIN}([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")

# Tags of DER.
_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17
# The types of the parts of a name that a person knows it by: commonName, organizationName.
_COMMON_NAME, _ORGANIZATION = bytes.fromhex("550403"), bytes.fromhex("55040a")


class NotCertificate(ValueError):
    """The text holds no complete certificate."""


class Certificate(NamedTuple):
    """One certificate: its subject's name, and the epoch seconds between which it is valid."""

    name: str
    begins: float
    ends: float

    def __str__(self) -> str:
        """`client.example, valid until 2027-01-31T00:00:00.000Z`."""
        return f"{self.name}, valid until {format_time(self.ends)}"

    def problem(self, now: float) -> str | None:
        """Why it can't be used at that time; None if it can."""
        if now >= self.ends:
            return f"has expired: {self.name} was valid until {format_time(self.ends)}"
        if now < self.begins:
            return f"is not valid yet: {self.name} begins at {format_time(self.begins)}"
        return None

    def warning(self, now: float) -> str | None:
        """What a person should know at that time: that it can't be used, or expires soon."""
        problem = self.problem(now)
        if problem is None and self.ends - now < min(SOON_SECONDS, SOON_SHARE * (self.ends - self.begins)):
            return f"expires soon: {self.name} is valid until {format_time(self.ends)}"
        return problem


def read_certificates(pem: str) -> list[Certificate]:
    """Read all certificates of a text, at least one; raise NotCertificate."""
    blocks = _BLOCK.findall(pem)
    if not blocks or len(blocks) != pem.count(_BEGIN):
        raise NotCertificate
    try:
        return [_read(binascii.a2b_base64("".join(block.split()), strict_mode=True)) for block in blocks]
    except (ValueError, IndexError) as error:
        raise NotCertificate from error


def last_to_end(certificates: Sequence[Certificate]) -> Certificate:
    """The certificate that is valid longest."""
    return max(certificates, key=lambda one: one.ends)


def _read(der: bytes) -> Certificate:
    """Take name and times out of version, serial number, algorithm, issuer, validity, subject."""
    fields = _inside(_inside(_inside(der)[0][1])[0][1])
    if fields[0][0] == _VERSION:
        del fields[0]
    begins, ends = (_moment(*time) for time in _inside(fields[3][1]))
    return Certificate(_name(fields[4][1]), begins, ends)


def _inside(der: bytes) -> list[tuple[int, bytes]]:
    """The elements of a piece of DER, in order: tag and content."""
    elements = []
    while der:
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start], "big")
        if len(der) < start + length:
            raise ValueError("it is cut")
        elements.append((tag, der[start : start + length]))
        der = der[start + length :]
    return elements


def _moment(tag: int, content: bytes) -> float:
    """`260131000000Z` or, with another tag, `20260131000000Z`; two-digit years from 50 on are 19xx."""
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _name(subject: bytes) -> str:
    """The common name, else the organization, else a note that there is none."""
    pairs = [_inside(pair) for _, part in _inside(subject) for _, pair in _inside(part)]
    told = {kind[1]: value[1].decode("utf-8", "replace") for kind, value in pairs}
    named = told.get(_COMMON_NAME) or told.get(_ORGANIZATION) or "a certificate without a name"
    return "".join(letter if letter.isprintable() else "?" for letter in named[:LONGEST_NAME_CHARACTERS])
