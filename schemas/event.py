"""The conversion event, the JSON value of a record on the source topic, and the one way to read it.

The rule: reading ends in a valid event or in a BadRecord that says what is wrong; nothing is guessed,
rounded or repaired, and identifiers are kept as they came, character for character.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, from_json

from schemas.currency import CURRENCY_RULE, USD, Currency
from schemas.first_bytes import name_beginning
from schemas.moment import MOMENT_RULE, Moment, moment_text
from schemas.payout import Payout, exact_number

MOST_AHEAD_SECONDS: Final = 24 * 3600.0
"""How far `occurred_at` may lie ahead of the reader's clock, in seconds: clocks differ."""

MOST_ATTRIBUTES: Final = 32

PRINTABLE_ASCII: Final = "^[ -~]*$"
NO_CONTROLS: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"

_RULES: Final = {
    "event_id": "must be a string of 1 to 128 printable ASCII characters",
    "click_id": "must be a string of 1 to 512 characters without control characters",
    "network": "must be a string of 1 to 64 of a-z, 0-9, - and _",
    "event": "must be a string of 1 to 64 characters without control characters",
    "currency": CURRENCY_RULE,
    "occurred_at": MOMENT_RULE,
    "clicked_at": MOMENT_RULE,
    "affiliate_id": "must be a string of 1 to 128 characters",
    "offer_id": "must be a string of 1 to 128 characters",
    "order_id": "must be a string of 1 to 128 characters",
    "attributes": "must be an object of at most 32 strings",
}

_MOST_ERROR_CHARACTERS: Final = 512

