"""Whether the settings are what is meant, as far as it can be told without a broker.

The rule: nothing is changed; what is asked of this machine is where postbacks lead.
"""

from __future__ import annotations

from typing import NamedTuple

from worker.compiled import check_destination
from worker.settings import Settings
from worker.settings.advice import warnings


class Report(NamedTuple):
    """Lines on what keeps a worker from starting, and on what may not be meant."""

    problems: list[str]
    warnings: list[str]


async def report(settings: Settings) -> Report:
    """Judge settings that were loaded."""
    problems, unsure = await check_destination(settings)
    return Report(problems, [*warnings(settings), *unsure])
