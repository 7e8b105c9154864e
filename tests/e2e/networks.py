"""Several networks beside one broker, and the worker's variables for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.events import value
from tests.e2e.program import call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, create_topics, produce, read_all, wait_until

NETWORKS = ("binom", "meta", "voluum")


class World(NamedTuple):
    """A broker with a source of four partitions, a partner for each network, and the worker's variables."""

    bootstrap: str
    names: Names
    partners: dict[str, Tracker]
    env: dict[str, str]
    at: Path

    def publish(self, network: str | None, *clicks: str) -> None:
        """Publish an event for each click."""
        fields: dict[str, Any] = {} if network is None else {"network": network}
        writes = [Write(value(click, click, **fields), key=click.encode()) for click in clicks]
        produce(self.bootstrap, self.names.topic, writes)

    def dead(self, network: str) -> list[dict[str, str]]:
        """The worker's headers of a destination's dead letters, with their clicks."""
        letters = read_all(self.bootstrap, f"{self.names.group}.{network}.dlq")
        return [
            {"click": json.loads(one.value or b"")["click_id"], **dict(_text(one.headers))} for one in letters
        ]

    def asked(self, network: str, clicks: set[str]) -> None:
        """Wait until a partner has had just these clicks, once each."""
        partner = self.partners[network]
        wait_until(f"{network} has {clicks}, not {partner.clicks}", lambda: set(partner.clicks) >= clicks)
        assert partner.clicks == dict.fromkeys(clicks, 1)


def _text(headers: object) -> Iterator[tuple[str, str]]:
    for name, text in headers:  # type: ignore[attr-defined]
        if name.startswith("postback-"):
            yield name, text.decode()


@contextmanager
def world(kafka: str, at: Path, **acts: object) -> Iterator[World]:
    """A world of three networks, each by its `network`, none for what is of no network."""
    names = Names.fresh("several")
    create_topics(kafka, {names.topic: 4})
    with ExitStack() as stack:
        partners = {
            name: stack.enter_context(Tracker(acts.get(name, lambda _query, _nth: 200)))  # type: ignore[arg-type]
            for name in NETWORKS
        }
        env = settings(kafka, names)
        for name, partner in partners.items():
            own = f"POSTBACK_DESTINATIONS__{name.upper()}__"
            env |= {
                f"{own}SIMPLE_URL": partner.simple_url,
                f"{own}EVENT_URL": partner.event_url,
                f"{own}WHEN__NETWORK": name,
            }
        assert call("topics", "create", env=env, at=at).returncode == 0
        yield World(kafka, names, partners, env, at)
