"""How many files and sockets the process may have open, and how many are left for requests.

The rule: requests never take the last SPARE_DESCRIPTORS, which are for `/livez` and `/metrics`, Kafka's
connections and name resolution.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SPARE_DESCRIPTORS = 16
"""Descriptors that no request takes."""

KAFKA_DESCRIPTORS, KAFKA_DESCRIPTORS_PER_SERVER = 31, 16
"""Descriptors that Kafka's clients open once they have joined: in all, plus for each server."""

DESTINATION_DESCRIPTORS, DESTINATION_DESCRIPTORS_PER_SERVER = 18, 8
"""What each destination beyond the first adds, for the clients of its two groups and its journal."""

_MOST_DESCRIPTORS = 10_240  # what macOS grants if its hard limit says "unlimited", which it refuses
_SHORT = frozenset({errno.EMFILE, errno.ENFILE})


def limit() -> int:
    """How many may be open at the same time."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def raise_limit() -> None:
    """Raise the soft limit to the hard one (`ulimit -Hn`), if the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for wanted in (hard, _MOST_DESCRIPTORS):
        with suppress(ValueError, OSError):
            if wanted == hard or wanted > limit():
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return


def room_for_requests(kafka_servers: int, destinations: int = 1) -> int:
    """How many connections to all partners fit beside those that Kafka will need; one at least."""
    in_use = sum(1 for _ in Path("/dev/fd").iterdir()) - 1  # the listing itself has one open
    more = (destinations - 1) * (DESTINATION_DESCRIPTORS + DESTINATION_DESCRIPTORS_PER_SERVER * kafka_servers)
    kafka = KAFKA_DESCRIPTORS + KAFKA_DESCRIPTORS_PER_SERVER * kafka_servers + more
    return max(1, limit() - in_use - kafka - SPARE_DESCRIPTORS)


class TooFewDescriptors(OSError):
    """A socket could not be made because of the process's or the system's limit of open files."""

    def __init__(self, number: int) -> None:
        super().__init__(number, shortage())


def new_socket(family: int, kind: int, protocol: int) -> socket.socket:
    """Make a socket for a request; raise TooFewDescriptors if it would take one of SPARE_DESCRIPTORS."""
    try:
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        if error.errno in _SHORT:
            raise TooFewDescriptors(error.errno) from error
        raise
    if (
        made.fileno() < limit() - SPARE_DESCRIPTORS
    ):  # the lowest number that is free: so many are open, at least
        return made
    made.close()
    raise TooFewDescriptors(errno.EMFILE)


def are_short() -> bool:
    """Whether no descriptor is left; the resolver reports that as a name not found."""
    try:
        os.close(os.dup(0))
    except OSError as error:
        return error.errno in _SHORT
    return False


def shortage() -> str:
    """The error line, with what to do."""
    return (
        f"too few descriptors: {limit()} files may be open (ulimit -n); raise the limit,"
        " or lower POSTBACK_DESTINATION__CONCURRENCY"
    )


def too_many_requests(wanted: Sequence[int], room: int) -> str:
    """The warning that fewer requests fit than the destinations want, which `wanted` lists."""
    most, in_all = limit(), sum(wanted)
    if len(wanted) == 1:
        what, so = f"POSTBACK_DESTINATION__CONCURRENCY is {in_all}", "no more are in flight"
    else:
        what = f"the CONCURRENCY of {len(wanted)} destinations comes to {in_all}"
        so = "each has its share of them in flight"
    return (
        f"{what}, but of {most} descriptors (ulimit -n) {room} are left for requests: {so};"
        f" raise the limit to {most + in_all - room} or more"
    )
