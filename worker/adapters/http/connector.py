"""Opens connections: aiohttp resolves, races addresses and speaks TLS; its sockets keep the egress rule.

The rule: every socket to the partner is made by `guarded_socket`, or by `open_socket` where the operator
permits private addresses or names a proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import uniform
from time import monotonic
from typing import TypeVar

import aiohttp
from aiohttp import TCPConnector

from worker.adapters.egress import guarded_socket, open_socket
from worker.adapters.http.options import SenderOptions
from worker.adapters.http.resolver import AskedNames
from worker.adapters.http.tls import system_tls
from worker.adapters.http.tls_reading import answers_first
from worker.core.answer import Failure, FailureKind

NEVER = float("inf")

SHORT_PAUSE_SECONDS = 1.0
"""Seconds until a lane may try again after this machine had no descriptor for its connection."""

C = TypeVar("C", bound=TCPConnector)


def make_connector(options: SenderOptions, kind: Callable[..., C], names: AskedNames) -> C:
    """Make a connector without a limit of its own: the lanes are the limit."""
    guarded = not (options.allow_private or options.proxy)
    return kind(
        limit=0,
        limit_per_host=0,
        keepalive_timeout=options.idle_seconds,
        ssl=answers_first(options.tls or system_tls()),
        resolver=names,
        socket_factory=guarded_socket if guarded else open_socket,
    )


def retires_at(options: SenderOptions) -> float:
    """When a connection that is opened now serves its last (monotonic time): not all in the same moment."""
    return monotonic() + options.oldest_seconds * uniform(0.5, 1.0)


async def settled(failure: Failure) -> Failure:
    """Return why there is no connection, after a pause if the next try would only fail the same way."""
    if failure.kind is FailureKind.DESCRIPTORS:
        await asyncio.sleep(SHORT_PAUSE_SECONDS)
    return failure


def attempt_timeout(seconds: float) -> aiohttp.ClientTimeout:
    """Bound connecting exactly: aiohttp rounds longer times up to whole seconds unless told otherwise.

    A Sweeper bounds what follows the connect: aiohttp's own `total` costs a timer for each attempt.
    """
    return aiohttp.ClientTimeout(total=None, connect=seconds, ceil_threshold=NEVER)