_OPENINGS: Final = (b"{", b"[", b" ", b"\n", b"\r", b"\t")
"""First bytes of JSON that could be an event: its mistake comes later, so they are not named as one."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]
EventId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_ASCII)]
ClickId = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=NO_CONTROLS)]
Network = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern="^[a-z0-9_-]*$")]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_CONTROLS)]


class BadRecord(ValueError):
    """A value that is no event; `reason` is the dead letter's reason.

    The text is one line of at most 512 characters. It names fields and says what would be right; it never
    holds what was in them.
    """

    reason: str


class Undecodable(BadRecord):
    """The value is no JSON to a strict parser, or there is none."""

    reason = "undecodable"


class Invalid(BadRecord):
    """The value is JSON, but no conversion event."""

    reason = "invalid"


def _bounded(attributes: object) -> object:
    """Count the attributes before looking at each: a hundred thousand wrong ones are one mistake.

    Half of a surrogate pair, which only Python can hold, is a ValueError: no record could.
    """
    if attributes is None:
        return {}
    if isinstance(attributes, dict):
        if len(attributes) > MOST_ATTRIBUTES:
            raise ValueError("too many")
        for text in (*attributes, *attributes.values()):
            if isinstance(text, str) and not text.isascii():
                text.encode()
    return attributes


class ConversionEvent(BaseModel):
    """One conversion of one click. Wrong values raise pydantic's ValidationError, which is a ValueError.

    `event_id` is printable ASCII, space included. Lengths count Unicode characters; control characters are
    C0, DEL and C1. `None` for an optional field is absence, and unknown fields are ignored. A payout is a
    Decimal, a string or an int, with no more decimals than its currency has; a float is refused, because it
    is not exact. Datetimes need a zone, and are kept as the same moment.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    event_id: EventId = Field(
        description="Identifies this conversion for ever; give each conversion its own. Space allowed.",
        examples=["order-1001", "0b8a2a3e-6a51-5d1e-9d0b-5a1f0c6b7a90"],
    )
    click_id: ClickId = Field(
        description="The partner's id of the click, case-sensitive, sent back unchanged.",
        examples=["9f8e7d6c5b4a3928"],
    )
    network: Network | None = Field(
        default=None,
        description="The ad network that issued the click: it chooses who is told of the conversion.",
        examples=["momentscience", "voluum-eu"],
    )
    event: EventName | None = Field(
        default=None,
        description="What the user did. The partner takes it together with payout, or neither.",
        examples=["purchase", "signup", "lead"],
    )
    currency: Currency = Field(
        default=USD,
        description="The payout's currency by ISO 4217; a partner gets those that it is configured for.",
        examples=["USD", "EUR", "JPY"],
    )
    payout: Payout | None = Field(
        default=None,
        description="0 to 9999999999.999, exact at its currency's decimals (USD 2, JPY 0, KWD 3); not -0.",
        examples=["49.99", "5.00", 2.5],
    )
    occurred_at: Moment = Field(
        description="When the user converted; at most 24 h ahead of the reader's clock.",
        examples=["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+01:00"],
    )
    clicked_at: Moment | None = Field(
        default=None,
        description="When the user clicked: the start of the window; occurred_at where absent.",
        examples=["2026-01-01T12:00:00Z"],
    )
    affiliate_id: Identifier | None = Field(
        default=None, description="Who brought the click; a macro for the partner's URL.", examples=["aff-7"]
    )
    offer_id: Identifier | None = Field(
        default=None,
        description="What the click was for; a macro for the partner's URL.",
        examples=["offer-12"],
    )
    order_id: Identifier | None = Field(
        default=None, description="The order at the shop; a macro for the partner's URL.", examples=["1001"]
    )
    attributes: Annotated[dict[str, str], BeforeValidator(_bounded)] = Field(
        default_factory=dict,
        max_length=MOST_ATTRIBUTES,
        description="Anything else, as macros {attributes.NAME} for the partner's URL.",
        examples=[{"campaign": "winter"}],
    )

    def __hash__(self) -> int:
        return hash((self.event_id, self.click_id))

    @property
    def payout_text(self) -> str | None:
        """The payout with its currency's decimals: `49.99`, `0.00`, `500`, `1.500`; None if absent."""
        return None if self.payout is None else str(self.payout)

    @property
    def is_simple(self) -> bool:
        """Whether the simple URL is due: neither event nor payout is given."""
        return self.event is None and self.payout is None

    def to_json(self) -> bytes:
        """Write the record's value; equal events always give the same bytes.

        UTF-8; the fields in the order of this class; what is absent, empty or the default is left out;
        attributes sorted by name, times in UTC, the payout as a string. `decode` gives the same event back.
        """
        fields: dict[str, Any] = {
            "event_id": self.event_id,
            "click_id": self.click_id,
            "network": self.network,
            "event": self.event,
            "currency": None if self.currency == USD else self.currency,
            "payout": self.payout_text,
            "occurred_at": moment_text(self.occurred_at),
            "clicked_at": self.clicked_at and moment_text(self.clicked_at),
            "affiliate_id": self.affiliate_id,
            "offer_id": self.offer_id,
            "order_id": self.order_id,
            "attributes": dict(sorted(self.attributes.items())) or None,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()


_NUMBERS: Final = frozenset({int, float})
_literals: Final = json.JSONDecoder(parse_float=str, parse_int=str)
_validate: Final = ConversionEvent.__pydantic_validator__.validate_python


def decode(value: bytes | None, *, now: float, fields: Mapping[str, Any] | None = None) -> ConversionEvent:
    """Read a record's value at the time `now` (epoch seconds); pass `fields` if `json_object` has read it.

    Raises Undecodable if a strict parser can't read it, Invalid if it is no event, and nothing else.
    """
    if fields is None:
        fields = json_object(value)
    if type(fields.get("payout")) in _NUMBERS and value is not None:
        fields = {**fields, "payout": _exact_payout(value)}
    try:
        event: ConversionEvent = _validate(fields)
    except ValidationError as error:
        raise Invalid(_explain(error)) from None
    if event.__dict__["occurred_at"].timestamp() > now + MOST_AHEAD_SECONDS:
        raise Invalid("occurred_at is more than 24 h ahead of the clock")
    return event


def json_object(value: bytes | None) -> dict[str, Any]:
    """Read a record's value as a JSON object, with its fields as they came; the last of equal names counts.

    Raises Undecodable if a strict parser can't read it, Invalid if it is JSON but no object.
    """
    if value is None:
        raise Undecodable("no value (a tombstone)")
    try:
        fields = from_json(value, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        text = f"not strict JSON in UTF-8: {error}"
        raise Undecodable(text if value[:1] in _OPENINGS else f"{text}; {name_beginning(value)}") from None
    if not isinstance(fields, dict):
        raise Invalid("must be a JSON object")
    return fields


def _exact_payout(value: bytes) -> Decimal:
    """Read the payout's digits as they were written: the strict parser has rounded them to a float."""
    literal: str = _literals.decode(value.decode())["payout"]
    return exact_number(literal)


def _explain(error: ValidationError) -> str:
    """Name each wrong field once, with what would be right."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(dict.fromkeys(map(_sentence, found)))[:_MOST_ERROR_CHARACTERS]


def _sentence(error: ErrorDetails) -> str:
    field = str(error["loc"][0])
    missing = "is missing: it " if error["type"] == "missing" else ""
    return f"{field} {missing}{_RULES.get(field, error['msg'])}"
