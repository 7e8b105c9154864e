"""README's table of what can be sent twice, and the rows by which the checker explains, are the same."""

from __future__ import annotations

from tests.chaos.process import ROOT
from tests.chaos.rows import Row

TITLE = "| what | when |"


def test_the_rows_are_those_of_readme() -> None:
    """Whatever the checker explains is a row of README's table, and no row of it is missing there."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    at = lines.index(TITLE) + 2  # after the rule below the titles
    rows = [line.split("|")[1].strip() for line in lines[at : lines.index("", at)]]
    assert rows == [row.value for row in Row]
