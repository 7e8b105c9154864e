"""`send`: one test postback, or its URL alone."""

from __future__ import annotations

import json

import pytest

from tests.cli.invoke import NOBODY, run
from tests.cli.local_partner import Partner

SIMPLE = "https://track.momentscience.com/postback?click_id="
EVENT = "https://track.momentscience.com/postback?measurement=1&click_id="

FOREIGN = "currency is EUR, and this destination is configured for USD alone"


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (["--click-id", "abc"], SIMPLE + "abc"),
        (["--click-id", "a b&c=ü"], SIMPLE + "a%20b%26c%3D%C3%BC"),
        (
            ["--click-id", "abc", "--event", "purchase", "--payout", "49.99"],
            EVENT + "abc&event=purchase&payout=49.99",
        ),
        (["--click-id", "abc", "--event", "signup", "--payout", "5"], EVENT + "abc&event=signup&payout=5.00"),
    ],
)
def test_dry_run(arguments: list[str], url: str) -> None:
    """With --dry-run the request that would be sent stands alone on stdout."""
    result = run("send", "--dry-run", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"GET {url}\n", "")


@pytest.mark.parametrize("transport", ["direct", "session"])
def test_recorded(partner: Partner, transport: str) -> None:
    """A success status is exit 0, after exactly one request, over either transport."""
    env = {**partner.env, "POSTBACK_DESTINATION__TRANSPORT": transport}
    result = run("send", "--click-id", "a/b", "-o", "json", env=env)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["result"], told["status"], told["error"]) == (0, "recorded", 200, None)
    assert told["url"].endswith("/simple?c=a%2Fb")
    assert told["seconds"] >= 0
    assert partner.paths == ["/simple?c=a%2Fb"]


def test_not_recorded(partner: Partner) -> None:
    """Any other status is exit 1, and the table says which."""
    partner.status = 503
    result = run("send", "--click-id", "abc", env=partner.env)
    assert result.exit_code == 1
    assert "not recorded" in result.stdout
    assert "HTTP 503" in result.stdout
    assert len(partner.paths) == 1


@pytest.mark.parametrize("transport", ["direct", "session"])
def test_the_answers_body(partner: Partner, transport: str) -> None:
    """What the partner says is shown, the beginning of it, whatever the status."""
    partner.status, partner.body = 400, b'{"error": "no such click"}' + b" " * 600 + b"end"
    env = {**partner.env, "POSTBACK_DESTINATION__TRANSPORT": transport}
    result = run("send", "--click-id", "abc", "-o", "json", env=env)
    assert (result.exit_code, json.loads(result.stdout)["body"]) == (1, '{"error": "no such click"}')


def test_missing_values(partner: Partner) -> None:
    """Where macros have no value, the options that are lacking are named, and no others."""
    result = run("send", "--click-id", "abc", "--event", "x", env=partner.env)
    assert (result.exit_code, partner.paths) == (2, [])
    assert result.stderr == (
        "error: POSTBACK_DESTINATION__EVENT_URL needs {order_id}, {attributes.kind}, which is not given\n"
        "hint: add --order-id VALUE kind=VALUE\n"
    )


def test_other_success_status(partner: Partner) -> None:
    """What counts as success is the settings' to say."""
    partner.status = 204
    env = {**partner.env, "POSTBACK_DESTINATION__SUCCESS_STATUSES": "204"}
    assert run("send", "--click-id", "abc", env=env).exit_code == 0


def test_every_macro(partner: Partner) -> None:
    """The options and NAME=VALUE arguments fill the macros of the template."""
    arguments = ["--click-id", "abc", "--event", "x", "--order-id", "7", "kind=new=er"]
    assert run("send", *arguments, env=partner.env).exit_code == 0
    assert partner.paths == ["/event?c=abc&o=7&k=new%3Der"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--network", "Voluum"], "error: network must be a string of 1 to 64 of a-z, 0-9, - and _\n"),
        (
            ["--currency", "euro"],
            "error: currency must be a currency's code by ISO 4217 in capitals, such as USD, EUR or JPY\n",
        ),
        (
            ["--currency", "EUR", "--payout", "5", "--event", "lead"],
            f"error: {FOREIGN} (POSTBACK_DESTINATION__CURRENCIES)\n",
        ),
    ],
)
def test_what_is_wrong_is_not_sent(partner: Partner, arguments: list[str], says: str) -> None:
    """A network or a currency that is none, and one that is not taken, are exit 2, and nothing is sent."""
    result = run("send", "--click-id", "abc", *arguments, env=partner.env)
    assert (result.exit_code, result.stderr, partner.paths) == (2, says, [])


