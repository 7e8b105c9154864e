"""Edits dead letters before they are replayed: sets fields in each, or takes the lines of an edited export.

The rule: the event id is never edited, because it identifies the conversion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from worker.ops.dead_letters import place_of
from worker.ops.errors import CannotDo, WrongUsage

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.ops.partition_offsets import PartitionOffset

EVENT_ID = "event_id"
ATTRIBUTE = "attributes."
NOTHING = "nothing was replayed"

Revise = Callable[["DeadLetter"], bytes | None]
"""Returns the value that a dead letter is replayed with."""


class EditedLine(NamedTuple):
    """A line of an edited export: its number, and the ids that stand beside its value."""

    number: int
    ids: tuple[str | None, str | None]


class Edit(NamedTuple):
    """How to edit letters; if by a file `name`, `lines` has the line of each letter by its place."""

    revise: Revise
    lines: Mapping[PartitionOffset, EditedLine] | None = None
    name: str = ""
    digest: str = ""
    """The digest of the file."""

    def where(self, letter: DeadLetter) -> str:
        """How an error names a letter."""
        if self.lines is None:
            return f"dead letter {place_of(letter)}"
        return f"{self.name}, line {self.lines[letter.partition, letter.offset].number}"

    def wrong_lines(self, letters: Iterable[DeadLetter]) -> Iterator[str]:
        """An error for each line without a letter at the broker, or with another event id than its letter.

        Also where the ids beside its value were edited: the value alone is sent.
        """
        from schemas.dead_letter import fields_of

        left = dict(self.lines or {})
        for letter in letters:
            line = left.pop((letter.partition, letter.offset), None)
            kept = fields_of(self.revise(letter)).get(EVENT_ID)
            if letter.event_id is not None and letter.event_id != kept:
                yield f"{self.where(letter)}: event_id must stay {letter.event_id}"
            elif line is not None and line.ids != ids_beside(letter):
                yield f"{self.where(letter)}: only `value` is sent: edit the ids within it, not beside it"
        for (partition, offset), line in left.items():
            yield f"{self.name}, line {line.number}: there is no dead letter at {partition}/{offset}"


def ids_beside(letter: DeadLetter) -> tuple[str | None, str | None]:
    """The event id and the click id that an export tells beside the value, for the reader."""
    return letter.event_id, letter.click_id


def as_it_is(letter: DeadLetter) -> bytes | None:
    """Leave a letter's value as it is."""
    return letter.value


def id_of(letter: DeadLetter, revise: Revise) -> str | None:
    """The event id of a letter, or the one that it is edited to have; None without either."""
    if letter.event_id is not None or revise is as_it_is:
        return letter.event_id
    from schemas.dead_letter import event_id_of, fields_of

    return event_id_of(fields_of(revise(letter)))


def setting(pairs: Sequence[str]) -> Edit | None:
    """Set fields, each as `FIELD=VALUE`; an empty value removes one; None without any. Raises WrongUsage."""
    wanted = dict(map(_pair, pairs))
    if not wanted:
        return None

    def revise(letter: DeadLetter) -> bytes | None:
        from schemas.dead_letter import fields_of

        fields = fields_of(letter.value)
        if not fields:  # not a JSON object: there are no fields to set
            return letter.value
        for name, text in wanted.items():
            _set(fields, name, text)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    return Edit(revise)


def editable() -> list[str]:
    """The fields that may be set, besides `attributes.NAME`."""
    from schemas import ConversionEvent

    return [
        name for name in ConversionEvent.model_fields if name not in {EVENT_ID, ATTRIBUTE.removesuffix(".")}
    ]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    is_attribute = name.startswith(ATTRIBUTE) and name != ATTRIBUTE
    if not equals or not (name in editable() or is_attribute):
        known = ", ".join([*editable(), f"{ATTRIBUTE}NAME"])
        kept = "the event id stays: by it the conversion is known" if name == EVENT_ID else ""
        raise WrongUsage([kept or f"{text!r} is not FIELD=VALUE, such as payout=49.99; fields are {known}"])
    return name, value


def _set(fields: dict[str, object], name: str, text: str) -> None:
    """Set a field or an attribute of an event; remove it if the text is empty."""
    if name.startswith(ATTRIBUTE):
        found = fields.get(ATTRIBUTE.removesuffix("."))
        fields, name = _attributes(fields, found), name.removeprefix(ATTRIBUTE)
    if text:
        fields[name] = text
    else:
        fields.pop(name, None)


def _attributes(fields: dict[str, object], found: object) -> dict[str, object]:
    attributes: dict[str, object] = dict(found) if isinstance(found, dict) else {}
    fields[ATTRIBUTE.removesuffix(".")] = attributes
    return attributes


def read_edited(stream: BinaryIO, name: str, topic: str) -> Edit:
    """Read the lines of an edited export of a dead-letter topic; raise CannotDo with all bad ones."""
    from worker.ops.checking import MOST_SHOWN_LINES, told_of
    from worker.ops.jsonl import lines

    values: dict[PartitionOffset, bytes | None] = {}
    found: dict[PartitionOffset, EditedLine] = {}
    digest = blake2b(digest_size=16)
    wrong = []
    for line in lines(stream):
        digest.update(line.value + b"\n")
        try:
            letter = _letter(line.value, topic, found)
        except ValueError as error:
            wrong.append(f"{name}, {line}: {error}")
            continue
        place = letter.partition, letter.offset
        values[place], found[place] = letter.value, EditedLine(line.number, ids_beside(letter))
    if wrong:
        raise CannotDo(told_of(wrong[:MOST_SHOWN_LINES], len(wrong) - MOST_SHOWN_LINES), NOTHING)
    return Edit(
        lambda letter: values.get((letter.partition, letter.offset), letter.value),
        found,
        name,
        digest.hexdigest(),
    )


def _letter(text: bytes, topic: str, before: Mapping[PartitionOffset, EditedLine]) -> DeadLetter:
    """Read one line; raise ValueError with the field that is wrong."""
    from pydantic import ValidationError

    from schemas import DeadLetter

    try:
        letter = DeadLetter.from_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the line"
        raise ValueError(f"{field}: {first['msg']}; it must be a line of `dlq export`") from error
    if letter.topic != topic:
        raise ValueError(f"topic: is {letter.topic}, not {topic}")
    line = before.get((letter.partition, letter.offset))
    if line is not None:
        raise ValueError(f"offset: is the letter of line {line.number} again")
    return letter
