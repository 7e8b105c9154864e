# ruff: noqa: E501 - templates and requests are read as they are written and sent
"""Networks of different kinds, as an operator would write them: the request of one conversion, to the letter.

The rule: settings in, bytes out; what lies between is the program's own.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from schemas import decode
from tests.core.examples import NOW
from worker.compiled import compile_settings
from worker.core.templates import CannotFill
from worker.settings import load
from worker.settings.templates import constant_headers

EVENT = {
    "event_id": "e-1",
    "click_id": "C/1+ü",
    "event": "purchase",
    "payout": "49.99",
    "occurred_at": "2026-01-02T03:04:05Z",
    "order_id": "o 1001",
    "attributes": {"email": " Jane@Example.com"},
}
EMAIL = sha256(b"jane@example.com").hexdigest()
CLICK = "C%2F1%2B%C3%BC"


class Network(NamedTuple):
    """A network: its settings, and what it is to get."""

    toml: str
    request: str
    headers: dict[str, str] = {}  # noqa: RUF012 - a NamedTuple's default is shared and never changed
    body: str | None = None


NETWORKS = {
    "everflow": Network(
        """
        url = "https://track.example/?nid=7&transaction_id={click_id}&amount={payout}&order_id={order_id?}&event_id={event:purchase=12,signup=13}&verification_token={secret.token}"
        secrets = { token = "s3&cret" }
        """,
        f"GET /?nid=7&transaction_id={CLICK}&amount=49.99&order_id=o%201001&event_id=12&verification_token=s3%26cret",
    ),
    "keitaro": Network(
        """
        url = "https://track.example/{secret.key}/postback?subid={click_id}&status={event:purchase=sale,*=lead}&payout={payout|0.00}&currency={currency}&tid={order_id?}"
        secrets = { key = "s3cret" }
        """,
        f"GET /s3cret/postback?subid={CLICK}&status=sale&payout=49.99&currency=USD&tid=o%201001",
    ),
    "adjust": Network(
        """
        url = "https://s2s.adjust.example/event?s2s=1&app_token=n&event_token={event:purchase=abc123}&gps_adid={click_id}&revenue={payout}&currency={currency}&created_at_unix={occurred_at:unix}"
        secrets = { token = "s3cret" }
        headers = { Authorization = "Bearer {secret.token}" }
        """,
        f"GET /event?s2s=1&app_token=n&event_token=abc123&gps_adid={CLICK}&revenue=49.99&currency=USD&created_at_unix=1767323045",
        {"Authorization": "Bearer s3cret"},
    ),
    "baidu, without its signature": Network(
        'url = "https://als.example/cb/actionCb?a_type={event}&a_value={payout:minor}&ext_info={click_id}"',
        f"GET /cb/actionCb?a_type=purchase&a_value=4999&ext_info={CLICK}",
    ),
    "kuaishou": Network(
        'url = "https://ad.example/track/activate?event_type={event:purchase=3,*=1}&event_time={occurred_at:unix_ms}&callback={click_id}"',
        f"GET /track/activate?event_type=3&event_time=1767323045000&callback={CLICK}",
    ),
    "cj": Network(
        'url = "https://www.emjcd.example/u?CID=1&TYPE=2&METHOD=S2S&CJEVENT={click_id}&EVENTTIME={occurred_at:iso}&OID={order_id}&CURRENCY={currency}&amount={payout}"',
        f"GET /u?CID=1&TYPE=2&METHOD=S2S&CJEVENT={CLICK}&EVENTTIME=2026-01-02T03%3A04%3A05Z&OID=o%201001&CURRENCY=USD&amount=49.99",
    ),
    "a relay": Network(
        'url = "https://relay.example/cpa/{click_id}/{payout}/{order_id|none}/{event}"',
        f"GET /cpa/{CLICK}/49.99/o%201001/purchase",
    ),
    "meta": Network(
        """
        url = "https://graph.example/v1/PIXEL/events?access_token={secret.token}"
        method = "POST"
        body = '{"data":[{"event_name":"{event:purchase=Purchase}","event_time":"{occurred_at:unix:number}","event_id":"{event_id}","action_source":"website","user_data":{"em":["{attributes.email?:sha256}"],"ph":["{attributes.phone?:sha256}"],"fbc":"{click_id}"},"custom_data":{"value":"{payout:number}","currency":"{currency}"}}]}'
        secrets = { token = "s3cret" }
        """,
        "POST /v1/PIXEL/events?access_token=s3cret",
        {"Content-Type": "application/json"},
        '{"data":[{"event_name":"Purchase","event_time":1767323045,"event_id":"e-1","action_source":"website",'
        f'"user_data":{{"em":["{EMAIL}"],"fbc":"C/1+ü"}},"custom_data":{{"value":49.99,"currency":"USD"}}}}]}}',
    ),
    "tiktok": Network(
        """
        url = "https://business.example/open_api/v1.3/event/track/"
        method = "POST"
        body = '{"event_source":"web","data":[{"event":"{event:purchase=CompletePayment,*}","event_time":"{occurred_at:unix:number}","user":{"ttclid":"{click_id}"},"properties":{"value":"{payout|0:number}"}}]}'
        secrets = { token = "s3cret" }
        headers = { Access-Token = "{secret.token}", X-Attempt = "{attempt}" }
        """,
        "POST /open_api/v1.3/event/track/",
        {"Content-Type": "application/json", "Access-Token": "s3cret", "X-Attempt": "1"},
        '{"event_source":"web","data":[{"event":"CompletePayment","event_time":1767323045,"user":{"ttclid":"C/1+ü"},"properties":{"value":49.99}}]}',
    ),
    "ga4": Network(
        """
        url = "https://www.ga.example/mp/collect?measurement_id=G-1&api_secret={secret.api}"
        method = "POST"
        body = '{"client_id":"{click_id}","events":[{"name":"{event}","params":{"value":"{payout:number}","currency":"{currency}","transaction_id":"{order_id?}"}}],"timestamp_micros":"{occurred_at:unix_ms}000"}'
        secrets = { api = "s3cret" }
        """,
        "POST /mp/collect?measurement_id=G-1&api_secret=s3cret",
        {"Content-Type": "application/json"},
        '{"client_id":"C/1+ü","events":[{"name":"purchase","params":{"value":49.99,"currency":"USD","transaction_id":"o 1001"}}],"timestamp_micros":"1767323045000000"}',
    ),
    "a form": Network(
        """
        url = "https://api.example/v2/conversions"
        method = "PUT"
        body = "click={click_id}&sum={payout}&coupon={attributes.coupon?}&goal={event:purchase=Sale & more}"
        content_type = "application/x-www-form-urlencoded"
        """,
        "PUT /v2/conversions",
        {"Content-Type": "application/x-www-form-urlencoded"},
        f"click={CLICK}&sum=49.99&goal=Sale%20%26%20more",
    ),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))
def test_requests(network: Network, tmp_path: Path) -> None:
    """Method, target, headers and body are what the network documents."""
    file = tmp_path / "settings.toml"
    file.write_text("[destination]\n" + "\n".join(line.strip() for line in network.toml.splitlines()))
    settings = load(config=file, environ={}, dotenv=tmp_path / "none")
    event = decode(json.dumps(EVENT).encode(), now=NOW)
    request = compile_settings(settings).postback.request_of(event, 1, NOW)
    body = None if request.body is None else request.body.decode()
    assert (f"{request.method} {request.target}", body) == (network.request, network.body)
    assert dict(request.headers) | constant_headers(settings.destination) == network.headers


def test_an_event_that_a_network_does_not_know(tmp_path: Path) -> None:
    """An event that is not in a network's map is invalid for it, and says which macro that is."""
    file = tmp_path / "settings.toml"
    file.write_text("[destination]\n" + NETWORKS["everflow"].toml.replace("        ", ""))
    compiled = compile_settings(load(config=file, environ={}, dotenv=tmp_path / "none"))
    event = decode(json.dumps(EVENT | {"event": "refund"}).encode(), now=NOW)
    with pytest.raises(
        CannotFill, match=r"^the URL needs \{event:purchase=12,signup=13\}, whose map does not have"
    ):
        compiled.postback.request(event)
