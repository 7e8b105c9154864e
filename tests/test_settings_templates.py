"""The settings that are templates: what does not go together, and where a secret might be seen."""

from __future__ import annotations

import pytest

from tests.support.settings import read as read_all
from worker.settings import Deployment, Settings, SettingsError, effective
from worker.settings.advice import warnings
from worker.settings.url_mask import mask_body, mask_filled, mask_template

P = "POSTBACK_DESTINATION__"
URL = f"{P}URL"
HERE = "https://h/?a={click_id}"
PLACES = "macros may stand in path segments, query values, headers and the body"
RIGHT_JSON = '{"click": "{click_id}", "value": "{payout:number}"}'


def read(**environ: str) -> Settings:
    """Settings of these variables of the destination alone."""
    return read_all({P + name: text for name, text in environ.items()})


def case(environ: dict[str, str], line: str) -> tuple[dict[str, str], str]:
    """Settings, and the line about them."""
    return environ, line


WRONG = [
    case(
        {"URL": HERE, "SIMPLE_URL": HERE},
        f"{URL}: is for all events, and excludes {P}SIMPLE_URL; keep one of them",
    ),
    case(
        {"URL": HERE, "EVENT_URL": HERE},
        f"{URL}: is for all events, and excludes {P}EVENT_URL; keep one of them",
    ),
    case({"METHOD": "DELETE"}, f"{P}METHOD: must be 'GET', 'POST' or 'PUT' ('DELETE', environment)"),
    case({"BODY": "{}"}, f"{P}BODY: a GET has no body; set {P}METHOD=POST, or PUT"),
    case({"CONTENT_TYPE": "text/plain"}, f"{P}CONTENT_TYPE: takes {P}BODY"),
    case(
        {"METHOD": "POST", "BODY": "<x/>", "CONTENT_TYPE": "text/xml"},
        f"{P}CONTENT_TYPE: must be application/json (or another of JSON's), "
        "application/x-www-form-urlencoded or text/plain, in UTF-8: in no other type it is known how to "
        "encode a value",
    ),
    case(
        {"METHOD": "POST", "BODY": "{}", "HEADERS__CONTENT_TYPE": "text/json"},
        f"{P}HEADERS__CONTENT_TYPE: is set by {P}CONTENT_TYPE where there is a body; leave it out",
    ),
    case(
        {"METHOD": "POST", "BODY": '{"a": "{click_id}",}'},
        f"{P}BODY: is not JSON: a comma stands before the closing }}; leave it out",
    ),
    case(
        {"METHOD": "PUT", "BODY": '{"a": {payout}}'},
        f'{P}BODY: has {{payout}} outside of a text; write "{{payout}}", or "{{payout:number}}" for a number',
    ),
    case(
        {"METHOD": "POST", "BODY": '{"a": "{click_id}"'},
        f"{P}BODY: is not JSON at line 1, column 19; write it as {RIGHT_JSON}",
    ),
    case(
        {"METHOD": "POST", "BODY": "a={click_id}"},
        f"{P}BODY: is not JSON; the content type of a=b&c=d is application/x-www-form-urlencoded",
    ),
    case(
        {"METHOD": "POST", "BODY": '{"{event}": 1}'},
        f"{P}BODY: has a macro in a member's name ({{event}}); macros may stand in values only",
    ),
    case(
        {"METHOD": "POST", "BODY": '{"k": "{secret.pixel}"}'},
        f"{P}BODY: has {{secret.pixel}}, which is not set; set {P}SECRETS__PIXEL",
    ),
    case(
        {"URL": "https://h/?a={click_id}&k={secret.token}", "SECRETS__TOKNE": "x"},
        f"{URL}: has {{secret.token}}, which is not set; set {P}SECRETS__TOKEN",
    ),
    case(
        {"HEADERS__X_TOKEN": "Bearer {secret.token}"},
        f"{P}HEADERS__X_TOKEN: has {{secret.token}}, which is not set; set {P}SECRETS__TOKEN",
    ),
    case(
        {"METHOD": "POST", "BODY": '{"a": "{secret.pixel:number}"}', "SECRETS__PIXEL": "s3cret"},
        f"{P}SECRETS__PIXEL: is no number, as {{secret.pixel:number}} in {P}BODY has to be",
    ),
    case(
        {"HEADERS__X_TOKEN": "{secret.token}", "SECRETS__TOKEN": "s3cret\n"},
        f"{P}SECRETS__TOKEN: can't be sent in a header: "
        "it must be text on one line, without control characters or spaces around it",
    ),
    case({"SECRETS__TOKEN": ""}, f"{P}SECRETS__TOKEN: must be text in UTF-8, and not empty"),
    case(
        {"SECRETS__A.B": "s3cret"},
        f"{P}SECRETS__A.B: 'A.B' must be 1 to 64 of letters, digits and _, as in {{secret.token}}",
    ),
    case(
        {"HEADERS__X_A": "{click_id"},
        f"{P}HEADERS__X_A: has an unmatched brace in its value",
    ),
    case(
        {"HEADERS__X_{EVENT}": "x"},
        f"{P}HEADERS__X_{{EVENT}}: has a macro in a header's name; macros may stand in values only",
    ),
    case(
        {"HEADERS__X_A": "[click_id]"},
        f"{P}HEADERS__X_A: holds another tool's macro; ours are written {{click_id}}",
    ),
    case(
        {"URL": "https://{network}.h/?a={click_id}"},
        f"{URL}: has a macro in its host or port; {PLACES} "
        "('https://{network}.h/?a={click_id}', environment)",
    ),
    case(
        {"URL": "https://h/{order_id?}?a={click_id}"},
        f"{URL}: has {{order_id?}} in its path, where nothing can be left out; write {{order_id}}, or "
        "{order_id|none} with a default ('https://h/{order_id?}?a={click_id}', environment)",
    ),
    case(
        {"URL": "https://h/?{event}={click_id}"},
        f"{URL}: has a macro in a parameter's name ({{event}}); macros may stand in values only "
        "('https://h/?{event}={click_id}', environment)",
    ),
    case(
        {"URL": "https://h/?a={click_id}&t={occurred_at:epoch}"},
        f"{URL}: has {{occurred_at:epoch}}, whose form epoch is not known; forms are :unix, :unix_ms and "
        ":iso of times, {payout:minor}, :sha256 of texts, or a map as in "
        "{event:purchase=Sale,signup=Lead,*=Other} "
        "('https://h/?a={click_id}&t={occurred_at:epoch}', environment)",
    ),
    case(
        {"URL": "https://h/?a={click_id}&v={payout:number}"},
        f"{URL}: has {{payout:number}}, but :number is for a JSON body; write {{payout}} "
        "('https://h/?a={click_id}&v={payout:number}', environment)",
    ),
    case(
        {"URL": "https://h/?a=%click_id%"},
        f"{URL}: has %click_id%, which is not filled in; write {{click_id}} "
        "('https://h/?a=********', environment)",
    ),
    case(
        {"URL": "https://h/?a={click_id}&m={:purchase=Sale}"},
        f"{URL}: has {{:purchase=Sale}}, which names no value; write {{click_id}}, or "
        "{event:purchase=Sale,signup=Lead,*=Other} "
        "('https://h/?a={click_id}&m={:purchase=Sale}', environment)",
    ),
    case(
        {"URL": "https://h/?measurement=1&click_id={click_id}"},
        f"{URL}: has measurement, which takes event and payout beside it; missing: event, payout "
        "('https://h/?measurement=********&click_id={click_id}', environment)",
    ),
]


