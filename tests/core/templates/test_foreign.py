"""Macros of other tools in a template: found, and the right form is named; ordinary text is left alone."""

from __future__ import annotations

import pytest

from worker.core.templates import TemplateError, UrlTemplate
from worker.core.templates.foreign import find_foreign
from worker.core.templates.macro_names import MACROS

PASTED = {
    "a=%click_id%": "has %click_id%, which is not filled in; write {click_id}",
    "a=%CLICKID%": "has %CLICKID%, which is not filled in; write {click_id}",
    "a=%affiliate_id%": "has %affiliate_id%, which is not filled in; write {affiliate_id}",
    "a=[click_id]": "has [click_id], which is not filled in; write {click_id}",
    "a=${click_id}": "has ${click_id}, which is not filled in; write {click_id}",
    "a=${payout|0.00}": "has ${payout|0.00}, which is not filled in; write {payout}",
    "a=${order_id?}": "has ${order_id?}, which is not filled in; write {order_id}",
    "a=${click_id:-none}": "has ${click_id:-none}, which is not filled in; write {click_id}",
    "a={{click_id}}": "has {{click_id}}, which is not filled in; write {click_id}",
    "a={{ order_id }}": "has {{ order_id }}, which is not filled in; write {order_id}",
    "a=%7Bclick_id%7D": "has %7Bclick_id%7D, which is not filled in; write {click_id}",
    "a=x-%7bevent%7d": "has %7bevent%7d, which is not filled in; write {event}",
    "a=__CLICK_ID__": "has __CLICK_ID__, which is not filled in; write {click_id}",
    "a=<payout>": "has <payout>, which is not filled in; write {payout}",
    "a=:click_id": "has the value :click_id, which is not filled in; write {click_id}",
    "a=CLICK_ID": "has the value CLICK_ID, which is not filled in; write {click_id}",
    "a=b&c=ORDER_ID": "has the value ORDER_ID, which is not filled in; write {order_id}",
    "click_id=click_id": "has the value click_id, which is not filled in; write {click_id}",
    "a=%aff_sub%": "has %aff_sub%, which is another tool's macro; ours are written {click_id}",
    "a=[sub1]": "has [sub1], which is another tool's macro; ours are written {click_id}",
    "a=x${sub1}": "has ${sub1}, which is another tool's macro; ours are written {click_id}",
}


def values(query: str) -> list[str]:
    """The values of a query's pairs."""
    return [pair.partition("=")[2] for pair in query.split("&")]


@pytest.mark.parametrize(("query", "says"), PASTED.items(), ids=list(PASTED))
def test_pasted_macros(query: str, says: str) -> None:
    """A macro in another tool's form is found, and the right form is named."""
    assert find_foreign(values(query), MACROS, "/p") == says


@pytest.mark.parametrize("written", ["%click_id%", "[click_id]", "${click_id}", "%7Bclick_id%7D"])
def test_pasted_into_the_path(written: str) -> None:
    """A macro in another tool's form is found in the path as well."""
    assert find_foreign([], MACROS, f"/cpa/{written}/x") is not None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "a",
        "a={click_id}",
        "method=GET&currency=USD&type=EVENT&event=event",
        "a=%C3%A9%20%ab%cd",
        "a=50%25&b=%s{click_id}",
        "a=%7Bx%7D",
        "ids[]=1&filter[name]=x[1]",
        "a=_x_&b=a__b__c",
        "a=1:2&b=a<b>",
        "order_id=order_id",
    ],
)
def test_ordinary_text(query: str) -> None:
    """What no tool would fill in is left alone."""
    assert find_foreign(values(query), MACROS, "/100%25/p") is None


@pytest.mark.parametrize("query", ["c=%click_id%", "c=CLICK_ID", "c={{click_id}}", "c=%7Bclick_id%7D"])
def test_a_template_with_one_is_refused(query: str) -> None:
    """A template that would ask for the same URL for each conversion does not compile."""
    with pytest.raises(TemplateError, match=r"write \{click_id\}"):
        UrlTemplate.parse(f"https://h/p?{query}")
