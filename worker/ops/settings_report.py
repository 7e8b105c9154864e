"""Checks settings, as far as possible without a broker.

The rule: nothing is changed; this machine is asked only where hosts resolve to, and for the TLS files.
"""

from __future__ import annotations

from typing import NamedTuple

from worker.adapters.http import load_tls
from worker.adapters.tracing import missing_extra
from worker.compiled import check_destination, tls_files
from worker.settings import Deployment
from worker.settings.advice import warnings
from worker.settings.several import as_written


class SettingsReport(NamedTuple):
    """Lines about what keeps a worker from starting, about what may be unintended, and about certificates."""

    problems: list[str]
    warnings: list[str]
    certificates: list[str]
    """The certificates that TLS to the partner rests on, and until when each is valid."""


async def report(deployment: Deployment) -> SettingsReport:
    """Check loaded settings for each destination; each line is given once."""
    problems = missing_extra(deployment.common.tracing.endpoint)
    doubts: list[str] = []
    told: list[str] = []
    for settings in deployment.destinations:
        wrong, unsure = await check_destination(settings)
        certificates = {} if wrong else load_tls(tls_files(settings)).certificates
        problems += as_written(settings, wrong)
        doubts += as_written(settings, [*warnings(settings), *unsure])
        told += as_written(settings, [f"{variable}: {text}" for variable, text in certificates.items()])
    return SettingsReport(*(list(dict.fromkeys(lines)) for lines in (problems, doubts, told)))
