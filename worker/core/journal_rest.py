"""Why nothing of a partition is sent while its journal is not read: not yet, or because it can't be."""

from __future__ import annotations

from typing import NamedTuple


class JournalRest(NamedTuple):
    """The reason as a line, and whether the journal can't be read, rather than is not read yet."""

    why: str
    is_unreadable: bool = True


WARMING = JournalRest("what its journal tells is not read yet", is_unreadable=False)
"""Why a newly assigned partition rests."""