@pytest.mark.parametrize(("environ", "line"), WRONG, ids=[line[:70] for _, line in WRONG])
def test_wrong_settings(environ: dict[str, str], line: str) -> None:
    """What is wrong with a template, or with two of them together, is one line that shows the right form."""
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    assert caught.value.problems == (line,)


def test_right_settings() -> None:
    """One URL for all events, a body of a POST, headers and secrets in any spelling are taken."""
    destination = read(
        URL="https://h/{secret.api_key}/p?c={click_id}",
        METHOD="post",
        BODY='{"a": "{secret.token}"}',
        HEADERS__X_TOKEN="{secret.token}",
        SECRETS__TOKEN="a",
        SECRETS__API_KEY="b",
    ).destination
    assert destination.method == "POST"
    assert list(destination.secrets) == ["token", "api_key"]


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"URL": "https://h/?o={order_id}"}, True),
        ({"URL": "https://h/?o={order_id}", "HEADERS__X_CLICK": "{click_id}"}, False),
        ({"URL": "https://h/", "METHOD": "POST", "BODY": '{"a": "{click_id}"}'}, False),
        ({"URL": "https://h/", "METHOD": "POST", "BODY": '{"a": "{order_id}"}'}, True),
        ({"URL": "https://h/{click_id}"}, False),
        ({"URL": "https://h/?a={click_id:sha256}"}, False),
    ],
)
def test_no_click(environ: dict[str, str], warned: bool) -> None:
    """A destination of which no template names the click is warned of; it is enough that one does."""
    line = f"{URL}: has no {{click_id}}: the partner can't tell which click converted"
    assert warnings(read(**environ)) == ([line] if warned else [])


