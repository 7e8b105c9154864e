"""Turns a setting's path in the model into its variable, and back.

The rule: only the model defines variables. A setting of one of several destinations has the path
`("destinations", NAME, …)`, followed by the path of the common setting that it replaces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from worker.core.routing import FIELDS as ROUTING
from worker.settings import kafka_properties
from worker.settings.model import Settings
from worker.settings.values import ValueKind

Path = tuple[str, ...]

PREFIX = "POSTBACK_"
FILE = "_FILE"
"""What a variable ends with that names the file of a value."""
CONFIG = "POSTBACK_CONFIG"
SECRETS_DIR = "POSTBACK_SECRETS_DIR"
DESTINATIONS, WHEN = "destinations", "when"
COMMA = "\\,"
"""A comma that is part of a value that `when` asks for, where commas stand between the values."""
_SEVERAL = "POSTBACK_DESTINATIONS__"
# Settings with names of the user's choice: librdkafka's properties, request headers, secrets.
OPEN: frozenset[Path] = frozenset(
    {("kafka", "properties"), ("destination", "headers"), ("destination", "secrets")}
)

_SECRETS: frozenset[Path] = frozenset(
    {("console", "token"), *(("destination", name) for name in ("headers", "secrets", "proxy"))}
)

# What one of several destinations may set for itself, beside the fields of `Destination`.
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
    """The variable for a name written as `kafka.topic` or `POSTBACK_KAFKA__TOPIC`."""
    if name.startswith(PREFIX):
        return name
    place = dotted_path(name) if name.startswith(f"{DESTINATIONS}.") else None
    return variable(place or (name,))


def own_variable(destination: str, name: str) -> str:
    """Turn `POSTBACK_DESTINATION__URL` into the variable of a named destination; leave others unchanged."""
    path = path_of(name)
    own = path is not None and is_own(path)
    return variable((DESTINATIONS, destination, *path)) if own and path is not None else name


def is_own(path: Path) -> bool:
    """Whether one of several destinations may set this for itself."""
    return path[0] in {"destination", *_OWN_GROUPS} or path in _OWN_NAMES.values()


def without_destination(path: Path) -> Path:
    """The path of the common setting that a named destination's setting replaces."""
    return path[2:] if path[0] == DESTINATIONS else path


def dotted_path(written: str) -> Path | None:
    """The path of `destinations.NAME.REST` as written in TOML, where `when` is case-sensitive.

    None if it is no setting of a destination.
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


def kind(field: FieldInfo) -> ValueKind:
    """The kind of this setting's values: its name, and how they are shown."""
    return next((note for note in field.metadata if isinstance(note, ValueKind)), ValueKind("text"))


FIELDS: Mapping[Path, FieldInfo] = MappingProxyType(dict(fields()))
VARIABLES: Mapping[str, Path] = MappingProxyType(
    {variable(path): path for path in FIELDS if path not in OPEN}
)
_OPEN_PREFIXES: Mapping[str, Path] = MappingProxyType({variable(path) + "__": path for path in OPEN})
_OPEN_NAMES = [f"{prefix}NAME" for prefix in _OPEN_PREFIXES]


def path_of(name: str) -> Path | None:
    """The path of a variable, None if there is no such setting."""
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
    return _closest(name.upper(), [*VARIABLES, *_OPEN_NAMES, CONFIG, SECRETS_DIR])


def _nearest_own(destination: str, rest: str) -> str | None:
    """The same for what follows `POSTBACK_DESTINATIONS__NAME__`, compared without what is always the same."""
    when = [(WHEN, field) for field in ROUTING]
    if rest == WHEN.upper():
        return variable((DESTINATIONS, destination, *when[0]))
    own = [path for name in (*VARIABLES, *_OPEN_NAMES) if (path := path_of(name)) and is_own(path)]
    known = {_own_name(path): path for path in (*own, *when) if path != ("destination", "name")}
    close = _closest(rest, known)
    if close is None:
        return None
    bare = close if close in known else close.removesuffix(FILE)
    return variable((DESTINATIONS, destination, *known[bare])) + close.removeprefix(bare)


def _closest(name: str, known: Collection[str]) -> str | None:
    """The most alike of these; also with `_FILE` behind it, if the name ends so."""
    files = [f"{one}{FILE}" for one in known] if name.endswith(FILE) else []
    close = get_close_matches(name, [*known, *files], n=1)
    return close[0] if close else None


def _own_name(path: Path) -> str:
    """The part after `POSTBACK_DESTINATIONS__NAME__` for a setting's path."""
    if path[0] == WHEN:
        return f"WHEN__{'__'.join(path[1].split('.', 1)).upper()}"
    name = variable(path).removeprefix(PREFIX).removeprefix("DESTINATION__")
    return next((own for own, inner in _OWN_NAMES.items() if inner == path), name)


def _path_within(rest: str) -> Path | None:
    """The path for the part after `POSTBACK_DESTINATIONS__NAME__`; None if there is no such setting."""
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
"""Settings without effect if there is one URL for all events."""

URLS: frozenset[Path] = REPLACED_URLS | {("destination", "url")}
"""The settings that are URL templates; a part of them may be secret."""

BODY: Path = ("destination", "body")
"""The setting that is a body template."""


def is_named_like_file(name: str) -> bool:
    """Whether a variable that ends in `_FILE` is itself one of librdkafka's properties."""
    path = path_of(name) or ()
    return (
        path[:2] == ("kafka", "properties")
        and kafka_properties.property_name(path[2]) in kafka_properties.NAMED_LIKE_FILES
    )


def is_secret(path: Sequence[str]) -> bool:
    """Whether the value at this path must not be shown."""
    path = without_destination(tuple(path))
    if tuple(path[:2]) == ("kafka", "properties"):
        return kafka_properties.is_secret(kafka_properties.property_name(".".join(path[2:])))
    return tuple(path[:2]) in _SECRETS
