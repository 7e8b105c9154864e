"""Regular expressions in the bodies of answers."""

from __future__ import annotations

import pytest

from worker.core.body_pattern import BodyPattern


@pytest.mark.parametrize(
    ("text", "body", "found"),
    [
        ("duplicate", b"a duplicate event", True),
        ("duplicate", b"", False),
        ("(?i)OK", b"ok", True),
        ("é", "caf\u00e9".encode(), True),
        ("^(?!.*success=true)", b"success=false;", True),
        ("^(?!.*success=true)", b"success=true;", False),
        (r'"code":\s*0\b', b'{"code": 0}', True),
        ("x", b"\xff\x00x", True),
    ],
)
def test_search(text: str, body: bytes, found: bool) -> None:
    """It matches anywhere in the body's bytes, whatever those are."""
    assert BodyPattern(text).is_in(body) is found


@pytest.mark.parametrize("text", ["(", "[a", "*", "(?P<a>x)(?P<a>"])
def test_no_expression(text: str) -> None:
    """What is no expression is refused at once."""
    with pytest.raises(ValueError, match="is not a regular expression: "):
        BodyPattern(text)


@pytest.mark.parametrize(
    ("text", "body"), [("(a+)+$", b"a" * 4095 + b"!"), ("(x+x+)+y", b"x" * 4096), ("(.*)*z!", b"z" * 4096)]
)
def test_an_endless_search_ends(text: str, body: bytes) -> None:
    """A search that would take longer than the sun burns is cut off, and has found nothing."""
    assert BodyPattern(text).is_in(body) is False
