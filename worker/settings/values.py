"""Reads one setting from text, and shows it again.

The rule: a message says what is wrong and what would be right, and never repeats a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.currency import CURRENCY_RULE, DECIMALS
from schemas.moment import parse_time
from worker.core.body_pattern import BodyPattern
from worker.core.place import Place
from worker.core.retry import Tier
from worker.core.statuses import Listed
from worker.core.unreadable import parse_place

EARLIEST, LATEST = "earliest", "latest"

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_SECONDS = 3650 * UNITS["d"]

BYTE_UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

LEAST_BYTES = 1_000_000

_BYTES = re.compile(r"(0|[1-9][0-9]{0,14})(|kB|MB|GB|KiB|MiB|GiB)")
_DURATION = re.compile(r"(0|[1-9][0-9]*)(ms|s|m|h|d)")


@dataclass(frozen=True)
class ValueKind:
    """A kind of value: its name in the reference, and how it is shown."""

    name: str
    show: Callable[[Any], str] = str


def parse_duration(text: str) -> float:
    """Read `500ms`, `10s`, `5m`, `2h` or `30d` as seconds; raise ValueError otherwise."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a whole number with a unit: 500ms, 10s, 5m, 2h or 30d")
    seconds = int(match[1]) * UNITS[match[2]]
    if seconds > LONGEST_SECONDS:
        raise ValueError("must be at most 3650d")
    return seconds


def format_duration(seconds: float) -> str:
    """Write seconds with the largest unit that divides them; one day is `24h`."""
    milliseconds = round(seconds * 1000)
    for unit in ("d", "h", "m", "s"):
        whole, rest = divmod(milliseconds, round(UNITS[unit] * 1000))
        if whole > (1 if unit == "d" else 0) and not rest:
            return f"{whole}{unit}"
    return f"{milliseconds}ms"


def parse_bytes(text: str) -> int:
    """Read `64MB`, `1GiB` or a plain number of bytes; raise ValueError otherwise."""
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "must be a whole number of bytes, or one with a unit: 512kB, 64MB, 1GB, 64MiB or 1GiB"
        )
    return int(match[1]) * BYTE_UNITS[match[2]]


def format_bytes(count: int) -> str:
    """Write bytes with the largest unit that divides them."""
    dividing = (unit for unit, size in BYTE_UNITS.items() if unit and count and not count % size)
    unit = max(dividing, key=BYTE_UNITS.__getitem__, default="")
    return f"{count // BYTE_UNITS[unit]}{unit}"


def _bytes(value: object) -> object:
    return parse_bytes(value) if isinstance(value, str) else value


def _enough_bytes(count: int) -> int:
    if count < LEAST_BYTES:
        raise ValueError(f"must be at least {format_bytes(LEAST_BYTES)}")
    return count


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _words(value: object) -> object:
    """Split a comma-separated list; return other types unchanged."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",")] if value.strip() else []


def absent(value: object) -> object:
    """Turn an empty text into None: the setting is not given."""
    return None if isinstance(value, str) and not value.strip() else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("must be longer than zero")
    return seconds


def _tiers(value: object) -> object:
    """Parse `10s,1m` as tiers, with labels as written."""
    words = _words(value)
    if not isinstance(words, list):
        return words
    tiers = tuple(Tier(word, _positive(parse_duration(word))) for word in words)
    if not tiers:
        raise ValueError("must name at least one delay, such as 10s,1m,5m")
    for shorter, longer in pairwise(tiers):
        if longer.seconds <= shorter.seconds:
            raise ValueError(f"must rise: {longer.label} comes after {shorter.label}")
    return tiers


def _statuses(value: object) -> object:
    words = _words(value)
    if not isinstance(words, list):
        return words
    words = [word.lower() for word in words]
    if not all(re.fullmatch(r"[1-9][0-9]{2}|[2-5]xx", word) for word in words):
        raise ValueError(
            "must be HTTP statuses from 100 to 999, or classes from 2xx to 5xx, with commas between several: "
            "200,204 or 2xx"
        )
    return frozenset(int(word) if word.isdigit() else word for word in words)


def _set_of_words(value: object) -> object:
    words = _words(value)
    return frozenset(words) if isinstance(words, list) else words


def _currencies(codes: frozenset[str]) -> frozenset[str]:
    wrong = sorted(codes - DECIMALS.keys())
    if wrong:
        raise ValueError(f"each {CURRENCY_RULE}, with commas between several; {wrong[0]!r} is none")
    return codes


def _body_pattern(value: object) -> object:
    if not isinstance(value, str):
        return value
    return BodyPattern(value) if value else None


def _not_of_nothing(pattern: BodyPattern | None) -> BodyPattern | None:
    if pattern is not None and pattern.is_in(b""):
        raise ValueError(
            "matches an empty body, so every answer without a body would count: it must match something, "
            "such as already recorded"
        )
    return pattern


def _start_point(text: str) -> str:
    word = text.strip().lower()
    if word in {EARLIEST, LATEST}:
        return word
    if parse_time(text.strip()) is None:
        raise ValueError("is earliest, latest, or a time such as 2026-01-31T00:00:00Z")
    return text.strip()


def matching(pattern: str, what: str) -> AfterValidator:
    """Make a check that the whole text matches; `what` completes the sentence "must be …"."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)


