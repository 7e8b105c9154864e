"""The settings that are URLs: never half set, a word where no click is named, secrets masked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.settings import read as read_all
from worker.settings import Deployment, Settings, SettingsError, effective
from worker.settings.advice import warnings
from worker.settings.secrets import known_secrets
from worker.settings.url_mask import mask_request, mask_template

SIMPLE, EVENT = "POSTBACK_DESTINATION__SIMPLE_URL", "POSTBACK_DESTINATION__EVENT_URL"
OURS = "https://track.momentscience.com/postback"


def read(**environ: str) -> Settings:
    """Settings of these variables alone."""
    return read_all(environ)


@pytest.mark.parametrize(("name", "other"), [(SIMPLE, EVENT), (EVENT, SIMPLE)])
def test_half_set(name: str, other: str) -> None:
    """One URL of another host, with the other left to its default, is an error that names the missing one."""
    with pytest.raises(SettingsError) as caught:
        read(**{name: "https://partner.example/?a={click_id}"})
    (line,) = caught.value.problems
    assert line.startswith(f"{other}: must be set, too: only {name} goes to partner.example, and events ")
    assert line.endswith(" would go to track.momentscience.com")


@pytest.mark.parametrize(
    "host", ["track.example\\SECRET", "%HOST%", "<host>", "a..b", "*.h", f"{'a' * 64}.example"]
)
def test_host_that_is_none(host: str) -> None:
    """A host that nothing can have is refused, and what follows it is not shown."""
    with pytest.raises(SettingsError) as caught:
        read(POSTBACK_DESTINATION__URL=f"https://{host}/p?a={{click_id}}")
    (line,) = caught.value.problems
    assert "has a host that is neither a name nor an address" in line
    assert "SECRET" not in line


@pytest.mark.parametrize("ours", [OURS, OURS.replace("https", "http"), OURS.replace(".com", ".com:8443")])
def test_half_set_to_the_same_host(ours: str) -> None:
    """One URL of the built-in partner's host leaves the other one to its default, at any scheme and port."""
    assert read(**{SIMPLE: f"{ours}?click_id={{click_id}}&sub={{offer_id}}"}).destination.event_url


def test_both_set() -> None:
    """Both URLs of another host, or of two hosts, are taken."""
    one, two = "https://a.example/?a={click_id}", "https://b.example/?a={click_id}"
    assert read(**{SIMPLE: one, EVENT: two}).destination.simple_url == one


CLICK, AMOUNT = "https://x/?c={click_id}&e={event}", "https://x/?c={click_id}&p={payout}"
CURRENCIES = "POSTBACK_DESTINATION__CURRENCIES"


def test_an_amount_without_its_currency() -> None:
    """Of several currencies a template with a payout must name which one it is in."""
    with pytest.raises(SettingsError) as caught:
        read(**{SIMPLE: CLICK, EVENT: AMOUNT, CURRENCIES: "USD, EUR"})
    (line,) = caught.value.problems
    assert line == (
        f"{EVENT}: has {{payout}} without {{currency}}, and {CURRENCIES} has several (EUR, USD): "
        "add the partner's parameter, such as &currency={currency}"
    )


@pytest.mark.parametrize(
    ("url", "currencies"), [(AMOUNT, "JPY"), (f"{AMOUNT}&u={{currency}}", "USD,EUR"), (CLICK, "USD,EUR")]
)
def test_currencies(url: str, currencies: str) -> None:
    """A template need not name the one currency, nor any without a payout."""
    settings = read(**{SIMPLE: CLICK, EVENT: url, CURRENCIES: currencies})
    assert settings.destination.currencies == set(currencies.split(","))


def test_no_click() -> None:
    """A URL that names no click is warned of, by its variable; one that names it is not."""
    url = "https://partner.example/?order={order_id}"
    lines = warnings(read(**{SIMPLE: url, EVENT: "https://partner.example/?a={click_id}"}))
    assert lines == [f"{SIMPLE}: has no {{click_id}}: the partner can't tell which click converted"]


