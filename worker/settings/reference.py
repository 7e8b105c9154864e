"""The settings as tables: the reference of all settings, and the values in effect.

The rule: both come from the model, so that help, README and program never differ; secrets are masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from worker.core.masking import MASK
from worker.core.routing import Route
from worker.settings.deployment import Deployment
from worker.settings.model import Settings
from worker.settings.several import ASKABLE
from worker.settings.sources import SECRETS
from worker.settings.url_mask import mask_body, mask_template
from worker.settings.variable_names import (
    BODY,
    COMMA,
    CONFIG,
    DESTINATIONS,
    FIELDS,
    OPEN,
    REPLACED_URLS,
    SECRETS_DIR,
    URLS,
    WHEN,
    Path,
    is_own,
    is_secret,
    kind,
    own_variable,
    variable,
)


class SettingEntry(NamedTuple):
    """One setting of the reference."""

    variable: str
    default: str
    type: str
    meaning: str


class EffectiveSetting(NamedTuple):
    """One setting in effect, and the source of its value."""

    variable: str
    value: str
    origin: str


def describe() -> list[SettingEntry]:
    """Every variable with its default, type and meaning."""
    settings = Settings()
    rows = [_entry(settings, path, field) for path, field in FIELDS.items()]
    return [
        *rows,
        *_several(),
        SettingEntry(CONFIG, "", "path", "TOML file with settings, as `--config`"),
        SettingEntry(
            SECRETS_DIR, str(SECRETS), "path", "directory of files named as variables, one value each"
        ),
    ]


def effective(deployment: Deployment) -> list[EffectiveSetting]:
    """Every setting in effect, the common ones first; secrets are masked."""
    if not deployment.is_several:
        return _rows(deployment.common, FIELDS)
    shared = {path: field for path, field in FIELDS.items() if not is_own(path)}
    own = {path: field for path, field in FIELDS.items() if is_own(path) and path != ("destination", "name")}
    rows = _rows(deployment.common, shared)
    for settings, route in zip(deployment.destinations, deployment.served_routes, strict=True):
        rows += [
            row._replace(variable=own_variable(route.name, row.variable)) for row in _rows(settings, own)
        ]
        rows += _when_rows(settings, route)
    return rows


def _rows(settings: Settings, fields: Mapping[Path, FieldInfo]) -> list[EffectiveSetting]:
    return [
        row
        for path, field in fields.items()
        if not (path in REPLACED_URLS and settings.destination.url is not None)
        for row in _effective(settings, path, field)
    ]


def _when_rows(settings: Settings, route: Route) -> Iterator[EffectiveSetting]:
    for asked, values in route.when.items():
        name = variable((DESTINATIONS, route.name, WHEN, asked))
        shown = ",".join(value.replace(",", COMMA) for value in sorted(values))
        yield EffectiveSetting(name, shown, settings.origins.get(name, ""))


def _several() -> list[SettingEntry]:
    """The settings that each of several destinations may have for itself."""
    one = "POSTBACK_DESTINATIONS__NAME__"
    return [
        SettingEntry(
            f"{one}…",
            "",
            "as that",
            "of one destination of several: every setting of `POSTBACK_DESTINATION__…`",
        ),
        SettingEntry(
            f"{one}RETRY__…", "", "as that", "its own retries; what is left out is `POSTBACK_RETRY__…`"
        ),
        SettingEntry(
            f"{one}CIRCUIT__…", "", "as that", "its own circuit; what is left out is `POSTBACK_CIRCUIT__…`"
        ),
        SettingEntry(
            f"{one}GROUP_ID", "", "topic name", "its own consumer group, in place of `{group}.{name}`"
        ),
        SettingEntry(f"{one}MAX_OUTSTANDING", "", "as that", "its own `POSTBACK_MAX_OUTSTANDING`"),
        SettingEntry(
            f"{one}WHEN__FIELD", "", "comma list", f"what it takes: the values of {', '.join(ASKABLE)}"
        ),
    ]


def _entry(settings: Settings, path: Path, field: FieldInfo) -> SettingEntry:
    open_name = path in OPEN
    default = "" if open_name else kind(field).show(_value(settings, path))
    return SettingEntry(
        variable(path) + ("__NAME" if open_name else ""), default, kind(field).name, field.description or ""
    )


def _effective(settings: Settings, path: Path, field: FieldInfo) -> Iterator[EffectiveSetting]:
    value = _value(settings, path)
    if path in OPEN:
        for name, text in value.items():
            inner = (*path, name)
            shown = MASK if is_secret(inner) else text
            yield EffectiveSetting(variable(inner), shown, _origin(settings, inner))
    else:
        shown = _masked(settings, path, value) if value != field.default else kind(field).show(value)
        yield EffectiveSetting(variable(path), shown, _origin(settings, path))


def _masked(settings: Settings, path: Path, value: Any) -> str:
    """A value as it may be shown: secrets are masked, and in templates everything but macros."""
    if path in URLS:
        return mask_template(value)
    if path == BODY:
        return mask_body(value, settings.destination.content_type)
    return kind(FIELDS[path]).show(value)


def _value(settings: Settings, path: Path) -> Any:
    return reduce(getattr, path, settings)


def _origin(settings: Settings, path: Path) -> str:
    common = variable(path)
    own = own_variable(settings.destination.name, common) if settings.is_of_several else common
    return settings.origins.get(own) or settings.origins.get(common, "default")
