"""Commands that are shown to be copied."""

from __future__ import annotations

import pytest

from tests.core.test_flow_diagnosis import FLOWS, GIVEN
from tests.support.settings import NOTHING, read
from worker.core.orders import PauseOrder
from worker.ops.addressing import addressed
from worker.ops.looking import Looker
from worker.ops.status import Watcher
from worker.settings import Deployment, load_all

URL = "https://partner.example/?click_id={click_id}"
SEVERAL = {
    "POSTBACK_DESTINATIONS__ALPHA__URL": URL,
    "POSTBACK_DESTINATIONS__BETA__URL": URL,
    "POSTBACK_DESTINATIONS__ALPHA__WHEN__NETWORK": "alpha",
}


def several() -> Deployment:
    """Two destinations."""
    return load_all(environ=SEVERAL, dotenv=NOTHING)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("postback-worker resume", "postback-worker resume --destination beta"),
        ("postback-worker rate off", "postback-worker rate off --destination beta"),
        ("postback-worker cancel end 'a b'", "postback-worker cancel end 'a b' --destination beta"),
        ("postback-worker waiting list", "postback-worker waiting list --destination beta"),
        ("postback-worker run", "postback-worker run"),
        ("postback-worker config check --online", "postback-worker config check --online"),
    ],
)
def test_one_of_several(command: str, shown: str) -> None:
    """A command about one of several destinations says which; one about all is as it is."""
    alpha, beta = several().destinations
    assert (alpha.destination.name, addressed(command, beta)) == ("alpha", shown)
    assert addressed(command, read({})) == command


def test_what_status_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that ends what a destination of several suffers from can be copied as it stands."""
    paused = FLOWS._replace(orders=[PauseOrder(GIVEN)])
    monkeypatch.setattr(Looker, "flow", lambda *_: paused)
    with Watcher(several()) as watcher:
        commands = [one.diagnosis.command for one in watcher.look().found]
    assert commands == [f"postback-worker resume --destination {name}" for name in ("alpha", "beta")]
