"""The credentials of a process's clients, which may be replaced while it runs.

The rule: a client reads its files and its password once, when it is made. So the configurations for making
clients are kept up to date here, and owners of open clients are told to replace them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from worker.adapters.kafka.config import Config, Property

_TAKEN_WHILE_OPEN = frozenset({"sasl.username", "sasl.password"})
"""What an open client can be given anew, for its connections from then on."""


class ClientOwner(Protocol):
    """An owner of clients that stay open. Neither method blocks: only a consumer's own thread may call it."""

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        ...

    def renew(self) -> None:
        """Replace the clients."""
        ...


class RenewingOwner:
    """An owner whose clients are replaced for any change, by `renew`."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self.renew = renew

    def relogin(self, _username: str, _password: str) -> None:
        """See ClientOwner."""
        self.renew()


class KafkaLogin:
    """One for each process. Call it on the event loop; any thread may read the configurations."""

    def __init__(self) -> None:
        self._configs: list[Config] = []
        self._owners: list[ClientOwner] = []
        self.properties: Mapping[str, Property] = {}
        """The properties that count now; empty before the first change."""

    def keep(self, config: Config) -> Config:
        """Keep a configuration up to date from now on; returns that same object."""
        self._configs.append(config)
        return config

    def current(self, config: Config) -> Config:
        """A configuration with the present credentials, for a client that is soon closed."""
        return {**config, **_of(config, self.properties)}

    def have(self, owner: ClientOwner) -> None:
        """Tell this owner of changes from now on."""
        self._owners.append(owner)

    def renew(self, properties: Mapping[str, Property], changed: Sequence[str] | None = None) -> None:
        """Log in with these properties from now on; `changed` names the new ones, None if unknown.

        Open clients are given a new user or password; for any other change they are replaced.
        """
        self.properties = properties
        for config in self._configs:
            config.update(_of(config, properties))
        for owner in self._owners:
            if changed is None or not _TAKEN_WHILE_OPEN.issuperset(changed):
                owner.renew()
            else:
                owner.relogin(str(properties["sasl.username"]), str(properties["sasl.password"]))


def _of(config: Config, properties: Mapping[str, Property]) -> Config:
    return {name: value for name, value in properties.items() if name in config}
