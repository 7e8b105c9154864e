"""Files of a destination are read again: what counts from then on, what is refused, and what is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from structlog.testing import capture_logs

from tests.core.examples import make_event
from tests.fakes import FakeClock, FakeSender
from tests.runner.harness import Heard
from tests.support.certificates import ClientFiles, replace
from worker.adapters.http import SenderOptions, load_tls
from worker.compiled import tls_files
from worker.pipeline import Plan
from worker.renewal import AGAIN_SECONDS, TELL_SECONDS, Renewal, RenewSender
from worker.settings import Settings, load, load_all
from worker.settings.files import takes_restart
from worker.settings.groups import Destination

TOKEN = "POSTBACK_DESTINATION__HEADERS__X_TOKEN"
PARTNER = "https://8.8.8.8/{k}?click_id={{click_id}}"


class World:
    """A destination's files in a folder, and what its run is told."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.token, self.url = at / "token", at / "url"
        self.token.write_text("first")
        self.url.write_text(PARTNER.format(k="one"))
        self.tls = ClientFiles(at, trustme.CA(organization_name="Example Authority"))
        self.heard = Heard()
        self.clock = FakeClock(time.time())
        self.plans: list[Plan] = []
        self.sender = FakeSender()
        self.senders: list[SenderOptions] = []

    def settings(self, **given: str) -> Settings:
        """Settings that come from the files."""
        named = {
            "HEADERS__X_TOKEN_FILE": self.token,
            "SIMPLE_URL_FILE": self.url,
            "EVENT_URL_FILE": self.url,
            "CA_FILE": self.tls.ca,
            "CERT_FILE": self.tls.cert,
            "KEY_FILE": self.tls.key,
            **given,
        }
        environ = {f"POSTBACK_DESTINATION__{name}": str(value) for name, value in named.items() if value}
        return load(environ=environ, dotenv=self.at / "none")

    def renewal(self, settings: Settings | None = None) -> Renewal:
        """What looks after the files of these settings."""
        made = settings or self.settings()
        return Renewal(made, load_tls(tls_files(made)), self._renew, self.heard, self.clock)

    def make_sender(self, _transport: str, options: SenderOptions) -> FakeSender:
        """Stand for what makes senders."""
        self.senders.append(options)
        return FakeSender()

    def _renew(self, plan: Plan, renew_sender: RenewSender) -> None:
        self.plans.append(plan)
        sender = renew_sender(self.sender)
        assert isinstance(sender, FakeSender)
        self.sender = sender

    @property
    def headers(self) -> dict[str, str]:
        """Those that the sender has been told to send."""
        return self.sender.headers


async def looks(renewal: Renewal, count: int = 2) -> None:
    """Look so often that a change that is over counts."""
    for _ in range(count):
        await renewal.look()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Files, and nothing new in them."""
    structlog.reset_defaults()
    made = World(tmp_path)
    monkeypatch.setattr("worker.renewal.make_sender", made.make_sender)
    return made


async def test_nothing_new(world: World) -> None:
    """Files that are written again and hold the same change nothing, and nobody hears of it."""
    renewal = world.renewal()
    await looks(renewal)
    for path in (world.token, world.tls.cert, world.tls.key):
        replace(path, path.read_bytes())
    with capture_logs() as lines:
        await looks(renewal)
    assert (world.plans, world.heard.troubles, lines) == ([], [], [])


async def test_a_change_at_the_start(world: World) -> None:
    """What changes between the start's reading and the first look counts, too."""
    renewal = world.renewal()
    world.token.write_text("second")
    world.tls.renew()
    await looks(renewal)
    (options,) = world.senders
    assert options.headers == {"X-Token": "second"}


async def test_a_new_token(world: World) -> None:
    """A new header is told to the sender, which stays; a line names the variable, and no value."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.token, "second\n")
    with capture_logs() as lines:
        await looks(renewal)
    assert world.headers == {"X-Token": "second"}
    assert [line["variable"] for line in lines] == [TOKEN]
    assert "second" not in repr(lines)
    replace(world.token, "third\n")
    await looks(renewal)
    assert world.headers == {"X-Token": "third"}
    assert world.senders == []
    world.tls.renew()
    await looks(renewal)
    (options,) = world.senders
    assert options.headers == {"X-Token": "third"}


async def test_a_new_secret(world: World) -> None:
    """A secret's file counts wherever it is named: in a header, and in the URL."""
    world.url.write_text(PARTNER.format(k="{secret.api_key}"))
    settings = world.settings(
        HEADERS__X_TOKEN_FILE="",
        HEADERS__X_KEY="Key {secret.api_key}",
        SECRETS__API_KEY_FILE=str(world.token),
    )
    renewal = world.renewal(settings)
    await looks(renewal)
    replace(world.token, "second/")
    with capture_logs() as lines:
        await looks(renewal)
    assert world.headers == {"X-Key": "Key second/"}
    event = make_event(click_id="c")
    assert world.plans[-1].postback.request(event).target == "/second%2F?click_id=c"
    assert [line["variable"] for line in lines] == ["POSTBACK_DESTINATION__SECRETS__API_KEY"]
    assert "second" not in repr(lines)


