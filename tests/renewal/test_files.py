"""Files of a destination are read again: what counts from then on, what is refused, and what is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.core.examples import make_event
from tests.fakes import FakeClock
from tests.renewal.world import PARTNER, TOKEN, World, looks
from tests.runner.harness import until
from tests.runner.heard import Heard
from tests.support.certificates import replace
from worker.adapters.file_stamps import look_at
from worker.adapters.http import load_tls
from worker.compiled import tls_files
from worker.core.changed_files import AGAIN_SECONDS, Look
from worker.renewal import Renewal
from worker.settings import Settings, load_all
from worker.settings.destination import Destination


async def test_nothing_new(world: World) -> None:
    """Files that are written again and hold the same change nothing, and nobody hears of it."""
    renewal = world.renewal()
    await looks(renewal)
    for path in (world.token, world.tls.cert, world.tls.key):
        replace(path, path.read_bytes())
    with capture_logs() as lines:
        await looks(renewal)
    assert (world.renewed, world.heard.troubles, lines) == ([], [], [])


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
    assert world.renewed[-1].postback.request(event).target == "/second%2F?click_id=c"
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
    assert world.renewed == []
    await renewal.look()
    assert world.headers == {"X-Token": "second"}


async def test_a_new_template(world: World) -> None:
    """A new template counts without a new sender: connections stay open."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.url, PARTNER.format(k="two"))
    await looks(renewal)
    assert world.senders == []
    (compiled,) = world.renewed
    assert str(compiled.postback.event.origin) == "https://8.8.8.8"


async def test_a_forbidden_address(world: World) -> None:
    """A template that leads to a forbidden address is refused as it is at the start."""
    renewal = world.renewal()
    await looks(renewal)
    replace(world.url, "https://127.0.0.1/?click_id={click_id}")
    await looks(renewal)
    assert world.renewed == []
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
    assert world.renewed == []
    replace(world.token, "second")
    await looks(renewal)
    assert world.headers == {"X-Token": "second"}
    replace(world.token, "hunter2\x01")
    await looks(renewal)
    assert len(world.heard.troubles) == 2


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
    assert (world.renewed, len(world.heard.troubles)) == ([], 1)


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
    assert world.renewed == []
    await looks(renewal)
    assert world.headers == {"X-Token": "third"}


async def test_nothing_to_look_at() -> None:
    """Without any file there is nothing to look at."""
    made = Settings(destination=Destination(ca_file=None))
    heard = Heard()
    await Renewal(made, load_tls(tls_files(made)), lambda *_: None, heard, FakeClock()).run()
    assert heard.troubles == []


async def test_a_disk_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at in threads that no end of a process waits for."""
    by: list[bool] = []

    def looking(paths: Iterable[Path]) -> Look:
        by.append(threading.current_thread().daemon)
        return look_at(paths)

    monkeypatch.setattr("worker.renewal.look_at", looking)
    await looks(world.renewal())
    assert by == [True] * len(by) != []


async def test_no_more_threads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there are no more threads nothing is looked at; a later look finds what has changed."""
    monkeypatch.setattr("worker.renewal.LOOK_SECONDS", 0.001)
    renewal, start, refused = world.renewal(), threading.Thread.start, [0]
    world.token.write_text("second")

    def no_thread(thread: threading.Thread) -> None:
        refused[0] += 1
        if refused[0] <= 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    running = asyncio.create_task(renewal.run())
    await until("it is read", lambda: bool(world.renewed))
    running.cancel()