def _places(value: object) -> object:
    words = _words(value)
    return frozenset(parse_place(word) for word in words) if isinstance(words, list) else words


def _show_list(values: Iterable[object]) -> str:
    return ",".join(str(value) for value in values)


Duration = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    BeforeValidator(_duration),
    ValueKind("duration", format_duration),
]
Bytes = Annotated[
    int, BeforeValidator(_bytes), AfterValidator(_enough_bytes), ValueKind("bytes", format_bytes)
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Delays = Annotated[
    tuple[Tier, ...],
    BeforeValidator(_tiers),
    ValueKind("durations, rising", lambda tiers: _show_list(tier.label for tier in tiers)),
]
Statuses = Annotated[
    Listed,
    BeforeValidator(_statuses),
    ValueKind("HTTP statuses and classes", lambda statuses: _show_list(sorted(statuses, key=str))),
]
Currencies = Annotated[
    frozenset[str],
    BeforeValidator(_set_of_words),
    AfterValidator(_currencies),
    ValueKind("currency codes", lambda codes: _show_list(sorted(codes))),
]
Pattern = Annotated[
    BodyPattern | None,
    BeforeValidator(_body_pattern),
    ValueKind("regular expression", lambda pattern: pattern.text if pattern else ""),
]
PatternOfSomething = Annotated[Pattern, AfterValidator(_not_of_nothing)]
File = Annotated[
    Path | None, BeforeValidator(absent), ValueKind("file", lambda path: "" if path is None else str(path))
]
Folder = Annotated[
    Path | None, BeforeValidator(absent), ValueKind("folder", lambda path: "" if path is None else str(path))
]
Flag = Annotated[bool, ValueKind("boolean", lambda flag: str(flag).lower())]
Rate = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | None,
    BeforeValidator(absent),
    ValueKind("number", lambda rate: "" if rate is None else f"{rate:.15g}"),
]
TopicName = Annotated[
    str,
    matching(r"(?!\.\.?$)[A-Za-z0-9._-]{1,249}", "1 to 249 of letters, digits, . _ and -"),
    ValueKind("topic name"),
]
Label = Annotated[
    str, matching(r"[A-Za-z0-9._-]{1,64}", "1 to 64 of letters, digits, . _ and -"), ValueKind("label")
]
Places = Annotated[
    frozenset[Place],
    BeforeValidator(_places),
    ValueKind("topic/partition/offset list", lambda places: _show_list(sorted(places))),
]
StartPoint = Annotated[
    str, AfterValidator(_start_point), ValueKind("`earliest`, `latest` or RFC 3339 time", str)
]
Lower = BeforeValidator(_lower)
