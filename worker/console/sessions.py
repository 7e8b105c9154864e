"""Who may see the page: sessions, and how often a wrong token may be given.

The rules: a session is random bytes that nobody can guess, known to this process alone; texts that decide are
compared in constant time; time is an argument.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable
from secrets import token_urlsafe

LIFE_SECONDS = 12 * 3600.0
"""How long a session lasts that nobody uses."""

MOST_SESSIONS = 1_000
"""Of more, the one that was used least lately ends."""

MOST_WRONG, WRONG_SECONDS = 5, 60.0
"""After so many wrong tokens from an address within so many seconds, none of its is looked at."""

MOST_ADDRESSES = 10_000
"""Of so many addresses wrong tokens are remembered."""


class Session:
    """One visitor: the text that its forms must hold, who it says that it is, what it is to be told next."""

    def __init__(self, now: float) -> None:
        self.csrf = token_urlsafe(32)
        self.who = ""
        self.note = ""
        self.used_at = now

    def is_form_of(self, given: str) -> bool:
        """Whether a form was made for this session."""
        return same(given, self.csrf)

    def take_note(self) -> str:
        """What is to be told, once."""
        note, self.note = self.note, ""
        return note


class Sessions:
    """Those that stand, by their random names."""

    def __init__(self, name: Callable[[], str] = lambda: token_urlsafe(32)) -> None:
        self._name = name
        self._known: dict[str, Session] = {}  # that which was used last is the last

    def begin(self, now: float) -> tuple[str, Session]:
        """A new one, and its name."""
        if len(self._known) >= MOST_SESSIONS:
            del self._known[next(iter(self._known))]
        name, session = self._name(), Session(now)
        self._known[name] = session
        return name, session

    def get(self, name: str | None, now: float) -> Session | None:
        """The one of this name, if it stands."""
        session = self._known.pop(name, None) if name is not None else None
        if name is None or session is None or now - session.used_at > LIFE_SECONDS:
            return None
        session.used_at = now
        self._known[name] = session
        return session

    def stands(self, name: str | None, session: Session, now: float) -> bool:
        """Whether this one still does; that uses it not."""
        return self._known.get(name or "") is session and now - session.used_at <= LIFE_SECONDS

    def end(self, name: str | None) -> None:
        """End one, if it stands."""
        if name is not None:
            self._known.pop(name, None)


class Tries:
    """Wrong tokens, by the address that they came from."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, address: str, now: float) -> float:
        """Seconds until a token from this address is looked at; 0.0 where it is at once."""
        wrong = self._wrong.get(address)
        if wrong is None or len(wrong) < MOST_WRONG:
            return 0.0
        return max(0.0, wrong[0] + WRONG_SECONDS - now)

    def was_wrong(self, address: str, now: float) -> None:
        """Hear of a wrong one."""
        wrong = self._wrong.pop(address, None) or deque(maxlen=MOST_WRONG)
        wrong.append(now)
        if len(self._wrong) >= MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[address] = wrong


def same(given: str, known: str) -> bool:
    """Whether two texts are the same, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), known.encode())