async def test_several_destinations(world: World) -> None:
    """What is wrong with one destination's file holds up nothing of another's; variables are as given."""
    other = world.at / "other"
    other.write_text("first")
    own = {"ONE": world.token, "TWO": other}
    names = {f"{name}__HEADERS__X_TOKEN_FILE": path for name, path in own.items()}
    names |= {f"{name}__URL_FILE": world.url for name in own}
    environ = {f"POSTBACK_DESTINATIONS__{name}": str(path) for name, path in names.items()}
    environ["POSTBACK_DESTINATIONS__TWO__WHEN__NETWORK"] = "two"
    one, two = load_all(environ=environ, dotenv=world.at / "none").destinations
    renewals = [world.renewal(settings) for settings in (one, two)]
    for renewal in renewals:
        await looks(renewal)
    replace(world.token, "hunter2\x01")
    replace(other, "second")
    with capture_logs() as lines:
        for renewal in renewals:
            await looks(renewal)
    (trouble,) = world.heard.troubles
    assert trouble.startswith("POSTBACK_DESTINATIONS__ONE__HEADERS__X_TOKEN: ")
    assert world.headers == {"X-Token": "second"}
    assert [line["variable"] for line in lines] == ["POSTBACK_DESTINATIONS__TWO__HEADERS__X_TOKEN"]


async def test_half_written(world: World) -> None:
    """A file that is being written is not read before it has stood still for a look."""
    renewal = world.renewal()
    await looks(renewal)
    for text in ("se", "seco", "second"):
        world.token.write_text(text)
        await renewal.look()
    assert world.plans == []
    await renewal.look()
    assert world.headers == {"X-Token": "second"}


async def test_a_new_template(world: World) -> None:
    """A new template counts without a new sender: connections stay open."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.url, PARTNER.format(k="two"))
    await looks(renewal)
    assert world.senders == []
    (plan,) = world.plans
    assert str(plan.postback.event.origin) == "https://8.8.8.8"


async def test_a_forbidden_address(world: World) -> None:
    """A template that leads to a forbidden address is refused as it is at the start."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.url, "https://127.0.0.1/?click_id={click_id}")
    await looks(renewal)
    assert world.plans == []
    (line,) = world.heard.troubles
    assert "127.0.0.1 is forbidden (loopback)" in line
    assert line.endswith("; what was read before stays in use")


async def test_a_wrong_value(world: World) -> None:
    """A wrong value is told once, without it; the old one stays until there is a right one."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.token, "hunter2\x01")
    await looks(renewal, 4)
    world.clock.advance(AGAIN_SECONDS)
    await looks(renewal)
    (line,) = world.heard.troubles
    assert line.startswith(f"{TOKEN}: ")
    assert "hunter2" not in line
    assert world.plans == []
    replace(world.token, "second")
    await looks(renewal)
    assert world.headers == {"X-Token": "second"}
    replace(world.token, "hunter2\x01")
    await looks(renewal)
    assert len(world.heard.troubles) == 2


async def test_a_new_certificate(world: World) -> None:
    """A new certificate and its key make a new sender; a line for each names its variable, and no key."""
    renewal = world.renewal()
    await looks(renewal)
    world.tls.renew()
    with capture_logs() as lines:
        await looks(renewal)
    assert len(world.senders) == 1
    certificate, key = lines
    assert certificate["variable"] == "POSTBACK_DESTINATION__CERT_FILE"
    assert certificate["certificate"].startswith("client.example, valid until ")
    assert key["variable"] == "POSTBACK_DESTINATION__KEY_FILE"
    assert "PRIVATE" not in repr(lines)


async def test_a_key_that_does_not_fit_yet(world: World) -> None:
    """A certificate without its key, or a cut one, is told once; with its key it counts."""
    renewal = world.renewal()
    await looks(renewal)
    leaf = world.tls.issue()
    whole = leaf.cert_chain_pems[0].bytes()
    replace(world.tls.cert, whole[:300])
    await looks(renewal)
    replace(world.tls.cert, whole)
    await looks(renewal, 4)
    replace(world.tls.key, leaf.private_key_pem.bytes())
    assert world.senders == []
    await looks(renewal)
    assert len(world.senders) == 1
    assert [line.partition(": ")[0] for line in world.heard.troubles] == [
        "POSTBACK_DESTINATION__CERT_FILE",
        "POSTBACK_DESTINATION__KEY_FILE",
    ]


async def test_a_certificate_that_has_expired(world: World) -> None:
    """An expired certificate does not take the place of one that is valid."""
    renewal = world.renewal()
    await looks(renewal)
    world.tls.renew(days=-1)
    await looks(renewal)
    assert world.senders == []
    (line,) = world.heard.troubles
    assert line.startswith("POSTBACK_DESTINATION__CERT_FILE: the certificate has expired: client.example ")


async def test_a_certificate_that_begins_later(world: World) -> None:
    """A certificate that is not valid yet counts as soon as it is, though its file does not change."""
    renewal = world.renewal()
    await looks(renewal)
    world.clock.step(-200 * 86400)
    world.tls.renew()
    await looks(renewal)
    assert world.senders == []
    assert "is not valid yet" in world.heard.troubles[-1]
    world.clock.step(200 * 86400)
    world.clock.advance(AGAIN_SECONDS)
    await renewal.look()
    assert len(world.senders) == 1


async def test_a_certificate_that_ends(world: World) -> None:
    """A person hears when a certificate's last week begins, once a day from then on, and when it is over."""
    renewal = world.renewal()
    world.clock.step(80 * 86400)
    for _ in range(12):
        await looks(renewal)
        world.clock.step(TELL_SECONDS)
    said = [line.partition(": ")[2].split(":")[0] for line in world.heard.troubles]
    assert said[0] == "the certificate expires soon"
    assert said[-1] == "the certificate has expired"
    assert len(said) == 9


