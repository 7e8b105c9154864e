"""From the sources to frozen settings, or to every problem at once.

The rule: a problem is one line that names the variable, what is wrong and what would be right;
never a secret, never a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import InitSettingsSource

from worker.settings.files import SettingsFiles
from worker.settings.model import Settings
from worker.settings.names import FIELDS, PREFIX, URLS, is_secret, variable
from worker.settings.sources import Given, Layer, gather
from worker.settings.url_mask import mask_template

DOTENV = Path(".env")

_WORDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "too_short": "must name at least one",
    "frozen_set_type": "must be a comma list",
}


class SettingsError(ValueError):
    """The settings are wrong; `problems` holds one line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load(
    *,
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    dotenv: Path = DOTENV,
) -> Settings:
    """Read the settings: overrides, `environ`, `dotenv`, the TOML file, the secrets directory, defaults.

    `config` is the TOML file (else `POSTBACK_CONFIG`); the secrets directory is `POSTBACK_SECRETS_DIR`
    or /run/secrets. `overrides` are the command line's: nested, dotted (`kafka.topic`) or by variable;
    None in it means not given. Raises SettingsError with all problems.
    """
    return _make(gather(config, overrides or {}, environ, dotenv))


def _make(layers: Sequence[Layer]) -> Settings:
    """Make settings of their layers, the strongest first; raise SettingsError with all problems."""
    problems = [line for layer in layers for line in layer.problems]
    try:
        sources = tuple(InitSettingsSource(Settings, layer.nested()) for layer in layers)
        settings = Settings(_build_sources=(sources, {}))
    except ValidationError as error:
        problems += [line for details in error.errors(include_url=False) for line in _lines(details, layers)]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    settings._origins = {name: layer.origin for layer in reversed(layers) for name in layer.values}  # noqa: SLF001
    settings._warnings = tuple(line for layer in layers for line in layer.warnings)  # noqa: SLF001
    files = SettingsFiles(layers, _make)
    settings._files = files if files.paths else None  # noqa: SLF001
    return settings


def _lines(details: ErrorDetails, layers: Sequence[Layer]) -> list[str]:
    text = details["msg"].removeprefix("Value error, ")
    if text.startswith(PREFIX):
        return text.splitlines()
    path = tuple(str(part) for part in details["loc"][:2])
    path = path if path in FIELDS else path[:1]
    words = _WORDS.get(details["type"]) or text.replace("Input should be", "must be")
    return [f"{variable(path)}: {words}{_given(path, layers)}"]


def _given(path: tuple[str, ...], layers: Sequence[Layer]) -> str:
    """What was given and where, without the value where it is a secret."""
    name = variable(path)
    for layer in layers:
        given: Given | None = layer.values.get(name)
        if given is not None:
            text = mask_template(given.text) if path in URLS else given.text
            value = "" if is_secret(path) else f"{_short(text)!r}, "
            return f" ({value}{layer.origin})"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
