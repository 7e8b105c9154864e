"""From a setting's place in the model to its variable, and back.

The rule: the model alone says which variables there are. A setting of one destination of several has the path
`("destinations", NAME, …)`, and then that of the setting which it takes the place of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from worker.core.routing import FIELDS as ROUTING
from worker.settings import kafka_properties
from worker.settings.model import Settings
from worker.settings.values import Kind

Path = tuple[str, ...]

PREFIX = "POSTBACK_"
CONFIG = "POSTBACK_CONFIG"
SECRETS_DIR = "POSTBACK_SECRETS_DIR"
DESTINATIONS, WHEN = "destinations", "when"
_SEVERAL = "POSTBACK_DESTINATIONS__"
# These take names of the user's own: librdkafka's properties, request headers, secrets.
OPEN: frozenset[Path] = frozenset(
    {("kafka", "properties"), ("destination", "headers"), ("destination", "secrets")}
)

_SECRETS: frozenset[Path] = frozenset(
    {("console", "token"), *(("destination", name) for name in ("headers", "secrets", "proxy"))}
)

# What a destination of several may have for itself, beside the fields of `Destination`.
_OWN_GROUPS = frozenset({"retry", "circuit"})
_OWN_NAMES: Mapping[str, Path] = MappingProxyType(
    {"GROUP_ID": ("kafka", "group_id"), "MAX_OUTSTANDING": ("max_outstanding",)}
)


def variable(path: Sequence[str]) -> str:
    """`("kafka", "topic")` as `POSTBACK_KAFKA__TOPIC`; separators inside an open name become `_`."""
    if path[0] == DESTINATIONS and len(path) > 2:
        return f"{_SEVERAL}{path[1].upper()}__{_own_name(tuple(path[2:]))}"
    words = [word.replace("-", "_") for key in path for word in key.split(".")]
    if tuple(word.lower() for word in words[:2]) in OPEN and len(words) > 2:
        words = [*words[:2], "_".join(words[2:])]
    return PREFIX + "__".join(words).upper()


def spelled(name: str) -> str:
    """A variable for `kafka.topic` or `POSTBACK_KAFKA__TOPIC`, whichever was written."""
    if name.startswith(PREFIX):
        return name
    place = dotted_path(name) if name.startswith(f"{DESTINATIONS}.") else None
    return variable(place or (name,))


def own_variable(destination: str, name: str) -> str:
    """`POSTBACK_DESTINATION__URL` as the variable of one destination of several; others stay as they are."""
    path = path_of(name)
    own = path is not None and is_own(path)
    return variable((DESTINATIONS, destination, *path)) if own and path is not None else name


def is_own(path: Path) -> bool:
    """Tell whether a destination of several may have this setting for itself."""
    return path[0] in {"destination", *_OWN_GROUPS} or path in _OWN_NAMES.values()


def without_destination(path: Path) -> Path:
    """The path of the setting that one of a destination of several takes the place of."""
    return path[2:] if path[0] == DESTINATIONS else path


def dotted_path(written: str) -> Path | None:
    """The path of `destinations.NAME.REST` as it is written in TOML, where `when` keeps its letters' case.

    None for what is no setting of a destination.
    """
    name, _, rest = written.removeprefix(f"{DESTINATIONS}.").partition(".")
    head, _, asked = rest.partition(".")
    inner = (WHEN, asked) if head == WHEN and asked else _path_within(_spelled_within(rest))
    return (DESTINATIONS, name, *inner) if inner else None


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
_OPEN_NAMES = [f"{prefix}NAME" for prefix in _OPEN_PREFIXES]


def path_of(name: str) -> Path | None:
    """The path of a variable, None where there is no such setting."""
    if name.startswith(_SEVERAL):
        destination, _, rest = name.removeprefix(_SEVERAL).partition("__")
        inner = _path_within(rest)
        return (DESTINATIONS, destination.lower(), *inner) if inner else None
    if name in VARIABLES:
        return VARIABLES[name]
    for prefix, path in _OPEN_PREFIXES.items():
        if name.startswith(prefix) and name != prefix:
            return (*path, name.removeprefix(prefix))
    return None


def nearest(name: str) -> str | None:
    """The known variable that is most like this name."""
    if name.upper().startswith(_SEVERAL):
        destination, _, rest = name.upper().removeprefix(_SEVERAL).partition("__")
        if rest:
            return _nearest_own(destination.lower(), rest)
    known = [*VARIABLES, *_OPEN_NAMES, CONFIG, SECRETS_DIR]
    close = get_close_matches(name.upper(), known, n=1)
    return close[0] if close else None


def _nearest_own(destination: str, rest: str) -> str | None:
    """The same for what follows `POSTBACK_DESTINATIONS__NAME__`, compared without what is always the same."""
    when = [(WHEN, field) for field in ROUTING]
    if rest == WHEN.upper():
        return variable((DESTINATIONS, destination, *when[0]))
    own = [path for name in (*VARIABLES, *_OPEN_NAMES) if (path := path_of(name)) and is_own(path)]
    known = {_own_name(path): path for path in (*own, *when) if path != ("destination", "name")}
    close = get_close_matches(rest, known, n=1)
    return variable((DESTINATIONS, destination, *known[close[0]])) if close else None


def _own_name(path: Path) -> str:
    """What follows `POSTBACK_DESTINATIONS__NAME__` for a setting's path."""
    if path[0] == WHEN:
        return f"WHEN__{'__'.join(path[1].split('.', 1)).upper()}"
    name = variable(path).removeprefix(PREFIX).removeprefix("DESTINATION__")
    return next((own for own, inner in _OWN_NAMES.items() if inner == path), name)


def _path_within(rest: str) -> Path | None:
    """The path of what follows `POSTBACK_DESTINATIONS__NAME__`; None where there is no such setting."""
    if rest.startswith("WHEN__") and rest != "WHEN__":
        asked = rest.removeprefix("WHEN__").replace("__", ".", 1)
        return (WHEN, asked.lower() if asked.isupper() else asked)
    if rest in _OWN_NAMES:
        return _OWN_NAMES[rest]
    group = rest.partition("__")[0].lower()
    path = path_of(f"{PREFIX}{rest}" if group in _OWN_GROUPS else f"{PREFIX}DESTINATION__{rest}")
    return None if path == ("destination", "name") else path


def _spelled_within(dotted: str) -> str:
    return "__".join(dotted.replace("-", "_").split(".")).upper()


REPLACED_URLS: frozenset[Path] = frozenset({("destination", "simple_url"), ("destination", "event_url")})
"""Settings that have no effect where there is one URL for all events."""

URLS: frozenset[Path] = REPLACED_URLS | {("destination", "url")}
"""Settings that are URL templates: a part of them may be a secret."""

BODY: Path = ("destination", "body")
"""The setting that is a body template."""


def is_secret(path: Sequence[str]) -> bool:
    """Tell whether the value at this path must not be shown."""
    path = without_destination(tuple(path))
    if tuple(path[:2]) == ("kafka", "properties"):
        return kafka_properties.is_secret(kafka_properties.property_name(".".join(path[2:])))
    return tuple(path[:2]) in _SECRETS
