"""Headers with macros: filled as they are, left out, or refused where they would not arrive so."""

from __future__ import annotations

import pytest

from tests.core.examples import make_event
from worker.core.templates import CannotFill, HeaderTemplate, TemplateError
from worker.core.templates.errors import LeftOut


def filled(text: str, **attributes: str) -> str:
    """A header's value for an event with these attributes."""
    event = make_event(attributes=attributes)
    return HeaderTemplate.parse("X-A", text).compile({"token": "s3cret"})(event.__dict__)


def test_values() -> None:
    """A value stands in a header as it is, in UTF-8, next to what is written there."""
    assert filled("Bearer {secret.token} {click_id} {attributes.a}", a='é"%{x}') == 'Bearer s3cret c-1 é"%{x}'
    assert filled("{attributes.a}", a="") == ""


@pytest.mark.parametrize("value", ["a\r\nX-B: 1", "a\n", "\ra", "\x00", "\x7f", "a\x85b", "\t"])
def test_controls(value: str) -> None:
    """A line's end or another control character makes the event invalid: no header is added by an event."""
    with pytest.raises(
        CannotFill, match=r"^the header X-A can't hold a control character, such as a line's end$"
    ):
        filled("{attributes.a}", a=value)


@pytest.mark.parametrize("value", [" a", "a ", " "])
def test_spaces(value: str) -> None:
    """A space that the partner's server would take off makes the event invalid; one inside does not."""
    with pytest.raises(CannotFill, match=r"^the header X-A can't begin or end with a space$"):
        filled("{attributes.a}", a=value)
    assert filled("x{attributes.a}x", a=value) == f"x{value}x"


def test_left_out() -> None:
    """An optional macro without a value leaves the header out; a required one makes the event invalid."""
    with pytest.raises(LeftOut):
        filled("id {attributes.a?}")
    with pytest.raises(LeftOut):
        filled("{order_id} {attributes.a?}")
    with pytest.raises(
        CannotFill, match=r"^the header X-A needs \{attributes.a\}, which this event does not have$"
    ):
        filled("id {attributes.a}")


def test_constant() -> None:
    """A header is the same for all events where nothing but secrets is filled in."""
    header = HeaderTemplate.parse("Authorization", "Bearer {secret.token}")
    assert header.is_constant
    assert header.constant({"token": "s3cret"}) == "Bearer s3cret"
    assert not HeaderTemplate.parse("X-A", "{secret.token} {click_id}").is_constant


def test_masked() -> None:
    """For the eye its own text is masked, and what an event fills in is not."""
    masked = HeaderTemplate.parse("X-A", "s3cret {click_id}").masked("****")
    assert masked.compile({})(make_event().__dict__) == "****c-1"


WRONG = {
    ("X-{event}", "x"): "has a macro in a header's name; macros may stand in values only",
    ("X A", "x"): "'X A' is not a header name: letters and digits, with _ for -",
    ("Host", "{click_id}"): "Host is the worker's own and cannot be set: leave it out",
    ("X-A", "{click_id"): "has an unmatched brace in its value",
    ("X-A", "{payout:number}"): "has {payout:number}, but :number is for a JSON body; write {payout}",
    ("X-A", "%click_id%"): "holds another tool's macro; ours are written {click_id}",
    ("X-A", " {click_id}"): (
        "the value of X-A must be one line of UTF-8, without control characters or spaces around it"
    ),
}


@pytest.mark.parametrize(("header", "says"), WRONG.items(), ids=[" ".join(header) for header in WRONG])
def test_wrong_headers(header: tuple[str, str], says: str) -> None:
    """A wrong header is refused, and its value, which may be a secret, is not told."""
    with pytest.raises(TemplateError) as caught:
        HeaderTemplate.parse(*header)
    assert str(caught.value) == says
