"""Whether the settings are what is meant, as far as it can be told without a broker.

The rule: nothing is changed; what is asked of this machine is where postbacks lead, and what the files
of TLS hold.
"""

from __future__ import annotations

from typing import NamedTuple

from worker.adapters.http import load_tls
from worker.adapters.tracing import missing_extra
from worker.compiled import check_destination, tls_files
from worker.settings import Deployment
from worker.settings.advice import warnings
from worker.settings.several import as_written


class Report(NamedTuple):
    """Lines on what keeps a worker from starting, on what may not be meant, and on certificates."""

    problems: list[str]
    warnings: list[str]
    certificates: list[str]
    """What TLS to the partner rests on: whose certificate, and until when it is valid."""


async def report(deployment: Deployment) -> Report:
    """Judge settings that were loaded, of each destination; what is said of all is said once."""
    problems = missing_extra(deployment.common.tracing.endpoint)
    doubts: list[str] = []
    told: list[str] = []
    for settings in deployment.destinations:
        wrong, unsure = await check_destination(settings)
        certificates = {} if wrong else load_tls(tls_files(settings)).certificates
        problems += as_written(settings, wrong)
        doubts += as_written(settings, [*warnings(settings), *unsure])
        told += as_written(settings, [f"{variable}: {text}" for variable, text in certificates.items()])
    return Report(*(list(dict.fromkeys(lines)) for lines in (problems, doubts, told)))
