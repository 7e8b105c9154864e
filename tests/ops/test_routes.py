"""Where events would go, without a broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from worker.ops.jsonl import BadLine, EventLine
from worker.ops.routes import Routes
from worker.settings import load_all

TOML = """
[destinations.binom]
url = "https://b.example/?c={click_id}&p={payout}"
when.network = "binom"
[destinations.meta]
url = "https://m.example/?c={click_id}&o={order_id}"
when.event = "purchase"
[destinations.yen]
url = "https://y.example/?c={click_id}"
currencies = "JPY"
when.network = "yen"
"""


@pytest.fixture
def routes(tmp_path: Path) -> Routes:
    """Three destinations."""
    path = tmp_path / "worker.toml"
    path.write_text(TOML)
    return Routes(load_all(config=path, environ={}, dotenv=tmp_path / "none"))


def line(**fields: object) -> EventLine:
    """The seventh line of a file, with an event of now."""
    event = {"event_id": "e", "click_id": "c", "occurred_at": datetime.now(UTC).isoformat(), **fields}
    return EventLine(7, json.dumps(event).encode())


def test_where_to(routes: Routes) -> None:
    """It is said who would send an event, and why others that take it could not."""
    both = line(network="binom", payout="1.00", event="purchase", order_id="1")
    assert list(routes.described(both)) == ["line 7: to binom, meta"]
    one = line(network="binom", payout="1.00", event="purchase")
    assert list(routes.described(one)) == [
        "line 7: to binom",
        "line 7: not to meta: the URL needs {order_id}, which this event does not have",
    ]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"network": "binom"}, "binom: the URL needs {payout}, which this event does not have"),
        ({"network": "nobody"}, "binom: no destination's WHEN fits it"),
        ({"network": "yen", "payout": "1.00"}, "yen: "),
        ({"click_id": ""}, "line 7: click_id must be"),
    ],
)
def test_nobody(routes: Routes, fields: dict[str, object], why: str) -> None:
    """What nobody could send is a bad line that says why."""
    with pytest.raises(BadLine) as bad:
        routes.event_of(line(**fields))
    assert why in str(bad.value)
    with pytest.raises(BadLine):
        list(routes.described(line(**fields)))
