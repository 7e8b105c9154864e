"""What is printed of runs: a table with a line for each seed, and the evidence of every violation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.rows import Row
from tests.chaos.run import Result, folder_of

# The kinds of violation that have a column of their own; all others share one.
COLUMNS = {
    "lost": "lost",
    "duplicate": "twice, unexplained",
    "early": "early",
    "backwards": "commits backwards",
    "committed unfinished": "committed unfinished",
}
MOST_EVIDENCE = 10


def table(results: Sequence[Result]) -> Table:
    """A line for each run."""
    made = Table(title="Chaos")
    for title in ("seed", "events", "faults", "delivered", "dead", "gone", "twice", *COLUMNS.values()):
        made.add_column(title, justify="left" if title in {"faults", "gone"} else "right")
    made.add_column("other", justify="right")
    made.add_column("longest pause", justify="right")
    for result in results:
        made.add_row(*_row(result))
    return made


def table_of_rows(results: Sequence[Result]) -> Table:
    """How many second endings each row of README's table explains, for each run."""
    made = Table(title="What was sent twice, by the rows of README")
    made.add_column("what")
    for result in results:
        made.add_column(str(result.plan.seed), justify="right")
    for row in Row:
        made.add_row(row.value, *(str(result.verdict.explained.get(row, 0)) for result in results))
    return made


def _row(result: Result) -> list[str]:
    verdict = result.verdict
    counted = [verdict.count(kind) for kind in COLUMNS]
    return [
        str(result.plan.seed),
        str(verdict.events),
        _counts(result.faults),
        str(verdict.delivered),
        str(verdict.dead),
        _counts(verdict.gone) or "0",
        str(verdict.twice),
        *map(str, counted),
        str(len(verdict.violations) - sum(counted)),
        f"{verdict.longest_pause:.1f} s",
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def show(results: Sequence[Result]) -> None:
    """Print the table on stdout, and the evidence of each violation."""
    console = Console(width=None if Console().is_terminal else 200)
    console.print(table(results))
    console.print(table_of_rows(results))
    for result in results:
        for violation in result.verdict.violations[:MOST_EVIDENCE]:
            console.print(f"{violation.kind}: {violation.subject}: {violation.evidence}", markup=False)
        if result.verdict.violations:
            console.print(f"seed {result.plan.seed}: logs in {folder_of(result.plan.seed)}", markup=False)
