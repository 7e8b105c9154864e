"""Who may see the page: sessions, and the limit on wrong tokens.

The rules: a session's name is random and known to this process only; secrets are compared in constant time;
time is an argument.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable
from secrets import token_urlsafe

LIFE_SECONDS = 12 * 3600.0
"""How long an unused session lasts."""

MOST_SESSIONS = 1_000
"""With more, the least recently used one ends."""

MOST_WRONG, WRONG_SECONDS = 5, 60.0
"""After this many wrong tokens from one address within this time, its tokens are not checked."""

MOST_ADDRESSES = 10_000
"""The most addresses whose wrong tokens are remembered."""


class Session:
    """One visitor: the text that its forms must hold, the name it gave, and the note to show next."""

    def __init__(self, now: float) -> None:
        self.csrf = token_urlsafe(32)
        self.who = ""
        self.note = ""
        self.used_at = now

    def is_form_of(self, given: str) -> bool:
        """Whether a form's text belongs to this session."""
        return same(given, self.csrf)

    def take_note(self) -> str:
        """Return the note and clear it."""
        note, self.note = self.note, ""
        return note


class Sessions:
    """The valid sessions, by their random names."""

    def __init__(self, name: Callable[[], str] = lambda: token_urlsafe(32)) -> None:
        self._name = name
        self._known: dict[str, Session] = {}  # in the order of last use

    def begin(self, now: float) -> tuple[str, Session]:
        """Make a session and its name."""
        if len(self._known) >= MOST_SESSIONS:
            del self._known[next(iter(self._known))]
        name, session = self._name(), Session(now)
        self._known[name] = session
        return name, session

    def get(self, name: str | None, now: float) -> Session | None:
        """The session of this name, if it is valid; this counts as use."""
        session = self._known.pop(name, None) if name is not None else None
        if name is None or session is None or now - session.used_at > LIFE_SECONDS:
            return None
        session.used_at = now
        self._known[name] = session
        return session

    def stands(self, name: str | None, session: Session, now: float) -> bool:
        """Whether a session is still valid; this does not count as use."""
        return self._known.get(name or "") is session and now - session.used_at <= LIFE_SECONDS

    def end(self, name: str | None) -> None:
        """End a session, if there is one of this name."""
        if name is not None:
            self._known.pop(name, None)


class WrongTokens:
    """Wrong tokens, by the sender's address."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, address: str, now: float) -> float:
        """Seconds until a token from this address is checked; 0.0 is at once."""
        wrong = self._wrong.get(address)
        if wrong is None or len(wrong) < MOST_WRONG:
            return 0.0
        return max(0.0, wrong[0] + WRONG_SECONDS - now)

    def was_wrong(self, address: str, now: float) -> None:
        """Take note of a wrong token."""
        wrong = self._wrong.pop(address, None) or deque(maxlen=MOST_WRONG)
        wrong.append(now)
        if len(self._wrong) >= MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[address] = wrong


def same(given: str, known: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(given.encode(), known.encode())
