"""Good and bad values of the source topic as a whole."""

from __future__ import annotations

from typing import Any, Final

from tests.schemas.tables import (
    BAD_IN_CURRENCY,
    BAD_PAYOUTS,
    BAD_TIMES,
    CONTROLS,
    GOOD_IN_CURRENCY,
    GOOD_PAYOUTS,
    GOOD_TIMES,
    INEXACT_PAYOUTS,
    LEAST,
    NO_CONTROLS,
    UNREAL_TIMES,
    value_of,
    value_with,
    value_without,
)

GOOD_VALUES: Final[dict[str, bytes]] = {
    "least": value_of(),
    "event id of one space": value_of(event_id=" "),
    "event id from space to tilde": value_of(event_id="".join(map(chr, range(0x20, 0x7F)))),
    "event id of 128": value_of(event_id="x" * 128),
    "click id of 512 characters": value_of(click_id="😀" * 512),
    "event of 64 characters": value_of(event="é" * 64),
    **{f"click id with {ord(one[0]):#x}": value_of(click_id=f"a{one}b") for one in NO_CONTROLS},
    **{f"event with {ord(one[0]):#x}": value_of(event=f"a{one}b") for one in NO_CONTROLS},
    **{
        f"{field} of {n}": value_of(**{field: "日" * n})
        for field in ("affiliate_id", "offer_id", "order_id")
        for n in (1, 128)
    },
    **{f"payout {text}": value_with(f'"payout":{text}') for text in GOOD_PAYOUTS},
    **{f"occurred_at {text}": value_of(occurred_at=text) for text in GOOD_TIMES},
    **{f"clicked_at {text}": value_of(clicked_at=text) for text in GOOD_TIMES},
    "clicked_at far ahead": value_of(clicked_at="9999-12-31T23:59:59.999Z"),
    **{f"currency {code}": value_of(currency=code) for code in ("USD", "EUR", "JPY", "KWD", "CLF", "XXX")},
    **{
        f"payout {text} in {code}": value_with(f'"payout":{text},"currency":"{code}"')
        for code, text in GOOD_IN_CURRENCY
    },
    **{f"network {name}": value_of(network=name) for name in ("a", "0", "-", "_", "voluum-eu_2", "x" * 64)},
    "no attributes": value_of(attributes={}),
    "32 attributes": value_of(attributes={f"a{n}": "" for n in range(32)}),
    "attribute without a name": value_of(attributes={"": "x"}),
    "unknown fields": value_of(later={"deep": [1, None]}, customer=None),
    "nested to the parser's limit": value_with('"payout":1.5,"later":' + "[" * 198 + "]" * 198),
    "duplicate keys, the last good": value_with('"event_id":"e-2"'),
    **{
        f"{field} null": value_of(**{field: None})
        for field in (
            *("network", "event", "payout", "currency", "clicked_at"),
            *("affiliate_id", "offer_id", "order_id", "attributes"),
        )
    },
}


WRONG_STRINGS: Final[dict[str, Any]] = {
    "empty": "",
    "number": 1767323045,
    "float": 1.5,
    "true": True,
    "array": ["x"],
    "object": {},
}


WRONG_CURRENCIES: Final[list[Any]] = ["", "usd", "EUX", "DEM", "USD ", "USD\n", "840", 840, True, {}, []]


WRONG_NETWORKS: Final = ["Voluum", "a b", "a.b", "a/b", "a\n", "\n", "\u0131", "x" * 65]


WRONG_ATTRIBUTES: Final[list[Any]] = [None, 1, 1.5, True, [], {}]


