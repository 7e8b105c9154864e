"""The recipes of docs/destinations: each starts, sends what its network asks for, and reads its answers."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from schemas import ConversionEvent, decode
from tests.docs.pages import ROOT, links
from worker.compiled import compile_settings
from worker.core.answer import Response
from worker.core.classify import AnswerKind, classify
from worker.core.record import Partition, Record
from worker.ops.sending import make_request
from worker.ops.settings_report import SettingsReport, report
from worker.settings import Deployment, Settings, load_all
from worker.settings.templates import constant_headers

FOLDER = ROOT / "docs/destinations"
RECIPES = sorted(FOLDER.glob("*.toml"))
GOLDEN = {path.stem: path for path in (ROOT / "tests/docs/recipes").glob("*.json")}
NOW = 1767400000.0
EVENT = {
    "event_id": "evt-1",
    "click_id": "Cl1ck-9f",
    "event": "purchase",
    "payout": "49.99",
    "currency": "USD",
    "order_id": "1001",
    "occurred_at": "2026-01-02T03:04:05Z",
    "clicked_at": "2026-01-01T00:00:00Z",
    "attributes": {"email": " Jane@Example.com "},
}
BAD_STATUSES = (302, 429, 500, 503)
each_network = pytest.mark.parametrize("name", sorted(GOLDEN))
each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)


def names_of(text: str) -> list[str]:
    """The destinations of a recipe, as its tables are headed."""
    return [line[14:-1] for line in text.splitlines() if line.startswith("[destinations.")]


def secrets_of(text: str) -> dict[str, str]:
    """What the environment gives for the secret of each destination that names one."""
    tables = text.split("[destinations.")[1:]
    return {
        f"POSTBACK_DESTINATIONS__{table.partition(']')[0].upper()}__SECRETS__TOKEN": "t0ken"
        for table in tables
        if "{secret.token}" in table
    }


def read(config: Path) -> Deployment:
    """The settings of a recipe."""
    environ = secrets_of(config.read_text("utf-8"))
    return load_all(config=config, environ=environ, dotenv=Path("/nonexistent/.env"))


def event_of(network: str) -> bytes:
    """The event of a network."""
    return json.dumps({**EVENT, "network": network}).encode()


def decoded(network: str) -> ConversionEvent:
    """The event of a network, as the worker reads it."""
    return decode(event_of(network), now=NOW)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """All recipes in one file."""
    config = tmp_path_factory.mktemp("recipes") / "worker.toml"
    config.write_text("\n".join(recipe.read_text("utf-8") for recipe in RECIPES), "utf-8")
    return read(config)


@pytest.fixture(scope="module")
def by_name(everything: Deployment) -> dict[str, Settings]:
    """The settings of each network."""
    return {one.destination.name: one for one in everything.destinations}


@pytest.fixture
def public_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name leads to a public address, and nobody is asked."""
    resolved = [(2, 1, 6, "", ("8.8.8.8", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved)


def test_each_network_has_a_golden_request(everything: Deployment) -> None:
    """No network is without a request to compare with, and no such request without a network."""
    assert everything.names == sorted(GOLDEN)


@each_recipe
@pytest.mark.usefixtures("public_names")
async def test_config_check(recipe: Path) -> None:
    """A recipe alone is a configuration of which `config check` has nothing to say."""
    deployment = read(recipe)
    assert deployment.names == sorted(names_of(recipe.read_text("utf-8")))
    assert await report(deployment) == SettingsReport([], [], [])


@each_recipe
def test_short(recipe: Path) -> None:
    """A recipe begins with a comment, and is read at a glance."""
    lines = recipe.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 14


@each_network
def test_request(by_name: dict[str, Settings], name: str) -> None:
    """A purchase makes the very request that the network asks for, byte for byte."""
    settings = by_name[name]
    request = make_request(settings, decoded(name))
    made = {
        "method": request.method,
        "url": request.url,
        "headers": {**constant_headers(settings.destination), **dict(request.headers)},
        "body": None if request.body is None else request.body.decode(),
    }
    assert made == json.loads(GOLDEN[name].read_text("utf-8"))


@each_network
def test_route(everything: Deployment, by_name: dict[str, Settings], name: str) -> None:
    """The events of a network go to its destination, and to no other."""
    record = Record(Partition("conversions", 0), 0, None, event_of(name), (), NOW)
    taken = [other for other, settings in by_name.items() if everything.router(settings).takes(record)]
    assert taken == [name]


@each_network
@pytest.mark.parametrize("status", BAD_STATUSES)
def test_later(by_name: dict[str, Settings], name: str, status: int) -> None:
    """A redirect, a limit or a fault of the network's is tried again, whichever network it is."""
    answer = Response(status, None, b"")
    assert classify(answer, compile_settings(by_name[name]).rules, NOW).kind is AnswerKind.RETRY


EXOCLICK_REPEAT = "ERROR: This conversion has already been notified and saved."
ADJUST_REPEAT = '{"error": "Event request failed (Ignoring event, earlier unique event tracked)"}'


@pytest.mark.parametrize(
    ("name", "status", "body", "ending"),
    [
        ("momentscience", 200, "", AnswerKind.DELIVERED),
        ("momentscience", 204, "", AnswerKind.RETRY),
        ("tune", 200, "success=true;", AnswerKind.DELIVERED),
        ("tune", 200, "success=false; err_msg=Invalid transaction", AnswerKind.RETRY),
        ("everflow", 200, "", AnswerKind.DELIVERED),
        ("everflow", 204, "", AnswerKind.DELIVERED),
        ("everflow", 404, "", AnswerKind.RETRY),
        ("exoclick", 200, "OK", AnswerKind.DELIVERED),
        ("exoclick", 200, "ERROR: Tag is invalid!", AnswerKind.RETRY),
        ("exoclick", 200, EXOCLICK_REPEAT, AnswerKind.DELIVERED),
        ("trafficstars", 200, "", AnswerKind.DELIVERED),
        ("trafficstars", 202, "", AnswerKind.RETRY),
        ("adjust", 200, '{"status": "OK"}', AnswerKind.DELIVERED),
        ("adjust", 400, ADJUST_REPEAT, AnswerKind.DELIVERED),
        ("adjust", 400, '{"error": "Bad event state"}', AnswerKind.RETRY),
        ("adjust", 451, "", AnswerKind.REJECTED),
        ("singular", 200, '{"status":"ok"}', AnswerKind.DELIVERED),
        ("singular", 200, '{"status": "error", "reason": "no such app"}', AnswerKind.RETRY),
        ("kuaishou", 200, '{"result":1}', AnswerKind.DELIVERED),
        ("kuaishou", 200, '{"result": 1}', AnswerKind.DELIVERED),
        ("kuaishou", 200, '{"result":10}', AnswerKind.RETRY),
        ("kuaishou", 200, '{"result": 2}', AnswerKind.RETRY),
        ("meta", 200, '{"events_received":1}', AnswerKind.DELIVERED),
        ("meta", 400, '{"error": {"code": 100}}', AnswerKind.REJECTED),
        ("meta", 429, "", AnswerKind.RETRY),
        ("tiktok", 200, '{"code":0,"message":"OK"}', AnswerKind.DELIVERED),
        ("tiktok", 200, '{"code": 0}', AnswerKind.DELIVERED),
        ("tiktok", 200, '{"code": 40001, "message": "no such pixel"}', AnswerKind.RETRY),
        ("ga4", 204, "", AnswerKind.DELIVERED),
        ("ga4", 413, "", AnswerKind.RETRY),
        ("json_api", 200, "", AnswerKind.DELIVERED),
        ("json_api", 202, "", AnswerKind.DELIVERED),
        ("json_api", 204, "", AnswerKind.DELIVERED),
        ("json_api", 401, "", AnswerKind.RETRY),
    ],
)
def test_answer(by_name: dict[str, Settings], name: str, status: int, body: str, ending: AnswerKind) -> None:
    """What a network answers, by status and body, ends as its recipe promises."""
    answer = Response(status, None, body.encode())
    assert classify(answer, compile_settings(by_name[name]).rules, NOW).kind is ending


@pytest.mark.parametrize(
    ("name", "most_seconds"), [("exoclick", 24 * 3600), ("ga4", 72 * 3600)], ids=["exoclick", "ga4"]
)
def test_last_attempt(by_name: dict[str, Settings], name: str, most_seconds: int) -> None:
    """The pauses between attempts end before the network forgets a repeat, or takes no time so far back."""
    retry, tiers = by_name[name].retry, by_name[name].tiers
    pauses = [tiers[min(at, len(tiers) - 1)].seconds for at in range(retry.max_attempts - 1)]
    assert sum(pauses) < most_seconds * 0.9


def test_every_recipe_is_found() -> None:
    """The table of networks links to every recipe."""
    assert {recipe.name for recipe in RECIPES} <= set(links(FOLDER / "README.md"))
