"""What every test may ask for, and how the suite runs: loops of one thread, no outside settings.

`POSTBACK_TEST_BOOTSTRAP=host:port` runs the Kafka tests on a broker that is there;
`POSTBACK_TEST_LOOP=uvloop` runs the suite on uvloop. With `CI` set, tests that can't run fail.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping

import pytest
from hypothesis import HealthCheck, settings

from tests.support.kafka import WITHIN, Names
from tests.support.needed import IN_CI, needs_kafka
from tests.support.one_thread import LOOPS
from tests.support.process_state import ProcessState
from tests.support.shared_broker import SharedBroker

BOOTSTRAP = os.environ.get("POSTBACK_TEST_BOOTSTRAP")
LOOP = os.environ.get("POSTBACK_TEST_LOOP", "asyncio")
SHARED = pytest.StashKey[SharedBroker]()
THREADS_LEFT = "threads left"
MOMENT_SECONDS = 0.3
WAITS_FOR_THE_BROKER = (
    "adapters.kafka.committed_offsets.TIMEOUT_SECONDS",
    "adapters.kafka.control_follower.ASK_TIMEOUT_SECONDS",
    "adapters.kafka.journal_client.ASK_TIMEOUT_SECONDS",
    "adapters.kafka.message_limits.TIMEOUT_SECONDS",
    "adapters.kafka.metadata.TIMEOUT_SECONDS",
    "adapters.kafka.offset_commits.REACH_TIMEOUT_SECONDS",
    "adapters.kafka.rights.TIMEOUT_SECONDS",
    "adapters.kafka.topic_ids.TIMEOUT_SECONDS",
    "adapters.kafka.topic_refresh.TIMEOUT_SECONDS",
    "runner.copies_cache.LAST_WRITE_SECONDS",
)
"""How long a worker waits for the broker's answers. A thread that asks librdkafka can't be interrupted."""

# The developer's own settings of the worker must not reach the tests, nor the programs that they start.
for name in [name for name in os.environ if name.startswith("POSTBACK_")]:
    del os.environ[name]

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a loop that is none."""
    if LOOP not in LOOPS:
        raise pytest.UsageError(f"POSTBACK_TEST_LOOP is one of {', '.join(LOOPS)}, not {LOOP!r}")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Make loops of the kind that was asked for."""
    return {LOOP: LOOPS[LOOP]}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have Kafka ready, and that of the session at work, before the clock of a test that needs it runs."""
    if item.get_closest_marker("kafka"):
        shared = item.session.stash.setdefault(SHARED, SharedBroker(BOOTSTRAP))
        shared.make_ready(to_start="kafka" in getattr(item, "fixturenames", ()))
    return (yield)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a real Kafka, one for the whole session."""
    with needs_kafka(), request.session.stash[SHARED] as broker:
        yield broker.bootstrap


@pytest.fixture
def names() -> Names:
    """A topic and a group that no other test uses."""
    return Names.fresh()


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no broker answers, have each question given up after a moment, so that its thread ends soon."""
    for name in WAITS_FOR_THE_BROKER:
        monkeypatch.setattr(f"worker.{name}", MOMENT_SECONDS)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each question wait as long as a test does: a broker that stands still for seconds refuses none."""
    for name in WAITS_FOR_THE_BROKER:
        monkeypatch.setattr(f"worker.{name}", WITHIN)


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Have SIGINT and SIGHUP reach the programs that a test starts, though it runs in the background."""
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, hang_up)


@pytest.fixture(autouse=True)
def process_as_it_was(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Give back what the test changed of the process that all share; note the threads of its that go on."""
    before = ProcessState.now()
    yield
    before.give_back()
    if left := before.threads_left():
        record_property(THREADS_LEFT, ", ".join(left))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that began threads which went on when they had ended."""
    reports = [
        one for kind in terminalreporter.stats.values() for one in kind if hasattr(one, "user_properties")
    ]
    told = {
        (one.nodeid, text) for one in reports for name, text in one.user_properties if name == THREADS_LEFT
    }
    for nodeid, names in sorted(told):
        terminalreporter.write_line(f"{nodeid} left threads behind: {names}")
