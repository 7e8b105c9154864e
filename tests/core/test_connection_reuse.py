"""When connections are kept: not before it is proven, not for a while after it has failed."""

from __future__ import annotations

from worker.core.connection_reuse import (
    CLOSINGS_IN_A_ROW,
    LONGEST_PAUSE_SECONDS,
    PAUSE_SECONDS,
    PROOF_ANSWERS,
    TRIAL_SECONDS,
    WORTHWHILE_ANSWERS,
    ConnectionReuse,
)


def proven() -> ConnectionReuse:
    """One of a partner that keeps connections."""
    reuse = ConnectionReuse()
    assert reuse.keep(0.0, PROOF_ANSWERS)
    return reuse


def test_one_at_first() -> None:
    """Until one has served again, one connection is kept in a while; then all are."""
    reuse = ConnectionReuse()
    assert [reuse.keep(0.0, 1) for _ in range(3)] == [True, False, False]
    assert reuse.keep(TRIAL_SECONDS, 1)
    assert reuse.keep(TRIAL_SECONDS, PROOF_ANSWERS)
    assert reuse.keep(TRIAL_SECONDS, 1)


def test_failed_trial() -> None:
    """A trial that fails begins a pause; after it one connection is tried, and must serve for long."""
    reuse = ConnectionReuse()
    assert reuse.keep(0.0, 1)
    reuse.closed(0.0, 1)
    assert not reuse.keep(PAUSE_SECONDS - 0.1, 1)
    assert [reuse.keep(PAUSE_SECONDS, served) for served in (1, PROOF_ANSWERS, WORTHWHILE_ANSWERS - 1)] == [
        True
    ] * 3
    assert not reuse.keep(PAUSE_SECONDS, 1)
    assert reuse.keep(PAUSE_SECONDS, WORTHWHILE_ANSWERS)
    assert reuse.keep(PAUSE_SECONDS, 1)


def test_few_closings() -> None:
    """Few connections that were not worth keeping change nothing, if one that was comes between."""
    reuse = proven()
    for _ in range(3):
        for _ in range(CLOSINGS_IN_A_ROW - 1):
            reuse.closed(0.0, PROOF_ANSWERS)
        assert reuse.keep(0.0, 1)
        reuse.keep(0.0, WORTHWHILE_ANSWERS)
    reuse.closed(0.0, PROOF_ANSWERS)
    assert reuse.keep(0.0, 1)


def test_closings_in_a_row() -> None:
    """So many in a row begin a pause, which ends all keeping but that of what proves itself."""
    reuse = proven()
    for _ in range(CLOSINGS_IN_A_ROW):
        assert reuse.keep(0.0, 1)
        reuse.closed(0.0, PROOF_ANSWERS)
    assert [reuse.keep(1.0, served) for served in (1, PROOF_ANSWERS, WORTHWHILE_ANSWERS - 1)] == [False] * 3
    assert reuse.keep(1.0, WORTHWHILE_ANSWERS)
    assert reuse.keep(1.0, 1)


def test_worthwhile() -> None:
    """The end of a connection that has served for long means nothing: a partner restarts now and then."""
    reuse = proven()
    for _ in range(1000):
        reuse.closed(0.0, WORTHWHILE_ANSWERS)
    assert reuse.keep(0.0, 1)


def test_pauses_grow() -> None:
    """Each failed trial doubles the pause up to a bound, many failures at once are one; a proof resets it."""
    reuse, now, pauses = ConnectionReuse(), 0.0, []
    for _ in range(8):
        assert reuse.keep(now, 1)
        for _ in range(256):
            reuse.closed(now, 1)
        began = now
        while not reuse.keep(now, 1):
            now += TRIAL_SECONDS
        pauses.append(now - began)
        now += TRIAL_SECONDS
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, *[LONGEST_PAUSE_SECONDS] * 3]
    assert reuse.keep(now, WORTHWHILE_ANSWERS)
    for _ in range(CLOSINGS_IN_A_ROW):
        reuse.closed(now, 1)
    assert not reuse.keep(now + PAUSE_SECONDS - TRIAL_SECONDS, 1)
    assert reuse.keep(now + PAUSE_SECONDS, 1)
