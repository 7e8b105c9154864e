"""One macro, taken apart: what may be written in it, and what is said of what may not."""

from __future__ import annotations

import pytest

from worker.core.templates import TemplateError
from worker.core.templates.macro_syntax import Choices, parse_macro

FORMS = (
    "forms are :unix, :unix_ms and :iso of times, {payout:minor}, :sha256 of texts, "
    "or a map as in {event:purchase=Sale,signup=Lead,*=Other}"
)
RIGHT_MAP = "{event:purchase=Sale,signup=Lead,*=Other}"

WRONG = {
    "": f"has {{}}, which names no value; write {{click_id}}, or {RIGHT_MAP}",
    ":purchase=Sale": f"has {{:purchase=Sale}}, which names no value; write {{click_id}}, or {RIGHT_MAP}",
    "|x": f"has {{|x}}, which names no value; write {{click_id}}, or {RIGHT_MAP}",
    "order_id?x": "has {order_id?x}: ? stands right after the name, as in {order_id?}",
    "order_id:sha256?": f"has {{order_id:sha256?}}, whose form sha256? is not known; {FORMS}",
    "order_id?|x": "has {order_id?|x}: ? leaves it out and | sends a default; keep one of them",
    "payout|0:minor": "has {payout|0:minor}: :minor stands before |, as in {payout:minor|0}",
    "clicked_at|:unix": "has {clicked_at|:unix}: :unix stands before |, as in {clicked_at:unix|}",
    "attributes.email|none:sha256": (
        "has {attributes.email|none:sha256}: :sha256 stands before |, as in {attributes.email:sha256|none}"
    ),
    "payout:minor|0:minor": "has {payout:minor|0:minor}: :minor stands before |, as in {payout:minor|0}",
    "payout|0:minor:number": (
        "has {payout|0:minor:number}: :minor stands before |, as in {payout:minor|0:number}"
    ),
    "payout:number|0": "has {payout:number|0}: :number stands last, as in {payout|0:number}",
    "event:a=1:number|0": "has {event:a=1:number|0}: :number stands last, as in {event:a=1|0:number}",
    "event:": f"has {{event:}}, where nothing follows the colon; {FORMS}",
    "event:upper": f"has {{event:upper}}, whose form upper is not known; {FORMS}",
    "event:a,b": f"has {{event:a,b}}, whose form a,b is not known; {FORMS}",
    "event:purchase=Sale,signup": (
        f"has {{event:purchase=Sale,signup}}, whose map is not value=sent with commas between: {RIGHT_MAP}"
    ),
    "event:=Sale": f"has {{event:=Sale}}, whose map is not value=sent with commas between: {RIGHT_MAP}",
    "event:a=b,a=c": "has {event:a=b,a=c}, whose map has a twice; keep one",
    "event:*=b,*": "has {event:*=b,*}, whose map has * twice; keep one",
    "event:unix": "has {event:unix}, but :unix is for other values, as in {occurred_at:unix}",
    "attempt:iso": "has {attempt:iso}, but :iso is for other values, as in {occurred_at:iso}",
    "event:minor": "has {event:minor}, but :minor is for other values, as in {payout:minor}",
    "now:sha256": "has {now:sha256}, but :sha256 is for other values, as in {attributes.email:sha256}",
    "payout:sha256": "has {payout:sha256}, but :sha256 is for other values, as in {attributes.email:sha256}",
    "secret.a:sha256": (
        "has {secret.a:sha256}, but :sha256 is for other values, as in {attributes.email:sha256}"
    ),
    "secret.a?": "has {secret.a?}: a secret is always there, and sent as it is; write {secret.a}",
    "secret.a|x": "has {secret.a|x}: a secret is always there, and sent as it is; write {secret.a}",
    "secret.a:x=1,*:number": (
        "has {secret.a:x=1,*:number}: a secret is always there, and sent as it is; write {secret.a:number}"
    ),
    "payout|none:number": "has {payout|none:number}, where 'none' is no number; write 0, 4999 or 49.99",
    "event:a=1,b=x:number": "has {event:a=1,b=x:number}, where 'x' is no number; write 0, 4999 or 49.99",
    "event:a=1,*=01:number": "has {event:a=1,*=01:number}, where '01' is no number; write 0, 4999 or 49.99",
}


@pytest.mark.parametrize(("content", "says"), WRONG.items(), ids=list(WRONG))
def test_wrong_macros(content: str, says: str) -> None:
    """A wrong macro is refused with what is wrong, and what would be right."""
    with pytest.raises(TemplateError) as caught:
        parse_macro(content)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("name", "meant"),
    [("clickid", "click_id"), ("CLICK_ID", "click_id"), ("click_id ", "click_id"), ("payuot", "payout")],
)
def test_unknown_macros(name: str, meant: str) -> None:
    """An unknown macro is named, the known ones are listed, and the one that may be meant is shown."""
    with pytest.raises(TemplateError) as caught:
        parse_macro(name)
    said = str(caught.value)
    assert said.startswith(f"has an unknown macro {{{name}}}; known are {{click_id}}, {{event_id}}, ")
    assert said.endswith(
        f"{{attempt}}, {{now}}, {{attributes.NAME}}, {{secret.NAME}}; did you mean {{{meant}}}?"
    )


@pytest.mark.parametrize("name", ["attributes", "attributes.", "secret.", "%s", "event_id.x.y"])
def test_no_macros(name: str) -> None:
    """What only resembles a name is no macro."""
    with pytest.raises(TemplateError, match=r"^has an unknown macro "):
        parse_macro(name)


def test_all_of_a_macro() -> None:
    """Name, `?`, form or map, default and `:number` are read in this order; a map's spaces are not of it."""
    macro = parse_macro("attributes.x.y=z%:buy = 1 , *=2|0:number")
    assert macro.name == "attributes.x.y=z%"
    assert macro.choices == Choices({"buy": "1"}, "2", keeps_others=False)
    assert (macro.default, macro.is_number, macro.form, macro.is_optional) == ("0", True, None, False)
    assert parse_macro("event:a=b=c,*").choices == Choices({"a": "b=c"}, None, keeps_others=True)
    assert parse_macro("order_id|a:b|c").default == "a:b|c"
    assert parse_macro("order_id|").default == ""
    optional = parse_macro("attributes.email?:sha256")
    assert (optional.form, optional.is_optional, optional.default) == ("sha256", True, None)
