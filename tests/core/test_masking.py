"""Known secrets in what a partner wrote."""

from __future__ import annotations

import html
import json
from urllib.parse import quote, quote_plus

import pytest

from worker.core.masking import LEAST_CUT_CHARACTERS, MASK, credentials_masked, echo_masked

SECRET = 'to/ken+ "a\'b" & <é>'
ECHOES = (
    SECRET,
    json.dumps(SECRET),
    json.dumps(SECRET, ensure_ascii=False),
    json.dumps(SECRET).replace("/", r"\/"),
    json.dumps(json.dumps(SECRET)[1:-1]),
    json.dumps(json.dumps(SECRET)[1:-1]).replace("/", r"\/"),
    html.escape(SECRET),
    html.escape(SECRET, quote=False),
    html.escape(SECRET).replace("&#x27;", "&#039;"),
    quote(SECRET),
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    quote(SECRET, safe="").lower(),
)


@pytest.mark.parametrize("echo", ECHOES)
def test_echoes(echo: str) -> None:
    """A secret is masked however a partner writes it: plain, in JSON (PHP's too), in HTML, in a URL."""
    told = echo_masked(f"no such token: {echo}!", (SECRET, "another"))
    assert told.replace('"', "") == f"no such token: {MASK}!"


def test_one_in_another() -> None:
    """A secret that begins with another one is masked whole."""
    assert echo_masked("no token-1234", ("token", "token-1234", "token-12")) == f"no {MASK}"


@pytest.mark.parametrize("length", range(LEAST_CUT_CHARACTERS, len(SECRET)))
def test_cut_off(length: int) -> None:
    """A secret that the end of a text cuts off is masked, too, as soon as much of it is there."""
    assert echo_masked(f"token={SECRET[:length]}", (SECRET,)) == f"token={MASK}"


def test_what_is_none() -> None:
    """Without secrets, or where there is none, a text stays as it is; a beginning alone is no secret."""
    assert echo_masked("to/ke is all", (SECRET,)) == "to/ke is all"
    assert echo_masked("all is to/ken", (SECRET,)) == "all is to/ken"
    assert echo_masked(SECRET, ()) == SECRET


def test_credentials() -> None:
    """In what a library says the credentials of a URL and of HTTP are masked; the rest stays."""
    text = 'no token from "https://user:p%40ss@idp.example:8443/token?key=s3cret": HTTP 500 (see http://a/b)'
    assert credentials_masked(text) == (
        f'no token from "https://{MASK}@idp.example:8443/token?{MASK}": HTTP 500 (see http://a/b)'
    )
    assert (
        credentials_masked("Authorization: Basic Y2lkOnNlY3JldA==, no") == f"Authorization: Basic {MASK}, no"
    )
    for harmless in ("SASL_SSL://b1:9093/bootstrap: user@host?", "the Bearer is gone"):
        assert credentials_masked(harmless) == harmless
