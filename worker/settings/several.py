"""Several destinations: their names, what each takes, and what two must not share.

The rule: a destination uses the common value for each setting that it leaves out; the worker refuses to start
if events of one network could go to another, or two destinations share a group.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import combinations

from worker.core.routing import ATTRIBUTE, FIELDS, HEADER, NAME, TOPIC, Route, sorted_routes
from worker.settings.byte_bounds import least_of
from worker.settings.model import Settings
from worker.settings.problems import Naming, renamed
from worker.settings.sources import Layer, RawValue
from worker.settings.variable_names import (
    COMMA,
    DESTINATIONS,
    WHEN,
    own_variable,
    path_of,
    variable,
    without_destination,
)

_GROUP = "POSTBACK_KAFKA__GROUP_ID"
_NAME = "POSTBACK_DESTINATION__NAME"
_URLS = ("POSTBACK_DESTINATION__URL", "POSTBACK_DESTINATION__SIMPLE_URL", "POSTBACK_DESTINATION__EVENT_URL")
_CURRENCIES = "POSTBACK_DESTINATION__CURRENCIES"
_NETWORK = re.compile("[a-z0-9_-]{1,64}")
_COMMA_BETWEEN = re.compile(r"(?<!\\),")
ASKABLE = (*FIELDS, TOPIC, f"{ATTRIBUTE}NAME", f"{HEADER}NAME")
"""The keys that `when` may have."""


def names(layers: Sequence[Layer]) -> list[str]:
    """The names of the configured destinations; none if there is only the unnamed one."""
    paths = (layer.path(name) for layer in layers for name in layer.values)
    return sorted({path[1] for path in paths if path is not None and path[0] == DESTINATIONS})


def derived(name: str, common: Sequence[Layer]) -> Layer:
    """The defaults that follow from a destination's name."""
    given = (layer.values[_GROUP].text for layer in common if _GROUP in layer.values)
    group = next(given, Settings.model_fields["kafka"].get_default(call_default_factory=True).group_id)
    layer = Layer("default")
    layer.values = {_GROUP: RawValue(f"{group}.{name}", _GROUP), _NAME: RawValue(name, _NAME)}
    return layer


def naming(name: str | None, own: Sequence[Layer], common: Sequence[Layer]) -> Naming:
    """How a common variable is called for a destination: as it was given, else as it would be."""
    if name is None:
        return _as_it_is
    own_given = {variable for layer in own[:-1] for variable in layer.values}
    return _naming(name, own_given, {variable for layer in common for variable in layer.values})


def as_written(settings: Settings, lines: Iterable[str]) -> list[str]:
    """Lines about one destination's settings, with each variable named as for that destination."""
    if not settings.is_of_several:
        return list(lines)
    name = settings.destination.name
    called = _naming(name, _own_given(settings, name), settings.origins)
    return [renamed(line, called) for line in lines]


def _as_it_is(variable: str) -> str:
    return variable


def _own_given(settings: Settings, name: str) -> Collection[str]:
    """The variables given for this destination itself, under their common names."""
    own = variable((DESTINATIONS, name, "destination", "url")).removesuffix("URL")
    return [_common_of(given) for given in settings.origins if given.startswith(own)]


def _common_of(own: str) -> str:
    path = path_of(own)
    return own if path is None else variable(without_destination(path))


def _naming(name: str, own: Collection[str], common: Collection[str]) -> Naming:
    def called(variable: str) -> str:
        path = path_of(variable)
        mine = variable in own or (variable not in common and (path is None or path[0] == "destination"))
        return own_variable(name, variable) if mine else variable

    return called


def when_origins(name: str, layers: Sequence[Layer]) -> dict[str, str]:
    """The source of each part of a destination's `when`, by variable."""
    found = {}
    for layer in reversed(layers):
        for given in layer.values:
            path = layer.path(given)
            if path is not None and path[:1] == (DESTINATIONS,) and path[1:3] == (name, WHEN):
                found[variable(path)] = layer.origin
    return found


def routes(names: Sequence[str], layers: Sequence[Layer]) -> tuple[list[Route], list[str]]:
    """The routes of all destinations, and the problems in their `when` tables."""
    whens: dict[str, dict[str, frozenset[str]]] = {name: {} for name in names}
    problems: list[str] = []
    for layer in reversed(layers):
        for given in layer.values:
            path = layer.path(given)
            if path is None or path[0] != DESTINATIONS or path[2] != WHEN:
                continue
            values = _values(layer.values[given].text)
            problems += _when_problems(path[1], path[3], values, layer.origin)
            whens[path[1]][path[3]] = values
    return sorted_routes(whens), [*problems, *_fallback_problems(whens)]


def _values(text: str) -> frozenset[str]:
    words = _COMMA_BETWEEN.split(text)
    return frozenset(word.replace(COMMA, ",").strip() for word in words) - {""}


def problems(names: Sequence[str], layers: Sequence[Layer]) -> Iterator[str]:
    """Problems with the destinations' names, and with the set of URLs given."""
    for name in names:
        if not NAME.fullmatch(name):
            yield (
                f"{variable((DESTINATIONS, name, 'destination', 'url')).rpartition('__')[0]}: "
                f"{name!r} must be 1 to 32 of a-z, 0-9, - and _"
            )
        if not any(url in layer.of(name).values for layer in layers for url in _URLS):
            yield _no_url(name, names)
    for layer in layers:
        for beside in (*_URLS, _NAME):
            if beside in layer.values:
                yield (
                    f"{beside}: can't stand beside POSTBACK_DESTINATIONS__{names[0].upper()}__… "
                    f"({layer.origin}): each destination has its own; leave this out"
                )


