"""One test postback: the event, its request, and the attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.ops.errors import WrongUsage
from worker.ops.sending import NoValue, attempt, make_event, make_request, unsure_of
from worker.settings import Settings

NOBODY = "http://127.0.0.1:1/?c={click_id}"


def settings(**destination: object) -> Settings:
    """Settings of a destination."""
    return Settings.model_validate({"destination": destination})


def test_an_event_of_now() -> None:
    """Where no id is given it is a random one, so that each is a conversion of its own."""
    first, second = (make_event({"click_id": "abc", "event_id": None}) for _ in range(2))
    assert first.event_id.startswith("test-")
    assert first.event_id != second.event_id
    assert make_event({"click_id": "abc", "event_id": "mine"}).event_id == "mine"


def test_no_event() -> None:
    """What the worker would refuse is wrong usage, with a reason for each field."""
    with pytest.raises(WrongUsage) as error:
        make_event({"click_id": "", "event": "x", "payout": "1.999"})
    assert [reason.split()[0] for reason in error.value.reasons] == ["click_id", "payout"]


def test_a_request() -> None:
    """The template is the worker's own."""
    request = make_request(Settings(), make_event({"click_id": "a b"}))
    assert request.url == "https://track.momentscience.com/postback?click_id=a%20b"


def test_no_value() -> None:
    """Macros without a value are named, each."""
    url = "http://127.0.0.1:1/?c={click_id}&o={order_id}&k={attributes.kind}"
    with pytest.raises(NoValue) as error:
        make_request(settings(simple_url=url, event_url=url), make_event({"click_id": "abc"}))
    assert error.value.macros == ["order_id", "attributes.kind"]
    assert error.value.reasons == [
        "POSTBACK_DESTINATION__SIMPLE_URL needs {order_id}, {attributes.kind}, which is not given"
    ]


def test_a_currency_that_is_not_taken() -> None:
    """A currency that the destination does not take is wrong usage; the variable that says so is named."""
    event = make_event({"click_id": "abc", "event": "x", "payout": "5", "currency": "EUR"})
    with pytest.raises(WrongUsage) as error:
        make_request(Settings(), event)
    assert error.value.reasons == [
        "currency is EUR, and this destination is configured for USD alone (POSTBACK_DESTINATION__CURRENCIES)"
    ]
    assert "payout=5.00" in make_request(settings(currencies={"EUR"}), event).url


async def test_a_file_of_tls(tmp_path: Path) -> None:
    """A file of TLS that can't be used is wrong usage."""
    made = settings(ca_file=tmp_path / "ca.crt")
    with pytest.raises(WrongUsage, match=r"POSTBACK_DESTINATION__CA_FILE: the file .* cannot be read"):
        await attempt(made, make_request(made, make_event({"click_id": "abc"})))


def test_what_is_left_out_needs_nothing() -> None:
    """A macro beside one that is left out is not asked for."""
    url = "http://127.0.0.1:1/?c={click_id}&o={offer_id}{order_id?}"
    request = make_request(settings(url=url), make_event({"click_id": "abc"}))
    assert request.target == "/?c=abc"


async def test_where_it_may_not_go() -> None:
    """A private address is wrong usage unless it is permitted."""
    shut, opened = (
        settings(simple_url=NOBODY, event_url=NOBODY, allow_private_addresses=allowed)
        for allowed in (False, True)
    )
    request = make_request(shut, make_event({"click_id": "abc"}))
    with pytest.raises(WrongUsage, match="is forbidden"):
        await unsure_of(shut, request)
    assert await unsure_of(opened, request) == []


async def test_nobody_there() -> None:
    """A partner that can't be reached has recorded nothing; that is an answer, and no error."""
    there = settings(simple_url=NOBODY, event_url=NOBODY, allow_private_addresses=True)
    tried = await attempt(there, make_request(there, make_event({"click_id": "abc"})))
    assert not tried.recorded
    assert tried.verdict.status is None
    assert tried.verdict.error