def test_another_currency() -> None:
    """A payout in a currency that is taken is written with that one's decimals; a network goes with it."""
    arguments = ["--event", "lead", "--payout", "500", "--currency", "JPY", "--network", "line"]
    env = {"POSTBACK_DESTINATION__CURRENCIES": "JPY"}
    result = run("send", "--dry-run", "--click-id", "abc", *arguments, env=env)
    assert (result.exit_code, result.stdout) == (0, f"GET {EVENT}abc&event=lead&payout=500\n")


@pytest.mark.parametrize("transport", ["direct", "session"])
@pytest.mark.parametrize(
    ("status", "body", "exit_code", "error"),
    [
        (400, b"already recorded", 0, None),
        (200, b"no such click", 1, "HTTP 200, and its body matches TERMINAL_BODY"),
        (404, b"gone", 1, "HTTP 404 is configured as terminal"),
        (429, b"", 1, "HTTP 429"),
        (202, b"error", 1, "HTTP 202, but its body matches REJECT_BODY"),
        (204, b"", 0, None),
        (302, b"", 1, "HTTP 302"),
    ],
)
def test_what_an_answer_means(
    partner: Partner, transport: str, status: int, body: bytes, exit_code: int, error: str | None
) -> None:
    """Classes of statuses and the rules of bodies judge a test postback as they judge the worker's."""
    partner.status, partner.body = status, body
    rules = {
        "SUCCESS_STATUSES": "2xx",
        "TERMINAL_STATUSES": "4xx",
        "RECORDED_BODY": "already recorded",
        "TERMINAL_BODY": "no such click",
        "REJECT_BODY": "error",
        "TRANSPORT": transport,
    }
    env = partner.env | {f"POSTBACK_DESTINATION__{name}": value for name, value in rules.items()}
    result = run("send", "--click-id", "abc", "-o", "json", env=env)
    assert (result.exit_code, json.loads(result.stdout)["error"]) == (exit_code, error)


def test_nobody_there(partner: Partner) -> None:
    """A partner that can't be reached is exit 1 with a status of null and an error."""
    url = f"http://{NOBODY}/?c={{click_id}}"
    env = {**partner.env, "POSTBACK_DESTINATION__SIMPLE_URL": url}
    result = run("send", "--click-id", "abc", "-o", "json", env=env)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["result"], told["status"]) == (1, "not recorded", None)
    assert told["error"]


def test_forbidden_address(partner: Partner) -> None:
    """A private address that is not permitted is exit 2, and nothing is sent."""
    env = {**partner.env, "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "false"}
    result = run("send", "--click-id", "abc", env=env)
    assert (result.exit_code, result.stdout, partner.paths) == (2, "", [])
    assert "is forbidden" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--click-id", ""], "error: click_id must be"),
        (["--click-id", "x", "--event", "e", "--payout", "1.999"], "error: payout must be"),
        (
            ["--click-id", "x", "--event", "purchase"],
            "EVENT_URL needs {payout}, which is not given\nhint: add --payout VALUE\n",
        ),
        (["--click-id", "x", "campaign"], "is not NAME=VALUE"),
        ([], "'--click-id'"),
    ],
)
def test_wrong_usage(arguments: list[str], error: str) -> None:
    """An event that the worker would refuse is wrong usage: exit 2, a line that names the field."""
    result = run("send", "--dry-run", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert error in result.stderr


def test_times(partner: Partner) -> None:
    """The times of a test conversion can be given."""
    url = (
        f"http://127.0.0.1:{partner.server_port}/?a={{occurred_at:unix}}&b={{clicked_at:unix}}&n={{attempt}}"
    )
    env = {"POSTBACK_DESTINATION__URL": url, "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true"}
    times = ["--occurred-at", "2026-01-02T03:04:05Z", "--clicked-at", "2026-01-01T00:00:00Z"]
    assert run("send", "--click-id", "abc", *times, env=env).exit_code == 0
    assert partner.paths == ["/?a=1767323045&b=1767225600&n=1"]
