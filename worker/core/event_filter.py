"""Which conversions are meant: by the fields of the event, and by what a tier's headers say of them.

The rule: each field that is named must have exactly this value; bytes that are no JSON object match nothing.
A filter that names nothing matches everything, so whoever ends something by one asks for a name first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas import BadRecord, WorkerHeaders, json_object
from worker.core.record import Headers

FIELDS = ("event_id", "click_id", "order_id", "offer_id", "affiliate_id", "network", "event")
"""What may be asked of the event itself."""

FROM_HEADERS = ("reason", "status")
"""What may be asked of the last attempt: of records that wait in a tier."""

_ESCAPE = b"\\"


class EventFilter(NamedTuple):
    """What a conversion must be: pairs of a name and a value, in the order of the names above."""

    wanted: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, str | None]) -> EventFilter:
        """Make one of names and values, without those that are None; raise ValueError for an unknown name."""
        unknown = named.keys() - {*FIELDS, *FROM_HEADERS}
        if unknown:
            raise ValueError(f"no event is told by {', '.join(sorted(unknown))}")
        found = ((name, named.get(name)) for name in (*FIELDS, *FROM_HEADERS))
        return cls(tuple((name, value) for name, value in found if value is not None))

    def matches(self, value: bytes | None, headers: Headers, *, on_tier: bool) -> bool:
        """Whether a record of the source, or of a tier, is meant; never raises, whatever the bytes.

        The headers of the source's records are not asked: they are their producer's.
        """
        if not all(_may_be_in(text, value) for name, text in self.wanted if name in FIELDS):
            return False
        return self._by_headers(headers, on_tier=on_tier) and self._by_fields(value)

    def __str__(self) -> str:
        """Say it as it is typed: `--offer-id 7 --event sale`."""
        return " ".join(f"--{name.replace('_', '-')} {text}" for name, text in self.wanted) or "everything"

    def _by_headers(self, headers: Headers, *, on_tier: bool) -> bool:
        asked = [(name, text) for name, text in self.wanted if name in FROM_HEADERS]
        if not asked:
            return True
        if not on_tier:
            return False
        told = WorkerHeaders.read(headers)
        return all(str(getattr(told, name)) == text for name, text in asked)

    def _by_fields(self, value: bytes | None) -> bool:
        asked = [(name, text) for name, text in self.wanted if name in FIELDS]
        if not asked:
            return True
        try:
            fields = json_object(value)
        except BadRecord:
            return False
        return all(fields.get(name) == text for name, text in asked)


def _may_be_in(text: str, value: bytes | None) -> bool:
    """Whether JSON may hold it, without parsing: what has an escape is looked into, whatever its bytes."""
    return value is not None and (text.encode() in value or _ESCAPE in value)