TEMPLATES = {
    "https://h/s3cret/postback?cid={click_id}&token=s3cret": (
        "https://h/********/********?cid={click_id}&token=********"
    ),
    "https://h?a=s3cret-{click_id}&&flag": "https://h?a=********{click_id}&&********",
    "https://u:s3cret@h/": "https://********@h/",
    "h/s3cret": "h/********",
    "https://h/": "https://h/",
}


@pytest.mark.parametrize(("text", "shown"), TEMPLATES.items(), ids=list(TEMPLATES))
def test_masked_templates(text: str, shown: str) -> None:
    """Of a template the host, the parameters' names and the macros are shown, and no value of its own."""
    assert mask_template(text) == shown


@given(
    st.text("ab{}/?&=@:#. ", max_size=30), st.sampled_from(["", "https://", "https://h/", "https://h/?a="])
)
def test_masking_takes_any_text(text: str, before: str) -> None:
    """Whatever was written where a URL should be is masked without an error."""
    assert isinstance(mask_template(before + text), str)


def test_shown_settings() -> None:
    """`config show` masks what a configured template holds, and shows the built-in ones whole."""
    secret = {SIMPLE: "https://h/s3cret?a={click_id}", EVENT: "https://h/p?a={click_id}&t=s3cret"}
    shown = {row.variable: row.value for row in effective(Deployment.of(read(**secret)))}
    assert shown[SIMPLE] == "https://h/********?a={click_id}"
    assert shown[EVENT] == "https://h/********?a={click_id}&t=********"
    assert {row.variable: row.value for row in effective(Deployment.of(read()))}[
        SIMPLE
    ] == f"{OURS}?click_id={{click_id}}"


def test_problems_and_representations() -> None:
    """A wrong template's own values are in no error line, and a right one's in no `repr`."""
    with pytest.raises(SettingsError) as caught:
        read(**{SIMPLE: "https://h/s3cret?a={clickid}&t=s3cret", EVENT: "https://h/?a={click_id}"})
    assert "s3cret" not in str(caught.value)
    assert "environment)" in str(caught.value)
    assert "s3cret" not in repr(
        read(**{SIMPLE: "https://h/?a={click_id}&t=s3cret", EVENT: "https://h/?t=s3cret"})
    )


def test_masked_requests() -> None:
    """Of a filled URL the values are masked that are named like a secret, and the rest is as it is sent."""
    url = "https://h/p?click_id=c-1&security_token=s3cret&api_key=s3cret&payout=1.00&token="
    assert mask_request(url) == (
        "https://h/p?click_id=c-1&security_token=********&api_key=********&payout=1.00&token="
    )
    assert mask_request("https://h/p") == "https://h/p"


def test_a_file_that_all_can_read(tmp_path: Path) -> None:
    """A secret's file that every user can read is warned of; a closed one, and one of no secret, are not."""
    file, topic = tmp_path / "token", tmp_path / "topic"
    file.write_text("s3cret")
    topic.write_text("conversions")
    name = "POSTBACK_DESTINATION__HEADERS__X_TOKEN"
    given = {f"{name}_FILE": str(file), "POSTBACK_KAFKA__TOPIC_FILE": str(topic)}
    topic.chmod(0o644)
    file.chmod(0o604)
    assert warnings(read(**given)) == [f"{name}: every user can read the file {file}; `chmod o-r` mends it"]
    file.chmod(0o640)
    assert warnings(read(**given)) == []


def test_the_command_that_logs_in() -> None:
    """Kerberos' command, which may hold a password, is masked."""
    name = "POSTBACK_KAFKA__PROPERTIES__SASL_KERBEROS_KINIT_CMD"
    shown = {row.variable: row.value for row in effective(Deployment.of(read(**{name: "kinit -w s3cret"})))}
    assert shown[name] == "********"


def test_secrets_of_a_proxy() -> None:
    """A proxy's password is a known secret by itself, too, as it was written and as it is."""
    proxy = {"POSTBACK_DESTINATION__PROXY": "http://user:pass%2Fword@proxy:3128"}
    settings = read(**proxy, POSTBACK_DESTINATION__TRANSPORT="session")
    assert {"user:pass/word", "pass/word", "pass%2Fword"} <= set(known_secrets(settings.destination))
