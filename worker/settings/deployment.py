"""What is served from one set of settings: one destination, or several by name.

The rule: each destination has settings of its own, in which what it left out is the common one's; so what
serves one destination need not know of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from worker.core.routing import Route, Router
from worker.settings.model import Settings
from worker.settings.problems import SettingsError

SEE_DESTINATIONS = "`postback-worker destinations` tells what each of them takes"


class Deployment(NamedTuple):
    """The settings of each destination that is served, by name, and what each that is configured takes."""

    destinations: tuple[Settings, ...]
    routes: tuple[Route, ...]

    @classmethod
    def of(cls, settings: Settings) -> Deployment:
        """The deployment of a single destination, which takes everything."""
        return cls((settings,), (Route(settings.destination.name, {}),))

    @property
    def common(self) -> Settings:
        """Settings for what all destinations share: Kafka's servers and topic, HTTP, logs, bounds."""
        return self.destinations[0]

    @property
    def is_several(self) -> bool:
        """Whether the destinations have names of their own in the settings."""
        return self.common.is_of_several

    @property
    def names(self) -> list[str]:
        """The names of the destinations that are served."""
        return [one.destination.name for one in self.destinations]

    @property
    def served_routes(self) -> list[Route]:
        """What each destination that is served takes, in the order of `destinations`."""
        routes = {route.name: route for route in self.routes}
        return [routes[name] for name in self.names]

    def router(self, settings: Settings) -> Router:
        """What one of the destinations takes."""
        return self.router_of(settings.destination.name)

    def router_of(self, name: str) -> Router:
        """What the destination of this name takes."""
        return Router(name, self.routes)

    def only(self, names: Collection[str]) -> Deployment:
        """Serve some of them; what the others take stays theirs. Raises SettingsError for an unknown name."""
        for name in names:
            choose(self, name)
        kept = [one for one in self.destinations if one.destination.name in names]
        return self._replace(destinations=tuple(kept))

    def with_properties(self, properties: Mapping[str, Any]) -> Deployment:
        """The same, whose clients of Kafka have these properties."""
        return self._replace(
            destinations=tuple(_with_properties(one, properties) for one in self.destinations)
        )


def skip_problems(destinations: Sequence[Settings]) -> list[str]:
    """What is to be skipped and is read by none of these destinations."""
    kafka = destinations[0].kafka
    ours = [f"{one.kafka.group_id}.retry." for one in destinations]
    wrong = [
        str(place)
        for place in sorted(kafka.skip)
        if place.at.topic != kafka.topic and not place.at.topic.startswith(tuple(ours))
    ]
    if not wrong:
        return []
    right = f"{kafka.topic} or a topic that begins with {' or '.join(ours)}"
    return [f"POSTBACK_KAFKA__SKIP: {wrong[0]} is not read by this worker: it must be of {right}"]


def choose(deployment: Deployment, name: str | None) -> Settings:
    """Return the settings of the destination of this name, or of the only one.

    Raises SettingsError where there is none of this name, or where there are several and none is named.
    """
    known = ", ".join(deployment.names)
    if name is None:
        if len(deployment.destinations) == 1:
            return deployment.destinations[0]
        line = f"there are several destinations: say which with --destination, one of {known}"
        raise SettingsError([line], SEE_DESTINATIONS)
    for settings in deployment.destinations:
        if settings.destination.name == name:
            return settings
    raise SettingsError([f"there is no destination {name}; there is {known}"], SEE_DESTINATIONS)


def _with_properties(settings: Settings, properties: Mapping[str, Any]) -> Settings:
    kafka = settings.kafka.model_copy(update={"properties": properties})
    return settings.model_copy(update={"kafka": kafka})
