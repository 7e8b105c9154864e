"""Binds offsets to the log and the deployment that they belong to.

The rule: an offset means nothing without its log. A topic that was deleted and made again, or copied to
another cluster, is another log, though its name is the same.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

MARK_BYTES = 8
UNKNOWN = bytes(MARK_BYTES)
"""The mark of an unknown part."""


class LogId(NamedTuple):
    """The broker's ids of a topic's log; None if unknown."""

    cluster: str | None = None
    topic_id: str | None = None


class Identity(NamedTuple):
    """A deployment: the names of the topic that it reads and the destination that it sends to."""

    source: str
    destination: str


class Binding(NamedTuple):
    """A log and the deployment that works on it; without an identity, any deployment counts as ours."""

    log: LogId
    identity: Identity | None = None


class BindingMarks(NamedTuple):
    """A binding as it is written: MARK_BYTES for each part, UNKNOWN for unknown ones."""

    cluster: bytes
    topic: bytes
    identity: bytes


@lru_cache(maxsize=1024)
def marks_of(binding: Binding) -> BindingMarks:
    """Return the marks of a binding; different bindings have different marks."""
    (cluster, topic_id), identity = binding
    name = (
        None if identity is None else f"{identity.source} {identity.destination}"
    )  # topic names have no spaces
    return BindingMarks(_mark(cluster), _mark(topic_id), _mark(name))


def _mark(text: str | None) -> bytes:
    return UNKNOWN if text is None else blake2b(text.encode(), digest_size=MARK_BYTES).digest()
