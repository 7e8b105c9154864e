"""From a setting's place in the model to its variable, and back.

The rule: the model alone says which variables there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from worker.settings import kafka_properties
from worker.settings.model import Settings
from worker.settings.values import Kind

Path = tuple[str, ...]

PREFIX = "POSTBACK_"
CONFIG = "POSTBACK_CONFIG"
SECRETS_DIR = "POSTBACK_SECRETS_DIR"
# These take names of the user's own: librdkafka's properties, request headers, secrets.
OPEN: frozenset[Path] = frozenset(
    {("kafka", "properties"), ("destination", "headers"), ("destination", "secrets")}
)


def variable(path: Sequence[str]) -> str:
    """`("kafka", "topic")` as `POSTBACK_KAFKA__TOPIC`; separators inside an open name become `_`."""
    words = [word.replace("-", "_") for key in path for word in key.split(".")]
    if tuple(word.lower() for word in words[:2]) in OPEN and len(words) > 2:
        words = [*words[:2], "_".join(words[2:])]
    return PREFIX + "__".join(words).upper()


def spelled(name: str) -> str:
    """A variable for `kafka.topic` or `POSTBACK_KAFKA__TOPIC`, whichever was written."""
    return name if name.startswith(PREFIX) else variable((name,))


def fields(model: type[BaseModel] = Settings, path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every setting with its path, in the order of the model."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, (*path, name))
        else:
            yield (*path, name), field


def kind(field: FieldInfo) -> Kind:
    """What the values of this setting are called, and how they are shown."""
    return next((note for note in field.metadata if isinstance(note, Kind)), Kind("text"))


FIELDS: Mapping[Path, FieldInfo] = MappingProxyType(dict(fields()))
VARIABLES: Mapping[str, Path] = MappingProxyType(
    {variable(path): path for path in FIELDS if path not in OPEN}
)
_OPEN_PREFIXES: Mapping[str, Path] = MappingProxyType({variable(path) + "__": path for path in OPEN})


def path_of(name: str) -> Path | None:
    """The path of a variable, None where there is no such setting."""
    if name in VARIABLES:
        return VARIABLES[name]
    for prefix, path in _OPEN_PREFIXES.items():
        if name.startswith(prefix) and name != prefix:
            return (*path, name.removeprefix(prefix))
    return None


def nearest(name: str) -> str | None:
    """The known variable that is most like this name."""
    known = [*VARIABLES, *(f"{prefix}NAME" for prefix in _OPEN_PREFIXES), CONFIG, SECRETS_DIR]
    close = get_close_matches(name.upper(), known, n=1)
    return close[0] if close else None


URLS: frozenset[Path] = frozenset(("destination", name) for name in ("url", "simple_url", "event_url"))
"""Settings that are URL templates: a part of them may be a secret."""


BODY: Path = ("destination", "body")


def is_secret(path: Sequence[str]) -> bool:
    """Tell whether the value at this path must not be shown."""
    if tuple(path[:2]) == ("kafka", "properties"):
        return kafka_properties.is_secret(kafka_properties.property_name(".".join(path[2:])))
    return tuple(path[:2]) in {("destination", name) for name in ("headers", "secrets", "proxy")}
