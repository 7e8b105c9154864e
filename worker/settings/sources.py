"""The sources of settings: command line, environment, `.env`, TOML file, secrets directory; first wins.

The rule: each source becomes plain text by variable, and nothing in it is ignored silently.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from worker.settings.variable_names import (
    COMMA,
    CONFIG,
    DESTINATIONS,
    FILE,
    PREFIX,
    SECRETS_DIR,
    WHEN,
    dotted_path,
    is_named_like_file,
    is_secret,
    nearest,
    path_of,
    spelled,
    variable,
    without_destination,
)
from worker.settings.variable_names import Path as SettingPath

SECRETS = Path("/run/secrets")
_LEAST_OF_A_DESTINATION = 3
# The parts of a value's path: destinations, the name, the setting.


class RawValue(NamedTuple):
    """A value as text, its name as written, and its path if the name alone does not give it."""

    text: str
    written: str
    path: SettingPath | None = None


@dataclass
class Layer:
    """The values of one source, by variable.

    `files` are the files that values were read from; `problems` and `warnings` are lines about wrong and
    about probably unintended values.
    """

    origin: str
    values: dict[str, RawValue] = field(default_factory=dict, repr=False)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, text: str, written: str | None = None, path: SettingPath | None = None) -> None:
        """Add one value; the same variable twice (in two spellings) is a problem."""
        if name in self.values:
            self.problems.append(f"{name}: given twice ({self.origin}); keep one")
        self.values[name] = RawValue(text, written or name, path)

    def path(self, name: str) -> SettingPath | None:
        """The path of one of its values; None if there is no such setting."""
        return self.values[name].path or path_of(name)

    def of(self, destination: str | None) -> Layer:
        """Its values for this one of several destinations, by common variable; None: the common ones."""
        own = Layer(self.origin)
        for name, given in self.values.items():
            path = self.path(name) or (name,)
            owner = path[1] if path[0] == DESTINATIONS else None
            if owner == destination and without_destination(path)[0] != WHEN:
                common = variable(without_destination(path))
                own.values[common] = given
                if name in self.files:
                    own.files[common] = self.files[name]
        return own

    def nested(self) -> dict[str, Any]:
        """The values, nested as in the model."""
        tree: dict[str, Any] = {}
        for name, given in self.values.items():
            *groups, leaf = path_of(name) or (name,)
            place = tree
            for group in groups:
                place = place.setdefault(group, {})
            place[leaf] = given.text
        return tree


def gather(
    config: Path | None, overrides: Mapping[str, Any], environ: Mapping[str, str], dotenv: Path
) -> list[Layer]:
    """Read every source, strongest first; each holds only known variables, with `_FILE` ones resolved."""
    environment, env_file = _environment(environ), _dotenv(dotenv)
    layers = [_mapping("command line", overrides), environment, env_file]
    named = _special(CONFIG, environment, env_file)
    path = config or (Path(named) if named else None)
    if path is not None:
        layers.append(_toml(path))
    layers.append(_secrets(_special(SECRETS_DIR, environment, env_file)))
    for layer in layers:
        _read_files(layer)
        _refuse_unknown(layer)
        _refuse_doubles(layer)
    return layers


def _special(name: str, *layers: Layer) -> str | None:
    """Remove from the layers a variable that says where to read; return its first non-empty value."""
    found = [layer.values.pop(name) for layer in layers if name in layer.values]
    return next((given.text for given in found if given.text), None)


def _environment(environ: Mapping[str, str]) -> Layer:
    layer = Layer("environment")
    links = _service_links(environ)
    for name, text in environ.items():
        if name.upper().startswith(PREFIX) and not (links and links.fullmatch(name)):
            layer.add(name, text)
    return layer


def _service_links(environ: Mapping[str, str]) -> re.Pattern[str] | None:
    """Match the variables, not settings, that Kubernetes adds to a pod for a Service named postback-…."""
    services = [
        name.removesuffix("_SERVICE_HOST")
        for name in environ
        if name.startswith(PREFIX) and name.endswith("_SERVICE_HOST")
    ]
    if not services:
        return None
    tails = r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?"
    return re.compile(rf"({'|'.join(services)})_({tails})")


def _dotenv(path: Path) -> Layer:
    layer = Layer(str(path))
    if not path.is_file():
        return layer
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        layer.problems.append(f"{path}: cannot be read: {_reason(error)}")
        return layer
    for binding in bindings:
        if binding.error:
            layer.problems.append(f"{path}: line {binding.original.line} is not NAME=value")
        elif binding.key and binding.key.upper().startswith(PREFIX):
            layer.add(binding.key, binding.value or "")
    return layer


def _toml(path: Path) -> Layer:
    try:
        with path.open("rb") as file:
            return _mapping(str(path), tomllib.load(file))
    except (OSError, ValueError) as error:
        return Layer(str(path), problems=[f"{CONFIG}: {path} cannot be read: {_reason(error)}"])


def _mapping(origin: str, mapping: Mapping[str, Any]) -> Layer:
    layer = Layer(origin)
    for path, value in _leaves(mapping):
        written = ".".join(path)
        if isinstance(value, Mapping):
            layer.problems.append(
                f"{spelled(written)}: {written} ({origin}) is empty; leave it out, or fill it in"
            )
            continue
        if path[0] == DESTINATIONS and len(path) < _LEAST_OF_A_DESTINATION:
            layer.problems.append(
                f"{spelled(written)}: {written} ({origin}) must be a table, [destinations.NAME]"
            )
            continue
        place = dotted_path(written) if path[0] == DESTINATIONS else None
        name = variable(place) if place is not None else spelled(written)
        try:
            layer.add(name, _text(value, COMMA if WHEN in path[2:3] else ","), written, place)
        except TypeError:
            layer.problems.append(
                f"{name}: {written} ({origin}) must be text, a number, a boolean or a list of these"
            )
    return layer


def _leaves(mapping: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path; also the empty tables of destinations."""
    for key, value in mapping.items():
        if isinstance(value, Mapping) and (value or path[:1] != (DESTINATIONS,)):
            yield from _leaves(value, (*path, key))
        elif value is not None:
            yield (*path, key), value


