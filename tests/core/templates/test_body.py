"""Bodies: JSON, forms and plain text, with what is left out of them and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import make_event
from worker.core.templates import MOST_BYTES, BodyTemplate, CannotFill, ContentTypeError, TemplateError

JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"
NO_MACRO = r"one that is no macro is written \u007b or \u007d"
EVENT = {
    "event": "purchase",
    "payout": "49.99",
    "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
    "attributes": {"q": '"}{\\', "n": "7"},
}


def filled(text: str, content_type: str = JSON, **fields: Any) -> str:
    """A body for an event with these fields."""
    compiled = BodyTemplate.parse(text, content_type).compile({"token": 's"{x}'})
    return compiled(make_event(**(EVENT | fields)).__dict__).decode()


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"a": "{click_id}", "b": "x{event}y"}', '{"a": "c-1", "b": "xpurchasey"}'),
        ('{"v":"{payout:number}","m":"{payout:minor:number}"}', '{"v":49.99,"m":4999}'),
        ('{"t":"{occurred_at:unix:number}","z":"{payout|0:number}"}', '{"t":1767225600,"z":49.99}'),
        (' [1e3, null, true, "é\\u00e9%s", {}] ', ' [1e3, null, true, "é\\u00e9%s", {}] '),
        ('{"q":"{attributes.q}"}', r'{"q":"\"}{\\"}'),
        ('{"a":"\\u007bevent\\u007d{click_id}\\\\"}', '{"a":"\\u007bevent\\u007dc-1\\\\"}'),
        ('{"e":"{event:purchase=\\"S\\",*}"}', '{"e":"\\"S\\""}'),
        ('{"k":"{secret.token}"}', '{"k":"s\\"{x}"}'),
        ('{"a":1, "b":"{order_id?}", "c":2}', '{"a":1, "c":2}'),
        ('{"b": "{order_id?}", "c":2}', '{ "c":2}'),
        ('{"a":1, "b":"{order_id?}" }', '{"a":1}'),
        (
            '{"a":{"b":"{order_id?}"}, "c":["{order_id?}"], "d":["{order_id?}","{event?}"]}',
            '{"a":{}, "d":["purchase"]}',
        ),
        ('["{order_id?}", ["{order_id?}"]]', "[]"),
        ('{"a":"{order_id?}"}', "{}"),
        ('{"a":"{offer_id} {order_id?}", "b":["{offer_id}{order_id?}"]}', "{}"),
        ('"{click_id}"', '"c-1"'),
        ('"{payout:number}"', "49.99"),
        ("[]", "[]"),
        ('{"a":[{"b":[{"c":"{order_id?:sha256}"}]}]}', '{"a":[{"b":[{}]}]}'),
    ],
)
def test_json(text: str, body: str) -> None:
    """Macros in strings become text or numbers; what is left out goes with a comma."""
    assert filled(text) == body
    json.loads(body)


WRONG_JSON = {
    '{"a": {payout}}': 'has {payout} outside of a text; write "{payout}", or "{payout:number}" for a number',
    '{"a": {attributes.n:number}}': (
        "has {attributes.n:number} outside of a text; "
        'write "{attributes.n}", or "{attributes.n:number}" for a number'
    ),
    '{"a": "{click_id}",}': "is not JSON: a comma stands before the closing }; leave it out",
    '["{click_id}", ]': "is not JSON: a comma stands before the closing ]; leave it out",
    '{"a": "{click_id}"': (
        'is not JSON at line 1, column 19; write it as {"click": "{click_id}", "value": "{payout:number}"}'
    ),
    "a={click_id}": "is not JSON; the content type of a=b&c=d is application/x-www-form-urlencoded",
    '{"a": NaN}': 'is not JSON; write it as {"click": "{click_id}", "value": "{payout:number}"}',
    '{"a": {"b": {x}}}': (
        'is not JSON at line 1, column 14; write it as {"click": "{click_id}", "value": "{payout:number}"}'
    ),
    '{"{event}": 1}': "has a macro in a member's name ({event}); macros may stand in values only",
    '{"a": {"b}": 1}}': "has a macro in a member's name (b}); macros may stand in values only",
    '{"a": "x {payout:number}"}': (
        'has {payout:number} beside other text; a number is the whole of a text: "{payout:number}"'
    ),
    '{"a": "{click_id"}': f'has an unmatched brace in the text "{{click_id"; {NO_MACRO}',
    '{"a": ["%click_id%"]}': "has %click_id%, which is not filled in; write {click_id}",
    '{"a": "[click_id]"}': "has [click_id], which is not filled in; write {click_id}",
    '{"a": "${click_id}"}': "has ${click_id}, which is not filled in; write {click_id}",
    '{"a": "{{payout}}"}': "has {{payout}}, which is not filled in; write {payout}",
    r'{"a": "{\"value\":{payout}}"}': (
        r'has an unmatched brace in the text "{\"value\":{payout}}"; ' + NO_MACRO
    ),
    '{"a": {"b": "__EVENT__"}}': "has __EVENT__, which is not filled in; write {event}",
    '{"a": "{now:unix"}': f'has an unmatched brace in the text "{{now:unix"; {NO_MACRO}',
    '"{order_id?}"': (
        "has {order_id?} in a body of one text, where nothing can be left out; "
        "write {order_id}, or {order_id|none} with a default"
    ),
    "[" * 60_000: "is JSON of too many levels",
    "\udc80": "must be text in UTF-8",
    '"' + "x" * MOST_BYTES + '"': f"is {MOST_BYTES + 2} bytes long; a body may have {MOST_BYTES}",
}


@pytest.mark.parametrize(("text", "says"), WRONG_JSON.items(), ids=[ascii(text)[:40] for text in WRONG_JSON])
def test_wrong_json(text: str, says: str) -> None:
    """A body that would not be JSON is refused before anything is sent, with what would be right."""
    with pytest.raises(TemplateError) as caught:
        BodyTemplate.parse(text, JSON)
    assert str(caught.value) == says


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(anything, st.text('{}[]",: \\ab1?|*=', max_size=30), st.booleans())
def test_any_value_and_any_template(value: str, literal: str, leaves: bool) -> None:
    """Whatever an event holds, a body that was JSON before is JSON afterwards; any other text is refused."""
    written = (
        json.dumps({"a": "@", "b": ["@?"], "c": 1})
        .replace("@?", "{order_id?}")
        .replace("@", "{attributes.v}")
    )
    given_event: dict[str, Any] = {"attributes": {"v": value}, "order_id": None if leaves else "o"}
    expected = {"a": value, "c": 1} | ({} if leaves else {"b": ["o"]})
    assert json.loads(filled(written, **given_event)) == expected
    try:
        body = filled(literal, **given_event)
    except (TemplateError, CannotFill):
        return
    json.loads(body)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("click={click_id}&v={payout}&x=%20", "click=c-1&v=49.99&x=%20"),
        ("o={order_id?}&q={attributes.q}&t={secret.token}", "q=%22%7D%7B%5C&t=s%22%7Bx%7D"),
        ("e={event:purchase=a&b c,*}&f={order_id|é}", "e=a%26b%20c&f=%C3%A9"),
        ("o={order_id?}", ""),
        ("{click_id}", None),
    ],
)
def test_form(text: str, body: str | None) -> None:
    """In a form each value is percent-encoded, and a pair may be left out."""
    if body is None:
        with pytest.raises(TemplateError, match="parameter's name"):
            filled(text, FORM)
    else:
        assert filled(text, FORM) == body


def test_plain_text() -> None:
    """In plain text a value is as it is; nothing can be left out of it."""
    assert filled("{click_id}\n{attributes.q} 50%s {order_id|-}", TEXT) == 'c-1\n"}{\\ 50%s -'
    with pytest.raises(
        TemplateError, match=r"^has \{order_id\?\} in plain text, where nothing can be left out"
    ):
        filled("{order_id?}", TEXT)
    with pytest.raises(TemplateError, match=r"^has \{payout:number\}, but :number is for a JSON body"):
        filled("{payout:number}", TEXT)


@pytest.mark.parametrize(
    ("text", "content_type", "says"),
    [
        ("a=b c", FORM, "must be a=b&c=d in printable ASCII without spaces; percent-encode the rest"),
        ("a=é", FORM, "must be a=b&c=d in printable ASCII without spaces; percent-encode the rest"),
        ("a=[click_id]", FORM, "has [click_id], which is not filled in; write {click_id}"),
        ("a={payout:number}", FORM, "has {payout:number}, but :number is for a JSON body; write {payout}"),
        ("id: %click_id%", TEXT, "has %click_id%, which is not filled in; write {click_id}"),
        ("id: {click_id", TEXT, "has an unmatched brace in the body"),
    ],
)
def test_wrong_forms_and_texts(text: str, content_type: str, says: str) -> None:
    """A wrong form and a wrong text are refused with what would be right."""
    with pytest.raises(TemplateError) as caught:
        BodyTemplate.parse(text, content_type)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "text/json",
        "application/vnd.api+json",
        'Application/JSON;charset="UTF-8"',
    ],
)
def test_types_of_json(content_type: str) -> None:
    """All that is JSON is filled as JSON, and keeps the name that it was given."""
    assert filled('{"a":"{attributes.q}"}', content_type) == r'{"a":"\"}{\\"}'
    assert BodyTemplate.parse("{}", content_type).content_type == content_type


@pytest.mark.parametrize(
    "content_type", ["", "json", "text/xml", "multipart/form-data", "application/json; charset=latin-1"]
)
def test_other_types(content_type: str) -> None:
    """A type for which no encoding of values is known is refused."""
    with pytest.raises(ContentTypeError, match=r"^must be application/json \(or another of JSON's\), "):
        BodyTemplate.parse("{}", content_type)


def test_too_long() -> None:
    """An event that makes the body too long is invalid; one that just fits is sent."""
    text = '{"a":"{attributes.a}"}'
    room = MOST_BYTES - len('{"a":""}')
    assert len(filled(text, attributes={"a": "x" * room})) == MOST_BYTES
    with pytest.raises(
        CannotFill, match=f"^the body would be {MOST_BYTES + 1} bytes long; it may have {MOST_BYTES}$"
    ):
        filled(text, attributes={"a": "x" * (room + 1)})
