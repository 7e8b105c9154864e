"""What is configured, as it is listed and explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.core.templates.macro_names import MACROS
from worker.ops.destinations import rows_of, show
from worker.settings import Deployment, Settings, SettingsError, load_all
from worker.settings.destination import EVENT_URL, SIMPLE_URL

TOML = """
[destinations.meta]
url = "https://m.example/k3y?t={secret.token}"
method = "POST"
body = '{"click":"{click_id}","name":"{event:purchase=Purchase}","mail":"{attributes.email}"}'
secrets.token = "s3cret"
when.event = "purchase"
when."attributes.site" = ["shop", "app"]
[destinations.voluum]
url = "https://v.example/?c={click_id}&p={payout}&s={event:signup=1}"
timeout = "3s"
when.network = "voluum"
"""


def read(tmp_path: Path, toml: str = TOML) -> Deployment:
    """Load settings."""
    path = tmp_path / "worker.toml"
    path.write_text(toml)
    return load_all(config=path, environ={}, dotenv=tmp_path / "none")


def test_listed(tmp_path: Path) -> None:
    """Each destination is a row: what it takes, how it sends, its group; what may be a secret is masked."""
    meta, voluum = rows_of(read(tmp_path))
    assert meta == (
        "meta",
        "event purchase; attributes.site app or shop; what fits nobody is dead-lettered here",
        "POST",
        "https://m.example/********?t={secret.token}",
        "postback-worker.meta",
    )
    assert (voluum.takes, voluum.group) == ("network voluum", "postback-worker.voluum")


def test_defaults_are_no_secret(tmp_path: Path) -> None:
    """The templates that the program comes with are listed and explained as they are."""
    deployment = read(tmp_path, "")
    (row,) = rows_of(deployment)
    assert row.url == f"{SIMPLE_URL} and {EVENT_URL}"
    assert ("POSTBACK_DESTINATION__EVENT_URL", EVENT_URL) in show(deployment, row.destination).fields


def test_fallback(tmp_path: Path) -> None:
    """The fallback takes what no other takes; a single destination takes everything."""
    fallback = '[destinations.rest]\nurl = "https://r.example/?c={click_id}"\n'
    assert [row.takes for row in rows_of(read(tmp_path, TOML + fallback))][1] == "what no other takes"
    assert [row.takes for row in rows_of(read(tmp_path, fallback))] == ["everything"]
    (single,) = rows_of(Deployment.of(Settings()))
    assert (single.destination, single.takes) == ("momentscience", "everything")


def test_shown(tmp_path: Path) -> None:
    """A destination is explained with the request that a sample event makes, secrets masked."""
    shown = show(read(tmp_path), "meta")
    fields = dict(shown.fields)
    assert fields["POSTBACK_DESTINATIONS__META__URL"] == "https://m.example/********?t={secret.token}"
    assert fields["dead_letters"] == "postback-worker.meta.dlq"
    assert shown.request is not None
    assert shown.request.url == "https://m.example/k3y?t=********"
    assert shown.request.body == b'{"click":"9f8e7d6c5b4a3928","name":"Purchase","mail":"example"}'
    assert shown.why_not is None


def test_every_field(tmp_path: Path) -> None:
    """The sample has a value for each field that a template may name."""
    macros = "&".join(f"{name}={{{name}}}" for name in MACROS)
    request = show(read(tmp_path, f'[destinations.a]\nurl = "https://a.example/?{macros}"\n'), "a").request
    assert request is not None
    assert "&network=example&" in request.url


def test_no_sample(tmp_path: Path) -> None:
    """Where no request can be made of the sample, it is said why."""
    shown = show(read(tmp_path), "voluum")
    assert shown.request is None
    assert shown.why_not is not None
    assert "event" in shown.why_not


def test_unknown(tmp_path: Path) -> None:
    """A name that is not configured is an error that names those that are."""
    with pytest.raises(SettingsError, match="there is no destination x; there is meta, voluum"):
        show(read(tmp_path), "x")
