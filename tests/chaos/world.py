"""Everything around a group of workers on a broker that is there: topics, partner, sampler, logs.

The rule: whatever happens, every process that was started here has ended when the world is closed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.checker import cover
from tests.chaos.evidence import Evidence, gather, kinds_of, save_hops
from tests.chaos.fleet import READY_WITHIN, TIERS, WORKER, Fleet, Worker
from tests.chaos.generator import MOST_BYTES, Generator
from tests.chaos.group_state import GroupState
from tests.chaos.logs import (
    ANSWERED,
    ASKED,
    COMMITTED,
    DEEDS,
    Answered,
    Asked,
    Committed,
    Log,
    Tail,
    deed,
    read_log,
)
from tests.chaos.process import ROOT
from tests.chaos.sampler import PATIENCE, Sampler
from tests.support.broker import free_port
from tests.support.kafka import WITHIN, Names, committed, create_topics, end_offsets, wait_until
from worker.core.record_size import ROOM


class World:
    """A context manager.

    `settings` are the workers' over those of `fleet`, without the prefix; an empty one takes a setting away,
    and `{slot}` in one is the number of the worker's slot.
    `patience` in seconds is how long it is waited for what should come.
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
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.bootstrap = bootstrap
        self.folder = folder
        self.names = Names.fresh("chaos")
        self.partitions = partitions
        self.deeds = Log(folder / DEEDS)
        self._seed = seed
        self._patience = patience
        self._stack = ExitStack()
        self._port = free_port()
        self.fleet = Fleet(bootstrap, self.names, self._port, folder, settings or {}, program)
        self.generator = Generator(bootstrap, self.names.topic, folder, seed=seed)
        self.stream = self.generator
        """The load, once there is one."""
        self._asked, self._answered = Tail(folder / ASKED), Tail(folder / ANSWERED)
        self.published: list[str] = []
        self.requests: list[Asked] = []
        self.answers: dict[int, float] = {}

    @property
    def kinds(self) -> dict[str, str]:
        """The topics in which an event's records lie, and what each is."""
        return kinds_of(self.names, TIERS)

    @property
    def worked(self) -> list[str]:
        """The topics that the workers read."""
        return [self.names.topic, *(self.names.tier(tier) for tier in TIERS)]

    def _by_group(self) -> dict[str, list[str]]:
        """The topics that each of the two groups reads."""
        by_group: dict[str, list[str]] = {}
        for topic in self.worked:
            by_group.setdefault(self.names.group_of(topic), []).append(topic)
        return by_group

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._create_topics()
            self._partner = self._start_partner(stack)
            self.partner()
            stack.enter_context(Sampler(self.bootstrap, self._by_group(), self.folder))
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

    def load(self, rate: float, big: float = 0.0) -> Generator:
        """Make a generator of `rate` events a second, to be used as a context manager."""
        self.stream = Generator(
            self.bootstrap, self.names.topic, self.folder, rate=rate, big=big, seed=self._seed
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

    def partner(self, mode: str = "ok", **how: float) -> None:
        """Change the partner's ways, and return when that is done."""
        self.deeds.write(deed(f"partner {mode}", "partner"))
        assert self._partner.stdin is not None
        assert self._partner.stdout is not None
        self._partner.stdin.write(json.dumps({"mode": mode, **how}) + "\n")
        self._partner.stdin.flush()
        if not self._partner.stdout.readline():
            raise AssertionError(f"the partner ended with {self._partner.wait()}")

    def seen(self) -> list[Asked]:
        """The requests that the partner has read so far."""
        self.requests.extend(self._asked.new(Asked))
        return self.requests

    def delivered(self) -> set[str]:
        """The events that have got a 200 so far."""
        self.answers.update((answer.number, answer.at) for answer in self._answered.new(Answered))
        return {request.event for request in self.seen() if request.number in self.answers}

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
        return sum(self._lag_of(topic) for topic in self.worked)

    def is_deserted(self) -> bool:
        """Whether neither group has a member."""
        states = []
        for group in (self.names.group, self.names.retry_group):
            asked = GroupState(self.bootstrap, group, PATIENCE)
            states.append(asked.ask())
            asked.close()
        return set(states) <= {"Empty", "Dead"}

    def await_quiet(self, within: float = READY_WITHIN) -> None:
        """Return when nothing is left to do; raise AssertionError otherwise."""
        wait_until("lag 0", lambda: not self.lag(), within)

    def evidence(self) -> Evidence:
        """What the logs and the topics tell."""
        return gather(self.folder, partial(save_hops, self.folder, self.bootstrap, self.kinds))

    def _lag_of(self, topic: str) -> int:
        at = committed(self.bootstrap, self.names.group_of(topic), topic)
        ends = end_offsets(self.bootstrap, topic).items()
        return sum(end - (at[number].offset if number in at else 0) for number, end in ends)

    def config_of(self, topic: str) -> dict[str, str]:
        """How a topic is made."""
        if topic == self.names.topic:
            return {"max.message.bytes": str(MOST_BYTES)}
        # The broker's own time tells when it took a record.
        return {"max.message.bytes": str(MOST_BYTES + ROOM), "message.timestamp.type": "LogAppendTime"}

    def _create_topics(self) -> None:
        source, dlq = self.names.topic, self.names.dlq
        create_topics(self.bootstrap, {source: self.partitions}, self.config_of(source))
        own = {topic: self.partitions for topic in self.kinds if topic != source}
        create_topics(self.bootstrap, own, self.config_of(dlq))
        create_topics(self.bootstrap, {self.names.journal: self.partitions})
        create_topics(self.bootstrap, {self.names.control: 1}, {"cleanup.policy": "compact"})

    def _start_partner(self, stack: ExitStack) -> subprocess.Popen[str]:
        """Start the partner; it ends with our end of its pipe."""
        command = [sys.executable, "-m", "tests.chaos.partner", "--folder", str(self.folder)]
        command += ["--port", str(self._port), "--seed", str(self._seed)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
