"""In which spans rows are read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.console.rows import GAP_RECORDS, spans_of


@given(st.sets(st.integers(0, 5000), min_size=1))
def test_runs(offsets: set[int]) -> None:
    """Each offset that is wanted lies in one span, and no span reads much that is not wanted."""
    spans = list(spans_of(sorted(offsets)))
    assert {offset for span in spans for offset in offsets if span.start <= offset < span.end} == offsets
    assert sum(sum(span.start <= offset < span.end for span in spans) for offset in offsets) == len(offsets)
    assert all({span.start, span.end - 1} <= offsets for span in spans)
    assert sum(span.length for span in spans) <= len(offsets) * GAP_RECORDS