async def test_a_file_that_goes(world: World) -> None:
    """A file that goes is told of, and what it held stays in use; it comes back unchanged without a word."""
    renewal = world.renewal()
    await looks(renewal)
    text = world.token.read_text()
    world.token.unlink()
    await looks(renewal, 3)
    (line,) = world.heard.troubles
    assert "cannot be read: No such file or directory; what was read before stays in use" in line
    world.token.write_text(text)
    await looks(renewal, 3)
    assert (world.plans, len(world.heard.troubles)) == ([], 1)


async def test_a_file_that_changes_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes while it is read is read again, and no mixture of two states counts."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.token, "second")

    def torn(*given: Any) -> Any:
        tls = load_tls(*given)
        replace(world.token, "third")
        return tls

    with monkeypatch.context() as patched:
        patched.setattr("worker.renewal.load_tls", torn)
        await looks(renewal)
    assert world.plans == []
    await looks(renewal)
    assert world.headers == {"X-Token": "third"}


async def test_what_takes_a_restart(world: World) -> None:
    """A new value of what a run is built around is told of, once, and what else is new counts."""
    size = world.at / "concurrency"
    size.write_text("4")
    renewal = world.renewal(world.settings(CONCURRENCY_FILE=str(size)))
    await looks(renewal)
    replace(size, "8")
    replace(world.token, "second")
    await looks(renewal, 4)
    assert world.heard.troubles == [
        "POSTBACK_DESTINATION__CONCURRENCY: its file has changed; that takes a restart"
    ]
    assert world.headers == {"X-Token": "second"}


@pytest.mark.parametrize(
    ("name", "value"), [("PROXY", "http://proxy:3128"), ("TRANSPORT", "session"), ("TIMEOUT", "3s")]
)
async def test_what_takes_a_new_sender(world: World, name: str, value: str) -> None:
    """What connections rest on is changed by a new sender: proxy, transport, time."""
    path = world.at / "value"
    path.write_text({"PROXY": "http://before:3128", "TRANSPORT": "direct", "TIMEOUT": "10s"}[name])
    transport = {} if name == "TRANSPORT" else {"TRANSPORT": "session"}
    renewal = world.renewal(world.settings(**{f"{name}_FILE": str(path), **transport}))
    await looks(renewal)
    replace(path, value)
    await looks(renewal)
    assert len(world.senders) == 1


@pytest.mark.parametrize(
    ("variable", "restart"),
    [
        (TOKEN, False),
        ("POSTBACK_DESTINATION__PROXY", False),
        ("POSTBACK_DESTINATION__CA_FILE", False),
        ("POSTBACK_DESTINATION__RATE", True),
        ("POSTBACK_KAFKA__PROPERTIES__SASL_PASSWORD", True),
        ("POSTBACK_RETRY__WINDOW", True),
    ],
)
def test_restart(variable: str, *, restart: bool) -> None:
    """Of a destination only what a run is built around takes a restart; all else that is set does."""
    assert takes_restart(variable) == restart


async def test_nothing_to_look_at() -> None:
    """Without any file there is nothing to look at."""
    made = Settings(destination=Destination(ca_file=None))
    heard = Heard()
    await Renewal(made, load_tls(tls_files(made)), lambda *_: None, heard, FakeClock()).run()
    assert heard.troubles == []
