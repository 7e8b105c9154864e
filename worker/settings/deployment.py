"""What one set of settings serves: one destination, or several by name.

The rule: each destination has complete settings, with the common value for each one that it leaves out; so
the code that serves one destination need not know of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from worker.core.routing import Route, Router
from worker.settings.model import Settings
from worker.settings.problems import SettingsError

SEE_DESTINATIONS = "`postback-worker destinations` tells what each of them takes"


class Deployment(NamedTuple):
    """The settings of each served destination, and the routes of every configured one."""

    destinations: tuple[Settings, ...]
    routes: tuple[Route, ...]
    others: tuple[Settings, ...] = ()
    """The settings of destinations that are served elsewhere."""

    @classmethod
    def of(cls, settings: Settings) -> Deployment:
        """Make the deployment of a single destination, which takes every event."""
        return cls((settings,), (Route(settings.destination.name, {}),))

    @property
    def common(self) -> Settings:
        """The settings that all destinations share: Kafka's servers and topic, HTTP, logs, bounds."""
        return self.destinations[0]

    @property
    def is_several(self) -> bool:
        """Whether the settings name their destinations."""
        return self.common.is_of_several

    @property
    def names(self) -> list[str]:
        """The names of the served destinations."""
        return [one.destination.name for one in self.destinations]

    @property
    def served_routes(self) -> list[Route]:
        """The routes of the served destinations, in the order of `destinations`."""
        routes = {route.name: route for route in self.routes}
        return [routes[name] for name in self.names]

    def router(self, settings: Settings) -> Router:
        """The router of the destination with these settings."""
        return self.router_of(settings.destination.name)

    def router_of(self, name: str) -> Router:
        """The router of the destination of this name."""
        return Router(name, self.routes)

    def only(self, names: Collection[str]) -> Deployment:
        """Serve only these; the others keep their routes. Raises SettingsError for an unknown name."""
        for name in names:
            choose(self, name)
        kept = tuple(one for one in self.destinations if one.destination.name in names)
        others = tuple(one for one in self.destinations if one not in kept)
        return self._replace(destinations=kept, others=(*self.others, *others))

    def with_properties(self, properties: Mapping[str, Any]) -> Deployment:
        """The same deployment with these properties for its Kafka clients."""
        return self._replace(
            destinations=tuple(_with_properties(one, properties) for one in self.destinations)
        )


def skip_problems(destinations: Sequence[Settings]) -> list[str]:
    """Name the records to skip that lie in topics that none of these destinations reads."""
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

    Raises SettingsError for an unknown name, and if there are several and none is named.
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
