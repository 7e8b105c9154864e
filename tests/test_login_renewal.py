"""What Kafka's clients log in with is replaced while they are open."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
import trustme

from tests.support.certificates import ClientFiles, replace
from worker.adapters.clock import SystemClock
from worker.adapters.file_stamps import look_at
from worker.adapters.kafka.login import KafkaLogin
from worker.core.changed_files import Look
from worker.login_renewal import LoginRenewal
from worker.settings import load

PROPERTIES = "POSTBACK_KAFKA__PROPERTIES__"


class Owner:
    """Has clients, and notes what it is told of them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def relogin(self, username: str, password: str) -> None:
        """Note it."""
        self.told.append((username, password))

    def renew(self) -> None:
        """Note it."""
        self.told.append(("anew",))


class World:
    """A login of these settings, and what is heard of it."""

    def __init__(self, **given: str) -> None:
        environ = {f"{PROPERTIES}{name}": text for name, text in given.items()}
        settings = load(environ=environ, dotenv=Path("/nowhere"))
        self.login, self.owner, self.troubles = KafkaLogin(), Owner(), list[str]()
        self.config = self.login.keep({"client.id": "c", **settings.kafka.properties})
        self.login.have(self.owner)
        self._renewal = LoginRenewal(settings, self.login, self.troubles.append, SystemClock())

    async def look(self) -> None:
        """Look as often as it takes for what stands still to count."""
        for _ in range(2):
            await self._renewal.look()


def login_by(file: Path) -> World:
    """A user and a password, which is in a file."""
    own = {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": "u", "SASL_PASSWORD_FILE": str(file)}
    return World(SECURITY_PROTOCOL="SASL_SSL", **own)


async def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at in threads that no end of a process waits for."""
    by: list[bool] = []

    def looking(paths: Iterable[Path]) -> Look:
        by.append(threading.current_thread().daemon)
        return look_at(paths)

    file = tmp_path / "password"
    replace(file, "s3cret-0")
    world = login_by(file)
    monkeypatch.setattr("worker.login_renewal.look_at", looking)
    await world.look()
    assert by == [True] * len(by) != []


async def test_a_password(tmp_path: Path) -> None:
    """A new one is told to those who have clients, once, and is in what new clients are made of."""
    file = tmp_path / "password"
    replace(file, "s3cret-0")
    world = login_by(file)
    await world.look()
    assert (world.owner.told, world.config["sasl.password"]) == ([], "s3cret-0")
    replace(file, "s3cret-1\n")
    await world.look()
    await world.look()
    assert world.owner.told == [("u", "s3cret-1")]
    assert world.config == {**world.config, "client.id": "c", "sasl.password": "s3cret-1"}
    assert world.login.current({"sasl.password": "s3cret-0"}) == {"sasl.password": "s3cret-1"}


async def test_an_empty_file(tmp_path: Path) -> None:
    """One that is being written, or was lost, changes nothing, and is told of once."""
    file = tmp_path / "password"
    replace(file, "s3cret-0")
    world = login_by(file)
    replace(file, "")
    await world.look()
    await world.look()
    assert world.owner.told == []
    assert world.troubles == [
        f"{PROPERTIES}SASL_PASSWORD: the file {file} is empty; what was read before stays in use"
    ]


async def test_a_certificate(tmp_path: Path) -> None:
    """A new one takes new clients; one that is not of its key is told of, and the one before stays."""
    files = ClientFiles(tmp_path, trustme.CA())
    named = {"SSL_CERTIFICATE_LOCATION": str(files.cert), "SSL_KEY_LOCATION": str(files.key)}
    world = World(SECURITY_PROTOCOL="SSL", SSL_CA_LOCATION=str(files.ca), **named)
    replace(files.key, files.issue().private_key_pem.bytes())
    await world.look()
    assert world.owner.told == []
    assert len(world.troubles) == 1
    assert world.troubles[0].endswith("; what was read before stays in use")
    files.renew()
    await world.look()
    assert world.owner.told == [("anew",)]
