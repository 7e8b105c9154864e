"""What a certificate says of itself is read as it was written by a library that knows all of X.509."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from worker.core.certificate import SOON_SECONDS, Certificate, NotCertificate, last_to_end, read_certificates

AUTHORITY = trustme.CA(organization_name="Example Authority")
PEM = AUTHORITY.issue_cert("a.example", common_name="client.example").cert_chain_pems[0].bytes().decode()
FIRST_VERSION = """
-----BEGIN CERTIFICATE-----
MIIBCTCBsAIBATAKBggqhkjOPQQDAjANMQswCQYDVQQDDAJjYTAeFw0yNjExMjcx
NjU1NTRaFw0zNjExMjQxNjU1NTRaMBUxEzARBgNVBAMMCnYxLmV4YW1wbGUwWTAT
BgcqhkjOPQIBBggqhkjOPQMBBwNCAAT8BENo2zIZDNyDjjmT2MpTtV3YSepoGCBL
xHiyavINPcWOvz0rr7BB1r0M8Ui67DIYsnfkz7v3ZWZ5INWEQI3tMAoGCCqGSM49
BAMCA0gAMEUCIGYkMYNINCZ8GvCHmb4d6BxadASpOVjrEZ31fPtX/F99AiEAhTM0
7cAyMbtbMHExbTxhb1pVMtK2cbBPTfX0VpwmQII=
-----END CERTIFICATE-----
"""
BEGIN, END = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----\n"
ONE = Certificate("client.example", 1_000_000_000.0, 1_800_000_000.0)

MOMENTS = st.datetimes(datetime(1951, 1, 1), datetime(2150, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=16),
    MOMENTS,
    st.integers(1, 10**8),
)
def test_as_it_was_made(name: str, begins: datetime, seconds: int) -> None:
    """Name and times are those that it was made with, in whichever form they are written."""
    ends = begins + timedelta(seconds=seconds)
    made = AUTHORITY.issue_cert("a.example", common_name=name, not_before=begins, not_after=ends)
    (read,) = read_certificates(made.cert_chain_pems[0].bytes().decode())
    assert read == Certificate(name, begins.timestamp(), ends.timestamp())


def test_without_a_common_name() -> None:
    """A certificate is known by its organization where it has no other name."""
    (read,) = read_certificates(AUTHORITY.cert_pem.bytes().decode())
    assert read.name == "Example Authority"


def test_of_the_first_version() -> None:
    """A certificate of X.509's first version, which tells no version, is read as well."""
    (read,) = read_certificates(FIRST_VERSION)
    assert str(read) == "v1.example, valid until 2036-11-24T16:55:54.000Z"


def test_several() -> None:
    """All certificates of a text are read, whatever stands between them."""
    both = f"# ours\n{PEM}\nnoise\n{AUTHORITY.cert_pem.bytes().decode()}"
    assert [one.name for one in read_certificates(both)] == ["client.example", "Example Authority"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        PEM[:300],
        PEM + PEM[:300],
        BEGIN + "MII" + END,
        BEGIN + "MIIB" + END,
        BEGIN + END,
    ],
)
def test_none(text: str) -> None:
    """A text without a certificate, or with one that is cut, is refused."""
    with pytest.raises(NotCertificate):
        read_certificates(text)


@given(st.data())
def test_damaged(data: st.DataObject) -> None:
    """A damaged certificate is read or refused, and nothing else happens."""
    lines = PEM.splitlines()
    body = "".join(lines[1:-1])
    at = data.draw(st.integers(0, len(body) - 1))
    letter = data.draw(st.sampled_from("ABCDwxyz0189+/="))
    damaged = BEGIN + body[:at] + letter + body[at + 1 :] + END
    with contextlib.suppress(NotCertificate):
        assert len(read_certificates(damaged)) == 1


@pytest.mark.parametrize(
    ("now", "problem", "warning"),
    [
        (ONE.begins - 1, "is not valid yet: client.example begins at", "is not valid yet: "),
        (ONE.begins, None, None),
        (ONE.ends - SOON_SECONDS, None, None),
        (ONE.ends - SOON_SECONDS + 1, None, "expires soon: client.example is valid until "),
        (ONE.ends, "has expired: client.example was valid until 2027-01-15T08:00:00", "has expired: "),
    ],
)
def test_when(now: float, problem: str | None, warning: str | None) -> None:
    """It can't be used before it begins, nor from its end on; a week before that a person hears of it."""
    for said, expected in ((ONE.problem(now), problem), (ONE.warning(now), warning)):
        assert (said is None) == (expected is None)
        assert (said or "").startswith(expected or "")


def test_a_short_life() -> None:
    """One that lives for a day is told of in its last quarter: by then it should have been made anew."""
    day = Certificate("client.example", 0.0, 86400.0)
    assert day.warning(0.75 * 86400.0) is None
    assert day.warning(0.76 * 86400.0) is not None


def test_as_text() -> None:
    """A person reads whose it is, and until when."""
    assert str(ONE) == "client.example, valid until 2027-01-15T08:00:00.000Z"


def test_the_last_to_end() -> None:
    """Of several authorities the one that is valid longest says how long there is one."""
    assert last_to_end([ONE, ONE._replace(ends=2.0)]) == ONE