def test_unused_secrets() -> None:
    """A secret that no template names is warned of."""
    given = {"URL": "https://h/{secret.a}?c={click_id}", "SECRETS__A": "x", "SECRETS__API_KEY": "y"}
    assert warnings(read(**given)) == [f"{P}SECRETS__API_KEY: is named by no template"]


def test_a_secret_in_another_spelling() -> None:
    """A secret is named in lower case; another spelling is shown right."""
    with pytest.raises(SettingsError) as caught:
        read(URL="https://h/{secret.API-KEY}?c={click_id}", SECRETS__API_KEY="y")
    assert caught.value.problems == (
        f"{URL}: has {{secret.API-KEY}}, which is not set; write {{secret.api_key}}",
    )


def test_secrets_are_not_shown() -> None:
    """Neither `config show` nor a `repr` shows a secret, a header's value, or what is written in a body."""
    settings = read(
        URL="https://h/{secret.token}/s3cret?a={click_id}&k={attributes.u|https://x}&t=s3cret",
        METHOD="POST",
        BODY='{"s3": "s3cret {click_id}", "n": 1, "t": "{secret.token}"}',
        HEADERS__X_TOKEN="s3cret {click_id}",
        SECRETS__TOKEN="s3cret",
    )
    shown = {row.variable: row.value for row in effective(Deployment.of(settings))}
    assert (
        shown[f"{P}URL"]
        == "https://h/{secret.token}/********?a={click_id}&k={attributes.u|https://x}&t=********"
    )
    assert shown[f"{P}BODY"] == '{"s3": "********{click_id}", "n": 1, "t": "{secret.token}"}'
    assert shown[f"{P}HEADERS__X_TOKEN"] == shown[f"{P}SECRETS__TOKEN"] == "********"
    assert not {f"{P}SIMPLE_URL", f"{P}EVENT_URL"} & shown.keys(), "they are not in effect"
    assert "s3cret" not in repr(settings) + str(shown)


def test_masked_bodies() -> None:
    """Of a body template names and macros are shown, and of a filled one what is not named like a secret."""
    form = "application/x-www-form-urlencoded"
    assert mask_body("a={event:x=y&z,*}&t=s3cret&u", form) == "a={event:x=y&z,*}&t=********&********"
    assert mask_body("s3cret {click_id}", "text/plain") == "********{click_id}"
    assert (
        mask_filled("a=1&api_key=s3cret&b=%2A%2A%2A%2A%2A%2A%2A%2A", form)
        == "a=1&api_key=********&b=********"
    )
    assert (
        mask_filled('{"a": "b", "Token" : "s3\\"cret"}', "application/json")
        == '{"a": "b", "Token" : "********"}'
    )
    assert mask_filled("a: b", "text/plain") == "a: b"


def test_masked_macros() -> None:
    """What stands in a macro is no part of a URL: it hides nothing of what is masked."""
    assert mask_template("https://h/s3cret/{event:a/b=c?d&e,*}?s={secret.x}s3cret") == (
        "https://h/********/{event:a/b=c?d&e,*}?s={secret.x}********"
    )
