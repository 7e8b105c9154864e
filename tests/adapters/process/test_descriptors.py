"""The limit of open files, and what is kept of it: each test alone in a process, so nobody else opens any."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import resource
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from worker.adapters.egress import open_socket
from worker.adapters.process.descriptors import (
    KAFKA_DESCRIPTORS_PER_SERVER,
    SPARE_DESCRIPTORS,
    TooFewDescriptors,
    are_short,
    limit,
    new_socket,
    raise_limit,
    room_for_requests,
    too_many_requests,
)
from worker.adapters.refusals import watch_refusals
from worker.core.answer import FailureKind

TCP = (socket.AF_INET, socket.SOCK_STREAM, 0)


def alone(test: Callable[[], None]) -> Callable[[], None]:
    """Run the test in a new process: no other test's files, threads or limits are there."""

    @functools.wraps(test)
    def in_a_process() -> None:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            process.submit(run_here, test.__name__).result(60)

    return in_a_process


def run_here(test: str) -> None:
    """Run what `alone` has wrapped."""
    globals()[test].__wrapped__()


def in_use() -> int:
    """How many are open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def allow(more: int) -> None:
    """Let so many more be open above the highest: none of the last numbers is taken yet.

    A process inherits the pipes to its parent at the numbers that they had there.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    highest = max(int(file.name) for file in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + more, hard))


def open_all(stack: ExitStack, make: Callable[[int, int, int], socket.socket]) -> OSError:
    """Open sockets until that fails; return why it did."""
    try:
        while True:
            stack.enter_context(make(*TCP))
    except OSError as error:
        return error


@alone
def test_requests_leave_some() -> None:
    """Sockets for requests are refused while some descriptors are left, which others can open."""
    allow(SPARE_DESCRIPTORS + 40)
    with ExitStack() as stack:
        refused = open_all(stack, new_socket)
        assert isinstance(refused, TooFewDescriptors)
        before = in_use()
        assert open_all(stack, socket.socket).errno == errno.EMFILE
        raise_limit()
        assert SPARE_DESCRIPTORS - 2 <= in_use() - before <= SPARE_DESCRIPTORS
    new_socket(*TCP).close()


@alone
def test_none_is_left() -> None:
    """Where none is left that is told as well, and seen by who wonders why a name was not found."""
    allow(40)
    with ExitStack() as stack:
        open_all(stack, socket.socket)
        assert are_short()
        with pytest.raises(TooFewDescriptors, match=r"files may be open \(ulimit -n\)"):
            new_socket(*TCP)
    assert not are_short()


@alone
def test_who_watches_hears_of_it() -> None:
    """A socket that is refused is told to the attempt that it was for."""
    allow(SPARE_DESCRIPTORS + 2)
    with ExitStack() as stack:
        open_all(stack, new_socket)  # numbers that were free below the limit are taken as well
        refusals = watch_refusals()
        with pytest.raises(TooFewDescriptors):
            open_socket((*TCP, "", ("192.0.2.1", 80)))
    (failure,) = refusals
    assert failure.kind is FailureKind.DESCRIPTORS
    assert failure.error.startswith(f"too few descriptors: {limit()} files may be open")


def test_another_error() -> None:
    """What else is wrong with a socket stays what it is."""
    with pytest.raises(OSError, match="not supported"):
        new_socket(socket.AF_INET, socket.SOCK_STREAM, 250)


@alone
def test_the_soft_limit_is_raised() -> None:
    """The soft limit becomes the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    allow(30)
    raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


@alone
def test_room() -> None:
    """Each server of Kafka takes some of the room, and one request always fits."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    assert 0 < room_for_requests(1) < 500 - in_use() - SPARE_DESCRIPTORS
    assert room_for_requests(1) - room_for_requests(4) == 3 * KAFKA_DESCRIPTORS_PER_SERVER
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use() + 10, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    assert room_for_requests(1) == 1


@alone
def test_the_warning() -> None:
    """What does not fit is said with the numbers and with what would be right."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    assert too_many_requests([256], 40) == (
        "POSTBACK_DESTINATION__CONCURRENCY is 256, but of 500 descriptors (ulimit -n) 40 are left for"
        " requests: no more are in flight; raise the limit to 716 or more"
    )


@alone
def test_the_warning_of_several() -> None:
    """What several destinations want is no setting's value: it is said as what theirs come to."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    assert too_many_requests([256, 64], 40) == (
        "the CONCURRENCY of 2 destinations comes to 320, but of 500 descriptors (ulimit -n) 40 are left for"
        " requests: each has its share of them in flight; raise the limit to 780 or more"
    )
