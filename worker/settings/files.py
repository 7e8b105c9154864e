"""Settings that were read from files, and are read again: `POSTBACK_X_FILE`, and the secrets directory.

The rule: what the files hold now counts by the rules of the start, and all that was given otherwise stays as
it was given. Nothing half right is taken: there are new settings, or a line for each problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from worker.settings.kafka_properties import property_name
from worker.settings.names import path_of
from worker.settings.sources import Layer, Unreadable, read_value

if TYPE_CHECKING:
    from worker.settings.model import Settings


# What of a destination a run is built around; all else of it may change from one request to the next.
_BUILT_IN = frozenset({"name", "concurrency", "rate"})


class Reread(NamedTuple):
    """New settings, and the variables whose files hold something else than before."""

    settings: Settings
    changed: list[str]


class SettingsFiles:
    """The files that settings were read from: `paths` by the variable that each gives the value of.

    `make` makes settings of layers; it raises SettingsError, also for the problems that they have.
    """

    def __init__(self, layers: Sequence[Layer], make: Callable[[Sequence[Layer]], Settings]) -> None:
        self._layers = layers
        self._make = make
        strongest = {name: layer for layer in reversed(layers) for name in layer.values}
        self.paths: Mapping[str, Path] = {
            name: layer.files[name] for name, layer in strongest.items() if name in layer.files
        }

    def reread(self) -> Reread | None:
        """Read them all again and make the settings anew; None where no file holds anything new.

        Raises SettingsError, where one can't be read or the settings would be wrong.
        """
        layers = [_reread(layer, self.paths) for layer in self._layers]
        changed = [
            name
            for before, now in zip(self._layers, layers, strict=True)
            for name in now.values
            if now.values[name].text != before.values[name].text
        ]
        if changed or any(layer.problems for layer in layers):
            return Reread(self._make(layers), changed)
        return None


def is_of_login(variable: str) -> bool:
    """Tell whether a variable is of what Kafka's clients log in with."""
    path = path_of(variable) or (variable,)
    return path[:2] == ("kafka", "properties") and property_name(path[-1]).startswith(("sasl.", "ssl."))


def takes_restart(variable: str) -> bool:
    """Tell whether a new value of a variable is of no use to a run that goes on."""
    path = path_of(variable) or (variable,)
    return path[0] != "destination" or path[1] in _BUILT_IN


def _reread(layer: Layer, paths: Mapping[str, Path]) -> Layer:
    """The same layer with what its files hold now.

    A file that has become empty is one that is being written, or was lost: what stood in it stays.
    """
    values, problems = dict(layer.values), []
    for name, path in layer.files.items():
        if paths.get(name) != path or name not in values:
            continue
        try:
            text = read_value(name, path)
        except Unreadable as error:
            problems.append(str(error))
            continue
        if values[name].text and not text:
            problems.append(f"{name}: the file {path} is empty")
        else:
            values[name] = values[name]._replace(text=text)
    return replace(layer, values=values, problems=problems)
