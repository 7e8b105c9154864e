"""Rereads settings that came from files: `POSTBACK_X_FILE` and the secrets directory.

The rule: new contents are checked as at the start, and all other values stay. The result is complete new
settings, or a line for each problem; nothing is taken in part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from worker.settings.kafka_properties import property_name
from worker.settings.sources import Layer, Unreadable, read_value
from worker.settings.variable_names import path_of

if TYPE_CHECKING:
    from worker.settings.model import Settings


# A run is built around these fields of a destination; its others may change between two requests.
_BUILT_IN = frozenset({"name", "concurrency", "rate"})


class ChangedSettings(NamedTuple):
    """New settings, and the variables whose files have changed."""

    settings: Settings
    changed: list[str]


class SettingsFiles:
    """The files that settings were read from; `paths` maps each variable to its file.

    `make` makes settings from layers; it raises SettingsError with every problem.
    """

    def __init__(self, layers: Sequence[Layer], make: Callable[[Sequence[Layer]], Settings]) -> None:
        self._layers = layers
        self._make = make
        strongest = {name: layer for layer in reversed(layers) for name in layer.values}
        self.paths: Mapping[str, Path] = {
            name: layer.files[name] for name, layer in strongest.items() if name in layer.files
        }

    def reread(self) -> ChangedSettings | None:
        """Reread all files and make new settings; None if no file has changed.

        Raises SettingsError if a file can't be read or the new settings would be wrong.
        """
        layers = [_reread(layer, self.paths) for layer in self._layers]
        changed = [
            name
            for before, now in zip(self._layers, layers, strict=True)
            for name in now.values
            if now.values[name].text != before.values[name].text
        ]
        if changed or any(layer.problems for layer in layers):
            return ChangedSettings(self._make(layers), changed)
        return None


def is_of_login(variable: str) -> bool:
    """Whether a variable is part of the Kafka clients' login."""
    path = path_of(variable) or (variable,)
    return path[:2] == ("kafka", "properties") and property_name(path[-1]).startswith(("sasl.", "ssl."))


def takes_restart(variable: str) -> bool:
    """Whether a new value of a variable takes effect only after a restart."""
    path = path_of(variable) or (variable,)
    return path[0] != "destination" or path[1] in _BUILT_IN


def _reread(layer: Layer, paths: Mapping[str, Path]) -> Layer:
    """The same layer with the current contents of its files.

    An empty file is being written or was lost: its former value stays.
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
