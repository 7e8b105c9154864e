"""Both transports, in the clear and over TLS, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import trustme

from tests.adapters.http.world import Transport, World
from tests.support.certificates import ClientFiles
from tests.support.one_thread import LOOPS


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]] | None:
    """Run what depends on a loop's transports on both loops, and the rest on the suite's."""
    if item.path.stem in {
        "test_contract",
        "test_hostile",
        "test_bodies",
        "test_odd_heads",
        "test_connections",
        "test_kept",
        "test_tls",
        "test_tls_files",
        "test_tls_with_files",
        "test_write_batch",
    }:
        return LOOPS
    return None


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signed the partner's certificate."""
    return trustme.CA()


@pytest.fixture(params=["direct", "session"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """The transport under test."""
    chosen: Transport = request.param
    return chosen


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    """How the partner is spoken to."""
    return str(request.param)


@pytest.fixture
async def world(transport: Transport, scheme: str, authority: trustme.CA) -> AsyncIterator[World]:
    """Partners and senders of one test; nothing of them may be left at its end."""
    async with World(transport, scheme, authority) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> ClientFiles:
    """The files of a client that the partners believe, and that believes them."""
    return ClientFiles(tmp_path, authority)
