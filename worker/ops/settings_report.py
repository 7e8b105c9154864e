"""Whether the settings are what is meant, as far as it can be told without a broker.

The rule: nothing is changed; what is asked of this machine is where postbacks lead, and what the files
of TLS hold.
"""

from __future__ import annotations

from typing import NamedTuple

from worker.adapters.http import load_tls
from worker.compiled import check_destination, tls_files
from worker.settings import Settings
from worker.settings.advice import warnings


class Report(NamedTuple):
    """Lines on what keeps a worker from starting, on what may not be meant, and on certificates."""

    problems: list[str]
    warnings: list[str]
    certificates: list[str]
    """What TLS to the partner rests on: whose certificate, and until when it is valid."""


async def report(settings: Settings) -> Report:
    """Judge settings that were loaded."""
    problems, unsure = await check_destination(settings)
    certificates = {} if problems else load_tls(tls_files(settings)).certificates
    told = [f"{variable}: {certificate}" for variable, certificate in certificates.items()]
    return Report(problems, [*warnings(settings), *unsure], told)
