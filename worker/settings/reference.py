"""The settings as tables: the reference of all of them, and the values in effect.

The rule: both come from the model, so that help, README and program never differ; secrets are masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from worker.settings.model import Settings
from worker.settings.names import (
    BODY,
    CONFIG,
    FIELDS,
    OPEN,
    SECRETS_DIR,
    URLS,
    Path,
    is_secret,
    kind,
    variable,
)
from worker.settings.sources import SECRETS
from worker.settings.url_mask import mask_body, mask_template
from worker.settings.values import MASK


class Entry(NamedTuple):
    """One setting of the reference."""

    variable: str
    default: str
    type: str
    meaning: str


class Effective(NamedTuple):
    """One setting in effect, and where its value came from."""

    variable: str
    value: str
    origin: str


def describe() -> list[Entry]:
    """Every variable with its default, type and meaning."""
    settings = Settings()
    rows = [_entry(settings, path, field) for path, field in FIELDS.items()]
    return [
        *rows,
        Entry(CONFIG, "", "path", "TOML file with settings, as `--config`"),
        Entry(SECRETS_DIR, str(SECRETS), "path", "directory of files named as variables, one value each"),
    ]


def effective(settings: Settings) -> list[Effective]:
    """Every setting in effect; secrets are masked."""
    return [row for path, field in FIELDS.items() for row in _effective(settings, path, field)]


def _entry(settings: Settings, path: Path, field: FieldInfo) -> Entry:
    open_name = path in OPEN
    default = "" if open_name else kind(field).show(_value(settings, path))
    return Entry(
        variable(path) + ("__NAME" if open_name else ""), default, kind(field).name, field.description or ""
    )


def _effective(settings: Settings, path: Path, field: FieldInfo) -> Iterator[Effective]:
    value = _value(settings, path)
    if path in OPEN:
        for name, text in value.items():
            inner = (*path, name)
            shown = MASK if is_secret(inner) else text
            yield Effective(variable(inner), shown, _origin(settings.origins, inner))
    else:
        shown = _masked(settings, path, value) if value != field.default else kind(field).show(value)
        yield Effective(variable(path), shown, _origin(settings.origins, path))


def _masked(settings: Settings, path: Path, value: Any) -> str:
    """A value as it may be shown: of templates what is no macro is masked."""
    if path in URLS:
        return mask_template(value)
    if path == BODY:
        return mask_body(value, settings.destination.content_type)
    return kind(FIELDS[path]).show(value)


def _value(settings: Settings, path: Path) -> Any:
    return reduce(getattr, path, settings)


def _origin(origins: Mapping[str, str], path: Path) -> str:
    return origins.get(variable(path), "default")
