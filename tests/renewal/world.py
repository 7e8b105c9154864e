"""A destination that runs, its files, and what was told of them."""

from __future__ import annotations

import time
from pathlib import Path

import trustme

from tests.fakes import FakeClock, FakeSender
from tests.runner.heard import Heard
from tests.support.certificates import ClientFiles
from worker.adapters.http import SenderOptions, load_tls
from worker.compiled import tls_files
from worker.pipeline import CompiledSettings
from worker.renewal import Renewal, RenewSender
from worker.settings import Settings, load

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
        self.renewed: list[CompiledSettings] = []
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

    def _renew(self, compiled: CompiledSettings, renew_sender: RenewSender) -> None:
        self.renewed.append(compiled)
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