INVALID_VALUES: Final[dict[str, bytes]] = {
    **{f"top-level {text}": text.encode() for text in ("[]", "null", "true", "5", '"x"')},
    "array of an event": b"[" + value_of() + b"]",
    "empty object": b"{}",
    **{f"no {field}": value_without(field) for field in LEAST},
    **{f"{field} null": value_of(**{field: None}) for field in LEAST},
    **{
        f"{field} {word}": value_of(**{field: wrong})
        for field in (*LEAST, "network", "event", "clicked_at", "affiliate_id", "offer_id", "order_id")
        for word, wrong in WRONG_STRINGS.items()
    },
    "event id of 129": value_of(event_id="x" * 129),
    **{f"event id with {ord(one):#x}": value_of(event_id=f"a{one}b") for one in (*CONTROLS, "é", "\xa0")},
    "event id ending in a newline": value_of(event_id="a\n"),
    "click id of 513": value_of(click_id="x" * 513),
    **{f"click id with {ord(one):#x}": value_of(click_id=f"a{one}b") for one in CONTROLS},
    "click id ending in a newline": value_of(click_id="a\n"),
    "event of 65": value_of(event="x" * 65),
    **{f"event with {ord(one):#x}": value_of(event=f"a{one}b") for one in CONTROLS},
    **{
        f"{field} of 129": value_of(**{field: "x" * 129})
        for field in ("affiliate_id", "offer_id", "order_id")
    },
    **{f"payout {text}": value_with(f'"payout":{text}') for text in (*BAD_PAYOUTS, *INEXACT_PAYOUTS)},
    **{f"occurred_at {text!r}": value_of(occurred_at=text) for text in (*BAD_TIMES, *UNREAL_TIMES)},
    **{f"clicked_at {text!r}": value_of(clicked_at=text) for text in (*BAD_TIMES, *UNREAL_TIMES)},
    **{f"currency {word!r}": value_of(currency=word) for word in WRONG_CURRENCIES},
    **{
        f"payout {text} in {code}": value_with(f'"payout":{text},"currency":"{code}"')
        for code, text in BAD_IN_CURRENCY
    },
    **{f"network {word!r}": value_of(network=word) for word in WRONG_NETWORKS},
    "33 attributes": value_of(attributes={f"a{n}": "" for n in range(33)}),
    **{f"attribute {wrong!r}": value_of(attributes={"a": wrong}) for wrong in WRONG_ATTRIBUTES},
    **{f"attributes {wrong!r}": value_of(attributes=wrong) for wrong in ([], [["a", "b"]], "a", 1, False)},
    "duplicate keys, the last bad": value_with('"event_id":""'),
    "duplicate keys, the last null": value_with('"click_id":null'),
}


UNDECODABLE_VALUES: Final[dict[str, bytes | None]] = {
    "tombstone": None,
    "empty": b"",
    "blank": b" \n",
    "word": b"conversion",
    "not UTF-8": value_of().replace(b"c-1", b"\xff"),
    "overlong UTF-8": value_of().replace(b"c-1", b"\xc0\xaf"),
    "surrogate in UTF-8": value_of().replace(b"c-1", b"\xed\xa0\x80"),
    "UTF-16": value_of().decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + value_of(),
    "lone surrogate escape": value_of().replace(b"c-1", b"\\ud800"),
    "lone low surrogate escape": value_of().replace(b"c-1", b"\\udc00"),
    "raw control character": value_of().replace(b"c-1", b"a\x01b"),
    "NaN": value_with('"payout":NaN'),
    "NaN in an unknown field": value_with('"later":NaN'),
    "Infinity": value_with('"payout":-Infinity'),
    "trailing bytes": value_of() + b"x",
    "two objects": value_of() + value_of(),
    "trailing NUL": value_of() + b"\x00",
    "trailing comma": value_of()[:-1] + b",}",
    "cut short": value_of()[:-1],
    "comment": b"/**/" + value_of(),
    "single quotes": value_of().replace(b'"', b"'"),
    "leading zero": value_with('"payout":01'),
    "plus": value_with('"payout":+1'),
    "nested deeply": value_with('"later":' + "[" * 500 + "]" * 500),
    "nested without end": b"[" * 100_000,
    "too many digits": value_with('"later":' + "1" * 5_000),
}
