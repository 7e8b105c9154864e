"""Holds the branch coverage: a plugin that fails a run below it (`-p tests.support.coverage_gate --cov`).

The rule: it speaks before pytest's closing line, and fails through the exit status where all tests passed.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest
from coverage import Coverage
from coverage.exceptions import NoDataError


class Threshold(NamedTuple):
    """How much of some files has to be covered, in percent of lines and branches."""

    what: str
    include: list[str]
    percent: float


THRESHOLDS = (
    Threshold("decisions and contracts", ["worker/core/*", "schemas/*"], 100),
    Threshold("the whole", ["worker/*", "schemas/*"], 90),
)


class Gate:
    """Measures what pytest-cov has collected and says how it stands."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge the run; pytest-cov has combined and saved by now."""
        if exitstatus != pytest.ExitCode.OK:
            return
        coverage = Coverage()
        coverage.load()
        verdicts = [self._holds(coverage, threshold) for threshold in THRESHOLDS]
        if not all(verdicts):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the outcome, with the lines that are missing where a threshold is missed."""
        if self._lines:
            terminalreporter.section("coverage")
            terminalreporter.write_line("\n".join(self._lines))

    def _holds(self, coverage: Coverage, threshold: Threshold) -> bool:
        """Note one threshold's outcome and return whether it is met."""
        report = io.StringIO()
        try:
            percent = coverage.report(include=threshold.include, file=report)
        except NoDataError:
            self._lines.append(f"FAIL {threshold.what}: nothing was measured")
            return False
        met = percent >= threshold.percent
        verdict = "ok  " if met else "FAIL"
        self._lines.append(f"{verdict} {threshold.what}: {percent:.2f} % of at least {threshold.percent:g} %")
        if not met:
            self._lines.append(report.getvalue())
        return met


def pytest_configure(config: pytest.Config) -> None:
    """Stand guard over this run, once: where tests run side by side, in the process that gathers them."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gate(), "coverage-gate")