def _text(value: object, comma: str = ",") -> str:
    """A value from TOML or the command line, written as in a variable; `comma` is one in a list's item."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Path):
        return str(value)
    if isinstance(value, list | tuple):
        return ",".join(_text(item).replace(",", comma) for item in value)
    raise TypeError(type(value).__name__)


def _secrets(named: str | None) -> Layer:
    directory = Path(named) if named else SECRETS
    layer = Layer(str(directory))
    try:
        files = sorted(directory.iterdir())
    except (OSError, ValueError) as error:  # also a path that holds NUL
        if named:
            layer.problems.append(f"{SECRETS_DIR}: {directory} cannot be read: {_reason(error)}")
        return layer
    for file in files:
        if file.name.upper().startswith(PREFIX):
            _add_file(layer, file.name.upper(), file, file.name)
    return layer


def _read_files(layer: Layer) -> None:
    """Replace each `X_FILE` by `X` with the file's text."""
    for name in [name for name in layer.values if name.endswith(FILE)]:
        target = name.removesuffix(FILE)
        place = path_of(target)
        if place is None or without_destination(place)[0] == WHEN or is_named_like_file(name):
            continue
        given = layer.values.pop(name)
        if target in layer.values:
            layer.problems.append(f"{target}: given together with {name} ({layer.origin}); keep one")
        else:
            _add_file(layer, target, Path(given.text), given.written)
            if is_secret(path_of(target) or ()):
                layer.warnings += readers_of(target, Path(given.text))


def _add_file(layer: Layer, name: str, file: Path, written: str) -> None:
    try:
        layer.add(name, read_value(name, file), written)
    except Unreadable as error:
        layer.problems.append(str(error))
    else:
        if file.is_file():  # a pipe can be read only once
            layer.files[name] = file


class Unreadable(ValueError):
    """A value's file can't be read; the message names the variable."""


def read_value(name: str, file: Path) -> str:
    """Read a variable's value from its file, without the final line end; raise Unreadable."""
    try:
        text = file.read_bytes().decode()
    except (OSError, ValueError) as error:  # also a path that holds NUL
        raise Unreadable(f"{name}: the file {file} cannot be read: {_reason(error)}") from None
    return text.removesuffix("\n").removesuffix("\r")


def readers_of(name: str, file: Path) -> list[str]:
    """A warning if everybody on this machine can read a file that holds a secret, else nothing."""
    try:
        open_to_all = file.stat().st_mode & stat.S_IROTH
    except (OSError, ValueError):  # reported by read_value
        return []
    return [f"{name}: every user can read the file {file}; `chmod o-r` mends it"] if open_to_all else []


def _refuse_unknown(layer: Layer) -> None:
    for name in [name for name in layer.values if layer.path(name) is None]:
        given = layer.values.pop(name)
        written = "" if given.written == name else f"{given.written}, "
        close = nearest(name)
        hint = f"; did you mean {close}?" if close else ""
        layer.problems.append(f"{name}: no such setting ({written}{layer.origin}){hint}")


def _refuse_doubles(layer: Layer) -> None:
    """Refuse two spellings of one setting: only one of them would count."""
    first: dict[SettingPath, str] = {}
    for name in layer.values:
        path = layer.path(name) or (name,)
        if without_destination(path)[0] != WHEN:
            known = first.setdefault(path_of(variable(path)) or path, name)
            if known != name:
                layer.problems.append(f"{name}: is {known}, given twice ({layer.origin}); keep one")


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
