"""The click, as the landing page's URL brings it, kept until the visitor converts.

The rule: a visitor's URL never raises. An id is a form-encoded query value, decoded once, as UTF-8; the
first one that is not blank counts. If it is no valid click id, there is no click. An invalid affiliate or
offer id is left out, because the conversion is worth more than its label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import unquote_plus
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, TypeAdapter

from schemas.event import ClickId, ConversionEvent, Identifier, Network
from schemas.moment import Moment, moment_text

_EVENT_IDS: Final = UUID("5fa3f4b3-055c-57d4-8369-f65c45e45b18")
"""The namespace of derived event ids; changing it would make conversions count twice."""

_MOMENT: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)
_CLICK_ID: Final[TypeAdapter[str]] = TypeAdapter(ClickId)
_IDENTIFIER: Final[TypeAdapter[str]] = TypeAdapter(Identifier)
_NETWORK: Final[TypeAdapter[str | None]] = TypeAdapter(Network | None)


class Click(BaseModel):
    """One visit that an ad network sent; `clicked_at` starts the window in which conversions count.

    `network` says which network, for a shop that buys from several: their ids may collide. A click goes
    through a session or a column as plain JSON: `model_dump(mode="json")` and `model_validate`, or `to_json`
    and `from_json`.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, hide_input_in_errors=True, defer_build=True
    )

    click_id: ClickId
    network: Network | None = None
    affiliate_id: Identifier | None = None
    offer_id: Identifier | None = None
    clicked_at: Moment

    @classmethod
    def from_landing_url(
        cls,
        url: str,
        *,
        click_id_param: str = "click_id",
        affiliate_id_param: str = "affiliate_id",
        offer_id_param: str = "offer_id",
        network: str | None = None,
        at: datetime,
    ) -> Click | None:
        """Read the click that the URL (whole, or path and query) carries; None if it carries none.

        The query is read as browsers and servers read forms: `+` is a space and `%2B` a plus. If a parameter
        repeats, the first one that is not blank (empty, or white space alone) counts. Names are
        case-sensitive; the fragment is not read. `network` is the caller's name of the network that sent
        the visitor (1 to 64 of a-z, 0-9, - and _), kept with the click; `at` is the time of the visit. A
        network of another form, or a datetime without a zone, is the caller's mistake: ValidationError.
        """
        query = url.partition("#")[0].partition("?")[2]
        click_id = _parameter(query, click_id_param, _CLICK_ID)
        clicked_at = _MOMENT.validate_python(at)
        known_as = _NETWORK.validate_python(network)
        if click_id is None:
            return None
        return cls(
            click_id=click_id,
            network=known_as,
            affiliate_id=_parameter(query, affiliate_id_param, _IDENTIFIER),
            offer_id=_parameter(query, offer_id_param, _IDENTIFIER),
            clicked_at=clicked_at,
        )

    def conversion(
        self,
        *,
        at: datetime,
        event: str | None = None,
        payout: Decimal | str | int | None = None,
        currency: str | None = None,
        event_id: str | None = None,
        order_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> ConversionEvent:
        """Make the event of one conversion of this click; the same arguments give the same bytes.

        The first partner takes `event` and `payout` together, or neither. The payout is in US dollars unless
        a `currency` is given. Without an `event_id` one is derived from the click and its network, the event
        and the order, or the time `at` if there is no order. So a retry with the same order, or the same
        time, makes the same event with the same id, which the worker recognises as a copy. Wrong values
        raise ValidationError; a float as payout and a datetime without a zone are wrong values.
        """
        moment = _MOMENT.validate_python(at)
        return ConversionEvent.model_validate(
            {
                "event_id": self._event_id(event, order_id, moment) if event_id is None else event_id,
                "click_id": self.click_id,
                "network": self.network,
                "event": event,
                "currency": currency,
                "payout": payout,
                "occurred_at": moment,
                "clicked_at": self.clicked_at,
                "affiliate_id": self.affiliate_id,
                "offer_id": self.offer_id,
                "order_id": order_id,
                "attributes": None if attributes is None else dict(attributes),
            }
        )

    def to_json(self) -> str:
        """Write the click as JSON text."""
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Click:
        """Read what `to_json` wrote; anything else raises ValidationError."""
        return cls.model_validate_json(text)

    def _event_id(self, event: str | None, order_id: str | None, at: datetime) -> str:
        """Derive the id from a JSON array, whose quotes and commas keep different conversions apart."""
        time = moment_text(at) if order_id is None else None
        network = [] if self.network is None else [self.network]
        return str(uuid5(_EVENT_IDS, json.dumps([self.click_id, event, order_id, time, *network])))


def _parameter(query: str, name: str, rule: TypeAdapter[str]) -> str | None:
    """Return the first parameter of that name that is not blank, decoded once; None if it breaks its rule."""
    for pair in query.split("&"):
        key, _, text = pair.partition("=")
        if unquote_plus(key) == name and unquote_plus(text).strip():
            try:
                return rule.validate_python(unquote_plus(text, errors="strict"))
            except ValueError:  # not UTF-8, or not the identifier's form
                return None
    return None
