"""Everything around a group of workers on a broker that is there: topics, partners, samplers, logs.

The rule: whatever happens, every process that was started here has ended when the world is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos import networks
from tests.chaos.checker import cover
from tests.chaos.evidence import Evidence
from tests.chaos.fleet import DRAIN, READY_WITHIN, TIMEOUT, WORKER, Fleet, Worker, settings_of_one
from tests.chaos.generator import Generator
from tests.chaos.logs import COMMITTED, DEEDS, Asked, Committed, Log, read_log
from tests.chaos.network import Network, lag_of
from tests.chaos.round_trips import RoundTrips
from tests.chaos.sampler import EVERY
from tests.support.kafka import WITHIN, Names, create_topics, wait_until
from worker.settings.values import parse_duration


class World:
    """A context manager.

    `settings` are the workers' over those of `fleet`, without the prefix; an empty one takes a setting away,
    and `{slot}` in one is the number of the worker's slot.
    `patience` in seconds is how long it is waited for what should come.
    `several` are the names of its destinations, of `networks`; without any it has the single one.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        *,
        partitions: int = 4,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] = WORKER,
        seed: int = 0,
        patience: float = WITHIN,
        several: Collection[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.bootstrap = bootstrap
        self.folder = folder
        self.names = Names.fresh("chaos")
        self.partitions = partitions
        self.deeds = Log(folder / DEEDS)
        given = settings or {}
        self.timeout = parse_duration(given.get("DESTINATION__TIMEOUT", f"{TIMEOUT:g}s"))
        """How long a request of its workers may take, in seconds."""
        self.drain = parse_duration(given.get("DRAIN_TIMEOUT", f"{DRAIN:g}s"))
        """How long a drain of theirs may take, in seconds."""
        self._seed = seed
        self._patience = patience
        self._stack = ExitStack()
        self.networks = [
            Network(bootstrap, folder, self.names, name, partial(_wants, name, several))
            for name in several or ("",)
        ]
        self._first = self.networks[0]
        own = settings_of_one(self._first.port) if not several else _settings_of_all(self.networks)
        common = {
            "KAFKA__TOPIC": self.names.topic,
            "KAFKA__GROUP_ID": self.names.group,
            "JOURNAL__CACHE_DIR": str(folder / "cache"),
        }
        self.fleet = Fleet(bootstrap, {**common, **own}, folder, given, program)
        self.generator = Generator(bootstrap, self.names.topic, folder, seed=seed)
        self.stream = self.generator
        """The load, once there is one."""
        self.published: list[str] = []

    @property
    def kinds(self) -> dict[str, str]:
        """The topics in which an event's records lie, and what each is."""
        return self._first.kinds

    @property
    def requests(self) -> list[Asked]:
        """The requests that were seen so far."""
        return self._first.requests

    @property
    def answers(self) -> dict[int, float]:
        """When requests got their 200, by number, as far as that was seen."""
        return self._first.answers

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            source = self.names.topic
            create_topics(self.bootstrap, {source: self.partitions}, self._first.config_of(source))
            for network in self.networks:
                network.create_topics(self.partitions)
                network.enter(stack, self._seed, EVERY * len(self.networks))
            ours = f"{source}.round-trips"
            create_topics(self.bootstrap, {ours: 1})
            stack.enter_context(RoundTrips(self.bootstrap, ours, ours, self.folder))
            stack.callback(self.fleet.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, *slots: int) -> list[Worker]:
        """Start a worker in each of these slots, and return when all are ready."""
        started = [self.fleet.start(slot) for slot in slots]
        for worker in started:
            worker.await_ready()
        return started

    def load(self, rate: float, big: float = 0.0, copies: float = 0.0) -> Generator:
        """Make a generator of `rate` events a second, to be used as a context manager."""
        self.stream = Generator(
            self.bootstrap,
            self.names.topic,
            self.folder,
            rate=rate,
            big=big,
            copies=copies,
            seed=self._seed,
        )
        return self.stream

    @contextmanager
    def nothing_published(self) -> Iterator[None]:
        """Have nobody write to the source within."""
        with ExitStack() as stack:
            for generator in {self.generator, self.stream}:
                stack.enter_context(generator.paused())
            yield

    def publish(self, events: Iterable[str], partition: int = -1) -> None:
        """Publish events and return when they are acknowledged."""
        events = list(events)
        self.generator.publish(events, partition)
        self.published += events

    def partner(self, mode: str = "ok", whom: str | None = None, **how: float) -> None:
        """Change the ways of a network's partner, or of all, and return when that is done."""
        for network in self.networks:
            if whom is None or network.name == whom:
                network.partner(mode, how)

    def seen(self) -> list[Asked]:
        """The requests that the partner has read so far."""
        return self._first.seen()

    def delivered(self) -> set[str]:
        """The events that have got a 200 so far."""
        return self._first.delivered()

    def workers_asking(self) -> set[str]:
        """The names of the workers that have sent requests."""
        return {request.worker for request in self.seen()}

    def await_requests(self, event: str, count: int) -> None:
        """Return when so many requests for an event have come."""
        asked = f"{count} requests for {event}"
        self.wait(asked, lambda: sum(request.event == event for request in self.seen()) >= count)

    def committed_count(self) -> int:
        """How many records of the source are seen committed, below the offset or in its map."""
        covered, _ = cover(read_log(self.folder / COMMITTED, Committed))
        return sum(topic == self.names.topic for topic, *_ in covered)

    def await_delivered(self, events: Iterable[str]) -> None:
        """Return when each of these events has got its 200."""
        wanted = set(events)
        self.wait(f"{len(wanted)} events are delivered", lambda: self.delivered() >= wanted)

    def wait(self, what: str, true: Callable[[], bool]) -> None:
        """Return when `true()` is; raise AssertionError naming `what` when the patience is at its end."""
        wait_until(what, true, self._patience)

    def lag(self) -> int:
        """Records that are not committed, all topics together."""
        return lag_of(self.networks)

    def is_deserted(self) -> bool:
        """Whether no group has a member."""
        return all(network.is_deserted() for network in self.networks)

    def await_quiet(self, within: float = READY_WITHIN) -> None:
        """Return when nothing is left to do; raise AssertionError otherwise."""
        wait_until("lag 0", lambda: not self.lag(), within)

    def evidence(self) -> Evidence:
        """What the logs and the topics tell."""
        return self._first.evidence()

    def config_of(self, topic: str) -> dict[str, str]:
        """How a topic is made."""
        return self._first.config_of(topic)


def _wants(name: str, several: Collection[str], event: str) -> bool:
    """Whether a network has to end an event, as the second reading of the routing says."""
    if not several:
        return True
    taken = networks.takers(networks.fields_of(event), several)
    return name in taken or (not taken and name == networks.caretaker(several))


def _settings_of_all(several: Iterable[Network]) -> dict[str, str]:
    return {
        key: value
        for network in several
        for key, value in networks.settings_of(network.name, network.port).items()
    }
