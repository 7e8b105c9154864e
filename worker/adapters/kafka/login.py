"""What the clients of a process log in with, which may be replaced while it runs.

The rule: a client reads its files and its password once, when it is made. So the configurations that clients
are made of are kept up to date here, and who has one that stays open is told to take another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from worker.adapters.kafka.config import Config, Property

_TAKEN_WHILE_OPEN = frozenset({"sasl.username", "sasl.password"})
"""What a client that is open takes, for each connection from then on."""


class Clients(Protocol):
    """Who has clients that stay open. Neither blocks: a consumer's own thread alone may call it."""

    def relogin(self, username: str, password: str) -> None:
        """Have them log in as this user from now on."""
        ...

    def renew(self) -> None:
        """Go on with other ones."""
        ...


class Renewed:
    """Clients that are all made anew for any change; `renew` has that done."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self.renew = renew

    def relogin(self, _username: str, _password: str) -> None:
        """See Clients."""
        self.renew()


class Login:
    """One for each process. All is called on the event loop; configurations are read by any thread."""

    def __init__(self) -> None:
        self._configs: list[Config] = []
        self._owners: list[Clients] = []
        self.properties: Mapping[str, Property] = {}
        """Those that count now; none before the first change."""

    def keep(self, config: Config) -> Config:
        """Keep a configuration up to date from now on; returns the same one."""
        self._configs.append(config)
        return config

    def current(self, config: Config) -> Config:
        """Such a configuration as it is by now, for a client that is soon closed."""
        return {**config, **_of(config, self.properties)}

    def have(self, owner: Clients) -> None:
        """Have the clients of this one log in with what is new, too."""
        self._owners.append(owner)

    def renew(self, properties: Mapping[str, Property], changed: Sequence[str] | None = None) -> None:
        """Log in with these properties from now on; `changed` are those that are new, None where not known.

        A new user or password is told to the clients that are open; for all else they are replaced.
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
