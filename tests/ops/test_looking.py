"""How a look at one destination goes on after one that failed."""

from __future__ import annotations

import pytest

from tests.support.settings import NOTHING
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.ops import looking
from worker.settings import load_all


def test_other_clients_after_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a look that nobody answered the next one is made with other clients: one may be deaf for good."""
    (settings,) = load_all(environ={}, dotenv=NOTHING).destinations
    asked = list[object]()

    def flow(_settings: object, clients: object, *_: object) -> object:
        asked.append(clients)
        raise KafkaUnavailable("no answer")

    monkeypatch.setattr(looking, "_flow", flow)
    looker = looking.Looker(settings)
    for _ in range(2):
        with pytest.raises(KafkaUnavailable):
            looker.flow(0.0, None)
    first, second = asked
    assert first is not second
    looker.close()
