"""What is told of JSON without parsing it."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from worker.core.unparsed_json import may_hold


@given(st.text(), st.text(), st.text(), st.booleans())
@example("", "\n", "", True)
def test_never_a_wrong_no(before: str, text: str, after: str, escaped: bool) -> None:
    """JSON whose string has the text may hold it, however it is written."""
    value = json.dumps({"click_id": before + text + after}, ensure_ascii=escaped)
    assert may_hold(text.encode(errors="surrogatepass"), value.encode(errors="surrogatepass"))


def test_a_no() -> None:
    """JSON without an escape holds what stands in it alone, and no value holds nothing."""
    assert not may_hold(b"c-1", b'{"click_id":"c-2"}')
    assert not may_hold(b"", None)
