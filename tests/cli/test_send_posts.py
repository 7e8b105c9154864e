"""`send` where the destination takes POSTs."""

from __future__ import annotations

import json

import pytest

from tests.cli.invoke import run
from tests.cli.local_partner import Partner


def posting(url: str) -> dict[str, str]:
    """The variables of a destination that takes POSTs, with a secret in each place."""
    return {
        "POSTBACK_DESTINATION__URL": url + "p/{secret.token}?c={click_id}&k={secret.token}&api_key=s3cret",
        "POSTBACK_DESTINATION__METHOD": "POST",
        "POSTBACK_DESTINATION__BODY": '{"v": "{payout:number}", "t": "{secret.token}", "token": "s3cret"}',
        "POSTBACK_DESTINATION__HEADERS__X_TOKEN": "Bearer {secret.token}",
        "POSTBACK_DESTINATION__HEADERS__X_CLICK": "s3cret {click_id}",
        "POSTBACK_DESTINATION__HEADERS__X_ORDER": "{order_id?}",
        "POSTBACK_DESTINATION__SECRETS__TOKEN": "s3cret",
        "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
    }


def test_dry_run_of_a_post() -> None:
    """Method, URL, headers and body are shown, what is or may be a secret is masked, and nothing is sent."""
    arguments = ["send", "--dry-run", "--click-id", "a b", "--payout", "5"]
    env = posting("http://127.0.0.1:1/")
    result = run(*arguments, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "POST http://127.0.0.1:1/p/********?c=a%20b&k=********&api_key=********",
        "Content-Type: application/json",
        "X-Token: ****************",
        "X-Click: ********a b",
        "",
        '{"v": 5.00, "t": "********", "token": "********"}',
    ]
    shown = json.loads(run(*arguments, "-o", "json", env=env).stdout)
    assert shown["method"] == "POST"
    assert shown["url"] == "http://127.0.0.1:1/p/********?c=a%20b&k=********&api_key=********"
    assert shown["headers"]["X-Click"] == "********a b"
    assert shown["body"] == '{"v": 5.00, "t": "********", "token": "********"}'


def test_dry_run_as_an_object() -> None:
    """A GET as an object has no headers of its own, and no body."""
    shown = json.loads(run("send", "--dry-run", "--click-id", "abc", "-o", "json").stdout)
    assert shown == {
        "method": "GET",
        "url": "https://track.momentscience.com/postback?click_id=abc",
        "headers": {},
        "body": None,
    }


@pytest.mark.parametrize("transport", ["direct", "session"])
def test_a_post(partner: Partner, transport: str) -> None:
    """A POST is made once, with all its headers and its body; the report shows no secret."""
    env = posting(f"http://127.0.0.1:{partner.server_port}/") | {"POSTBACK_DESTINATION__TRANSPORT": transport}
    result = run("send", "--click-id", "abc", "--payout", "5", "--order-id", "7", "-o", "json", env=env)
    assert result.exit_code == 0
    assert "s3cret" not in result.output
    assert partner.paths == ["/p/s3cret?c=abc&k=s3cret&api_key=s3cret"]
    assert partner.bodies == [b'{"v": 5.00, "t": "s3cret", "token": "s3cret"}']
    sent = partner.heads[0]
    assert (sent["X-Token"], sent["X-Click"], sent["X-Order"]) == ("Bearer s3cret", "s3cret abc", "7")
    assert (sent["Content-Type"], sent["Content-Length"]) == ("application/json", str(len(partner.bodies[0])))


def test_what_a_partner_repeats(partner: Partner) -> None:
    """Secrets in a refusal's body, as a partner may repeat what it was asked, are masked in the report."""
    partner.status, partner.body = 403, rb'{"wrong": "s3cret", "asked": "/p/s3cret?k=s3cret", "cut": "s3c'
    env = posting(f"http://127.0.0.1:{partner.server_port}/")
    result = run("send", "--click-id", "abc", "--payout", "5", "-o", "json", env=env)
    assert result.exit_code == 1
    assert "s3cret" not in result.output
    shown = json.loads(result.stdout)["body"]
    assert shown == '{"wrong": "********", "asked": "/p/********?k=********", "cut": "s3c'


def test_what_no_template_takes(partner: Partner) -> None:
    """A value that can't stand where it should is exit 2, with the reason, and nothing is sent."""
    url = f"http://127.0.0.1:{partner.server_port}/{{click_id}}"
    env = {"POSTBACK_DESTINATION__URL": url, "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true"}
    result = run("send", "--click-id", "..", env=env)
    assert (result.exit_code, partner.paths) == (2, [])
    assert result.stderr == "error: the URL would have a path segment of dots alone, which leads elsewhere\n"
