"""Which request headers may be added."""

from __future__ import annotations

import pytest

from worker.core.request_headers import OWN_HEADERS, header_problem


@pytest.mark.parametrize("name", sorted(OWN_HEADERS))
def test_own_headers(name: str) -> None:
    """A header that the worker owns is refused in any case of letters."""
    for spelled in (name, name.title(), name.upper()):
        problem = header_problem(spelled, "x")
        assert problem == f"{spelled} is the worker's own and cannot be set: leave it out"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "a\n"])
def test_no_name(name: str) -> None:
    """What is no token is no name."""
    assert header_problem(name, "x") == f"{name!r} is not a header name: letters and digits, with _ for -"


@pytest.mark.parametrize("value", ["", " a", "a ", "a\tb", "a\r\nb", "\x85", "\udc80", "\x7f"])
def test_no_value(value: str) -> None:
    """A value that would not reach the wire as it is written is refused, and not repeated."""
    problem = header_problem("X-A", value)
    assert problem == (
        "the value of X-A must be one line of UTF-8, without control characters or spaces around it"
    )


@pytest.mark.parametrize(
    ("name", "value"), [("X-Token", "s3cret"), ("Accept", "*/*, a"), ("User-Agent", "!"), ("X-A", "é")]
)
def test_what_may_be_sent(name: str, value: str) -> None:
    """Anything else may be sent, also in place of what the worker says of itself."""
    assert header_problem(name, value) is None
