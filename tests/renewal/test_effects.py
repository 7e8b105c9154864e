"""What a new value takes: nothing more, a new sender, or a restart."""

from __future__ import annotations

import pytest

from tests.renewal.world import TOKEN, World, looks
from tests.support.certificates import replace
from worker.settings.reread_files import takes_restart


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