def _no_url(name: str, names: Sequence[str]) -> str:
    url = own_variable(name, _URLS[0])
    for other in names:
        if "-" in other and other.replace("-", "_") == name:
            meant = variable((DESTINATIONS, other, "destination", "url")).removesuffix("URL")
            return f"{url}: must be set; or is {other} meant? In the environment that is {meant}…"
    return f"{url}: must be set: where the postback goes, https://partner.example/postback?cid={{click_id}}"


def unsendable(destinations: Sequence[Settings], routes: Sequence[Route]) -> Iterator[str]:
    """Routes that take events which the destination must not send: currencies that it does not accept."""
    whens = {route.name: route.when for route in routes}
    for settings in destinations:
        name, own = settings.destination.name, settings.destination.currencies
        wrong = sorted(whens[name].get("currency", frozenset()) - own)
        if wrong:
            given, currencies = variable((DESTINATIONS, name, WHEN, "currency")), ",".join(sorted(own))
            yield (
                f"{given}: each event in {wrong[0]} would be a dead letter, as "
                f"{own_variable(name, _CURRENCIES)} is {currencies}; add it there, or leave it out here"
            )


def unread(settings: Settings, routes: Sequence[Route]) -> Iterator[str]:
    """Warn of a destination that takes nothing, because it asks for a topic that is not read."""
    name, topic = settings.destination.name, settings.kafka.topic
    asked = next((route.when.get(TOPIC) for route in routes if route.name == name), None)
    if asked is not None and topic not in asked:
        given = variable((DESTINATIONS, name, WHEN, TOPIC))
        wanted = ", ".join(sorted(asked))
        yield f"{given}: {wanted} is not read: POSTBACK_KAFKA__TOPIC is {topic}, so {name} takes nothing"


def clashes(destinations: Sequence[Settings]) -> Iterator[str]:
    """What two destinations must not share, and bounds that are too small for this many."""
    for one, other in combinations(destinations, 2):
        shared = _groups(one).keys() & _groups(other).keys()
        for group in sorted(shared):
            yield (
                f"{_groups(one)[group]}, {_groups(other)[group]}: both would be the group {group}; "
                "each destination needs a group of its own"
            )
    least = least_of(len(destinations))
    if destinations[0].max_held_bytes < least:
        yield (
            f"POSTBACK_MAX_HELD_BYTES: must be at least {least // 1_000_000}MB for {len(destinations)} "
            "destinations: each has its share"
        )


def former_group(settings: Settings) -> str | None:
    """The group of before, if the only destination became one of several or the reverse; None without."""
    group, base = settings.kafka.group_id, base_group(settings)
    if not settings.is_of_several:
        return f"{group}.{settings.destination.name}"
    return None if base == group else base


def base_group(settings: Settings) -> str:
    """The group without the destination's name, where it ends with that."""
    group = settings.kafka.group_id
    return group.removesuffix(f".{settings.destination.name}") if settings.is_of_several else group


def left_line(settings: Settings, former: str) -> str:
    """Tell that a destination would begin anew in its group, though it was at work in its former one."""
    name, group, topic = settings.destination.name, settings.kafka.group_id, settings.kafka.topic
    given = own_variable(name, _GROUP) if settings.is_of_several else _GROUP
    return (
        f"{given}: {name} has read {topic} as the group {former} and never as {group}, which would begin "
        f"anew and send again what is sent, but not what waits: set this to {former} to go on there, or to "
        "another name to begin anew"
    )


def taken_line(settings: Settings, origin: str, other: str) -> str:
    """Tell that another destination sends to where this one did, as where their names were exchanged."""
    name, group = settings.destination.name, settings.kafka.group_id
    return (
        f"{own_variable(other, _GROUP)}: {name} has sent to {origin} so far, where {other} sends by these "
        f"settings: what waits in the group {group} would go to another network. If names have changed, set "
        f"this to {group}, and that of {name} to its own of before"
    )


def _groups(settings: Settings) -> Mapping[str, str]:
    """The groups of a destination, each with the variable that sets it."""
    own = own_variable(settings.destination.name, _GROUP)
    return {settings.kafka.group_id: own, settings.retry_group: f"{own} (its retries)"}


def _when_problems(name: str, asked: str, values: frozenset[str], origin: str) -> Iterator[str]:
    given = variable((DESTINATIONS, name, WHEN, asked))
    if not _is_askable(asked):
        close = get_close_matches(asked, ASKABLE, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield f"{given}: {asked} can't be asked for ({origin}); can be: {', '.join(ASKABLE)}{hint}"
    elif not values:
        yield f"{given}: names no value ({origin}); give one, or several with commas"
    elif asked == "network" and (wrong := sorted(word for word in values if not _NETWORK.fullmatch(word))):
        yield f"{given}: no event has {wrong[0]!r} ({origin}); a network is 1 to 64 of a-z, 0-9, - and _"
    elif any(word != word.encode(errors="replace").decode() for word in values):
        yield f"{given}: is not UTF-8 ({origin}), as what events and headers have is"


def _is_askable(asked: str) -> bool:
    prefixes = (ATTRIBUTE, HEADER)
    return asked in {*FIELDS, TOPIC} or (asked.startswith(prefixes) and asked not in prefixes)


def _fallback_problems(whens: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    without = [name for name, when in sorted(whens.items()) if not when]
    if len(without) > 1:
        given = ", ".join(variable((DESTINATIONS, name, WHEN, "network")) for name in without)
        who = " and ".join(without)
        yield f"{given}: {who} have no WHEN; at most one destination, the fallback, may have none"
