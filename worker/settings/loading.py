"""Loads frozen settings from their sources, or reports every problem at once.

The rule: a problem is one line that names the variable, what is wrong and what would be right;
never a secret, never a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import InitSettingsSource

from worker.settings import several
from worker.settings.deployment import Deployment, choose, skip_problems
from worker.settings.model import Settings
from worker.settings.problems import SettingsError, lines_of, renamed
from worker.settings.reread_files import SettingsFiles
from worker.settings.sources import Layer, gather

DOTENV = Path(".env")


def load(
    *,
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    dotenv: Path = DOTENV,
    destination: str | None = None,
) -> Settings:
    """Read the settings of one destination: the only one, or the named one of several.

    Sources and errors as in `load_all`; also a SettingsError if there are several and none is named.
    """
    return choose(load_all(config=config, overrides=overrides, environ=environ, dotenv=dotenv), destination)


def load_all(
    *,
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    dotenv: Path = DOTENV,
) -> Deployment:
    """Read the settings: overrides, `environ`, `dotenv`, the TOML file, the secrets directory, defaults.

    `config` is the TOML file (else `POSTBACK_CONFIG`); the secrets directory is `POSTBACK_SECRETS_DIR`
    or /run/secrets. `overrides` come from the command line: nested, dotted (`kafka.topic`) or by variable;
    None means not given. Raises SettingsError with all problems.
    """
    layers = gather(config, overrides or {}, environ, dotenv)
    problems = [line for layer in layers for line in layer.problems]
    names = several.names(layers)
    if names:
        return _load_several(names, layers, problems)
    settings = _made([], layers, problems)
    problems += skip_problems([settings]) if settings is not None else []
    if settings is None or problems:
        raise SettingsError(problems)
    return Deployment.of(settings)


def _load_several(names: Sequence[str], layers: Sequence[Layer], problems: list[str]) -> Deployment:
    routes, wrong = several.routes(names, layers)
    problems += [*several.problems(names, layers), *wrong]
    common = [layer.of(None) for layer in layers]
    made = []
    for name in names:
        own = [*(layer.of(name) for layer in layers), several.derived(name, common)]
        settings = _made(own, common, problems, name)
        if settings is not None:
            settings._origins = {**settings.origins, **several.when_origins(name, layers)}  # noqa: SLF001
            settings._warnings += tuple(several.unread(settings, routes))  # noqa: SLF001
            made.append(settings)
    if len(made) == len(names):
        problems += [*several.clashes(made), *several.unsendable(made, routes), *skip_problems(made)]
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    return Deployment(tuple(made), tuple(routes))


def _made(
    own: Sequence[Layer], common: Sequence[Layer], problems: list[str], name: str | None = None
) -> Settings | None:
    """Make the settings of one destination, own values first; if wrong, add to `problems`, return None."""
    layers = [*own, *common]
    try:
        sources = tuple(InitSettingsSource(Settings, layer.nested()) for layer in layers)
        settings = Settings(_build_sources=(sources, {}))
    except ValidationError as error:
        naming = several.naming(name, own, common)
        problems += [
            line for one in error.errors(include_url=False) for line in lines_of(one, layers, naming)
        ]
        return None
    naming = several.naming(name, own, common)
    settings._origins = {  # noqa: SLF001
        naming(variable): layer.origin for layer in reversed(layers) for variable in layer.values
    }
    settings._warnings = tuple(line for layer in common for line in layer.warnings)  # noqa: SLF001
    settings._is_of_several = name is not None  # noqa: SLF001
    files = SettingsFiles(layers, partial(_made_anew, name, len(own)))
    settings._files = files if files.paths else None  # noqa: SLF001
    return settings


def _made_anew(name: str | None, own: int, layers: Sequence[Layer]) -> Settings:
    """Make the settings of one destination from reread layers; the first `own` of them are its own."""
    naming = several.naming(name, layers[:own], layers[own:])
    problems = [renamed(line, naming) for layer in layers for line in layer.problems]
    settings = _made(layers[:own], layers[own:], problems, name)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings
