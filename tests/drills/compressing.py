"""Rules and queries with all their durations divided by one number: an hour's alert fires within a minute.

The rule: what is held is the rules file itself, and never a copy: what is no duration stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNIT_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)([smhd])")
_RANGE = re.compile(r"(?<=\})\[([^\]]+)\]")
_LIMIT = re.compile(r"(_seconds(?::max)?\{[^}]*\}\s*\)?\s*[<>]\s*)(\d+)\b")
"""A number that a metric in seconds is held against."""


def duration(text: str, factor: int) -> str:
    """A duration such as `5m`, divided; raise ValueError where it is none of one unit."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration of one unit, such as 5m")
    return f"{round(int(found[1]) * _UNIT_SECONDS[found[2]] * 1000 / factor)}ms"


def query(text: str, factor: int) -> str:
    """A query with its ranges divided, and the numbers that metrics in seconds are held against."""
    ranged = _RANGE.sub(lambda found: f"[{duration(found[1], factor)}]", text)
    return _LIMIT.sub(lambda found: f"{found[1]}{int(found[2]) / factor:g}", ranged)


def rule(of: Mapping[str, Any], factor: int) -> dict[str, Any]:
    """A rule that is as it was, but for its durations."""
    waits = {"for": duration(of["for"], factor)} if "for" in of else {}
    return {**of, "expr": query(of["expr"], factor), **waits}


def rules(document: Mapping[str, Any], factor: int) -> dict[str, Any]:
    """A whole file of rules."""
    groups = [
        {**group, "rules": [rule(one, factor) for one in group["rules"]]} for group in document["groups"]
    ]
    return {"groups": groups}
