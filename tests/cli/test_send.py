"""`send`: one test postback, or its URL alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cli.invoke import NOBODY, run

SIMPLE = "https://track.momentscience.com/postback?click_id="
EVENT = "https://track.momentscience.com/postback?measurement=1&click_id="

FOREIGN = "currency is EUR, and this destination is configured for USD alone"


class Partner(ThreadingHTTPServer):
    """Answers every request with `status`, and keeps what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.body = b""
        self.paths: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    @property
    def env(self) -> dict[str, str]:
        """The variables that send postbacks here."""
        url = f"http://127.0.0.1:{self.server_port}/"
        return {
            "POSTBACK_DESTINATION__SIMPLE_URL": url + "simple?c={click_id}",
            "POSTBACK_DESTINATION__EVENT_URL": url + "event?c={click_id}&o={order_id}&k={attributes.kind}",
            "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
        }


class Handler(BaseHTTPRequestHandler):
    """One request of the partner's."""

    server: Partner

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heads.append(dict(self.headers))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server calls it so
        """Say nothing."""


@pytest.fixture
def partner() -> Iterator[Partner]:
    """A partner on this machine."""
    with Partner() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
    assert shown == {"method": "GET", "url": f"{SIMPLE}abc", "headers": {}, "body": None}


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


def test_what_no_template_takes(partner: Partner) -> None:
    """A value that can't stand where it should is exit 2, with the reason, and nothing is sent."""
    url = f"http://127.0.0.1:{partner.server_port}/{{click_id}}"
    env = {"POSTBACK_DESTINATION__URL": url, "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true"}
    result = run("send", "--click-id", "..", env=env)
    assert (result.exit_code, partner.paths) == (2, [])
    assert result.stderr == "error: the URL would have a path segment of dots alone, which leads elsewhere\n"


def test_times(partner: Partner) -> None:
    """The times of a test conversion can be given."""
    url = (
        f"http://127.0.0.1:{partner.server_port}/?a={{occurred_at:unix}}&b={{clicked_at:unix}}&n={{attempt}}"
    )
    env = {"POSTBACK_DESTINATION__URL": url, "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true"}
    times = ["--occurred-at", "2026-01-02T03:04:05Z", "--clicked-at", "2026-01-01T00:00:00Z"]
    assert run("send", "--click-id", "abc", *times, env=env).exit_code == 0
    assert partner.paths == ["/?a=1767323045&b=1767225600&n=1"]
