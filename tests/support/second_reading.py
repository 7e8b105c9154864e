"""A second, independent reading of a template: what a request should be, worked out in another way.

The rule: it shares nothing with `worker.core.templates`. It walks over characters where that compiles, and
takes JSON apart where that leaves it as it is; so JSON templates are to be written compactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


class Absent(Exception):
    """What is read is left out."""


class Wrong(Exception):
    """The event is invalid."""


def percent(text: str) -> str:
    """Percent-encode, octet by octet."""
    return "".join(chr(octet) if octet in UNRESERVED else f"%{octet:02X}" for octet in text.encode())


def parts(text: str) -> Iterator[tuple[bool, str]]:
    """Whether it is a macro, and its text or what is in it, one after another."""
    while text:
        literal, brace, rest = text.partition("{")
        if literal:
            yield False, literal
        if brace:
            inside, _, text = rest.partition("}")
            yield True, inside
        else:
            return


class Reading:
    """Reads templates for one event, as the JSON of its record has it."""

    def __init__(self, event: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self._event = event
        self._secrets = secrets

    def target(self, url: str) -> str:
        """Path and query of a URL."""
        rest = url.split("://", 1)[1]
        skeleton, inside = "", []
        for is_macro, text in parts(rest):
            skeleton += "\x00" if is_macro else text
            inside += [text] if is_macro else []
        macros = iter(inside)
        place, _, query = skeleton.partition("?")
        written = place.split("/")[1:]
        segments = [self._filled(segment, macros) for segment in written]
        if any(
            "\x00" in before and now in {".", ".."} for before, now in zip(written, segments, strict=True)
        ):
            raise Wrong
        return "/" + "/".join(segments) + self._query("?", query, macros)

    def form(self, body: str) -> str:
        """A form."""
        skeleton = "".join("\x00" if is_macro else text for is_macro, text in parts(body))
        return self._query("", skeleton, iter([text for is_macro, text in parts(body) if is_macro]))

    def _query(self, mark: str, query: str, macros: Iterator[str]) -> str:
        pairs = []
        for pair in query.split("&") if query else []:
            try:
                pairs.append(self._filled(pair, macros))
            except Absent:
                continue
        return mark + "&".join(pairs) if pairs else ""

    def _filled(self, skeleton: str, macros: Iterator[str]) -> str:
        """A text with a NUL for each macro; all of its macros are taken, whatever becomes of them."""
        taken = [next(macros) for _ in range(skeleton.count("\x00"))]
        for value in self._values(taken):
            skeleton = skeleton.replace("\x00", percent(value), 1)
        return skeleton

    def _values(self, macros: list[str]) -> list[str]:
        """What is sent for macros of one text: where one is left out, no other is looked for."""
        ends: list[type[Exception]] = []
        values = []
        for macro in macros:
            try:
                values.append(self.value(macro))
            except (Absent, Wrong) as end:
                ends.append(type(end))
        if ends:
            raise Absent if Absent in ends else Wrong
        return values

    def _text(self, text: str) -> str:
        """A text with its values as they are."""
        values = iter(self._values([part for is_macro, part in parts(text) if is_macro]))
        return "".join(next(values) if is_macro else part for is_macro, part in parts(text))

    def header(self, text: str) -> str:
        """A header's value."""
        value = self._text(text)
        if value.strip(" ") != value or any(ord(one) < 32 or 127 <= ord(one) < 160 for one in value):
            raise Wrong
        return value

    def json(self, text: str) -> bytes:
        """A body of compact JSON."""
        self._numbers: dict[str, str] = {}
        filled = json.dumps(self._json(json.loads(text)), separators=(",", ":"), ensure_ascii=False)
        for mark, number in self._numbers.items():
            filled = filled.replace(f'"{mark}"', number)
        return filled.encode()

    def _json(self, node: Any) -> Any:
        if isinstance(node, dict):
            return dict(self._kept(node.items()))
        if isinstance(node, list):
            kept = [value for _, value in self._kept(("", value) for value in node)]
            if node and not kept:
                raise Absent
            return kept
        if not isinstance(node, str):
            return node
        if node.startswith("{") and node.endswith(":number}") and node.count("{") == 1:
            mark = f"\ue000{len(self._numbers)}"
            self._numbers[mark] = self.value(node[1:-1])
            return mark
        return self._text(node)

    def _kept(self, members: Any) -> Iterator[tuple[str, Any]]:
        for name, value in members:
            try:
                yield name, self._json(value)
            except Absent:
                continue

    def value(self, macro: str) -> str:
        """What is sent for a macro, before it is encoded."""
        wants_number = macro.endswith(":number")
        macro = macro.removesuffix(":number")
        macro, bar, default = macro.partition("|")
        name, colon, form = macro.partition(":")
        optional = name.endswith("?")
        found = self._found(name.removesuffix("?"))
        if found is None:
            if bar:
                return default
            raise Absent if optional else Wrong
        sent = self._formed(found, form) if colon else found
        if wants_number:
            try:
                is_number = isinstance(json.loads(sent), int | float) and sent == sent.strip()
            except ValueError:
                is_number = False
            if not is_number or "n" in sent.lower():
                raise Wrong
        return sent

    def _found(self, name: str) -> str | None:
        first, _, rest = name.partition(".")
        if first == "secret":
            return self._secrets[rest]
        if first == "attributes":
            return (self._event.get("attributes") or {}).get(rest)
        value = self._event.get(name)
        if name in {"occurred_at", "clicked_at"} and value is not None:
            return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return "USD" if name == "currency" and value is None else value

    def _formed(self, found: str, form: str) -> str:
        if form in {"unix", "unix_ms", "iso"}:
            seconds = int(datetime.fromisoformat(found).timestamp())
            return {"unix": str(seconds), "unix_ms": f"{seconds}000", "iso": found}[form]
        if form == "minor":
            return str(int(found.replace(".", "")))
        if form == "sha256":
            return hashlib.sha256(found.strip().lower().encode()).hexdigest()
        others = None
        for entry in form.split(","):
            value, equals, sent = entry.partition("=")
            if value == "*":
                others = sent if equals else found
            elif value == found:
                return sent
        if others is None:
            raise Wrong
        return others
