"""What the logs and the topics tell, put together: the story of each event, commits, states, deeds.

The rule: nothing is judged here, and nothing is taken from the program but the forms of its headers.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas import WorkerHeaders
from schemas.journal import read_step
from schemas.moment import parse_time
from tests.chaos.generator import event_of
from tests.chaos.history import History, LogPlace
from tests.chaos.logs import (
    ANSWERED,
    ASKED,
    COMMITTED,
    DEEDS,
    DUMPED,
    GROUP,
    HOPS,
    INTERVENTIONS,
    ROUND_TRIPS,
    SENT,
    STEPS,
    Answered,
    Asked,
    Committed,
    Deed,
    Group,
    Intervention,
    Log,
    RoundTrip,
    Sent,
    Step,
    read_log,
)
from tests.support.kafka import Names

WITHIN = 30.0
SOURCE, TIER, DEAD = "source", "tier", "dead"
NOTHING = History()
"""Nobody touched a log or an offset."""


class Hop(NamedTuple):
    """A record of an event on a topic; `at` is when the broker had taken it, `due` is in epoch seconds."""

    kind: str
    topic: str
    partition: int
    offset: int
    event: str
    attempts: int
    at: float
    due: float = 0.0
    generation: int = 0
    """Of its log, as `history` counts them."""

    @property
    def place(self) -> LogPlace:
        """Where it lies, or lay."""
        return self.topic, self.partition, self.offset, self.generation

    def __str__(self) -> str:
        again = f" of generation {self.generation}" if self.generation else ""
        return f"{self.topic}/{self.partition}/{self.offset}{again}"


class Dumped(NamedTuple):
    """A record that was read at `at`, before its log was touched; the generation is not told yet."""

    at: float
    hop: Sequence[object]


class Request(NamedTuple):
    """A request for an event; `answered` is when its 200 was written, None without one."""

    worker: str
    at: float
    wall: float
    action: str
    answered: float | None = None


class Story(NamedTuple):
    """All that happened to one event, in order; `acknowledged` tells whether the source owes it an ending."""

    event: str
    acknowledged: bool
    hops: tuple[Hop, ...]
    requests: tuple[Request, ...]


class Evidence(NamedTuple):
    """What the checker judges."""

    stories: Mapping[str, Story]
    commits: Sequence[Committed]
    states: Sequence[Group]
    deeds: Sequence[Deed]
    history: History = NOTHING
    steps: Sequence[Step] | None = None
    """Those of the journal; None where nobody looked at it."""
    trips: Sequence[RoundTrip] = ()
    """How long our own steps and commits took."""


def kinds_of(names: Names, tiers: Sequence[str]) -> dict[str, str]:
    """The topics in which an event's records lie, and what each is."""
    return {names.topic: SOURCE, **{names.tier(tier): TIER for tier in tiers}, names.dlq: DEAD}


def save_hops(folder: Path, bootstrap: str, kinds: Mapping[str, str]) -> None:
    """Write what lies in the topics beside the logs: the topics go with their broker."""
    (folder / HOPS).unlink(missing_ok=True)
    log = Log(folder / HOPS)
    for hop in read_hops(bootstrap, kinds):
        log.write(hop)
    log.close()


def dump(folder: Path, bootstrap: str, topic: str, kind: str) -> None:
    """Write what lies in a topic before its log is touched: nobody may write to it meanwhile."""
    log = Log(folder / DUMPED)
    for hop in read_hops(bootstrap, {topic: kind}):
        log.write(Dumped(time.monotonic(), hop))
    log.close()


def save_steps(folder: Path, bootstrap: str, journal: str) -> None:
    """Write what lies in the journal beside the logs."""
    (folder / STEPS).unlink(missing_ok=True)
    log = Log(folder / STEPS)
    epoch = time.time() - time.monotonic()
    for message in read_messages(bootstrap, [journal]):
        step = read_step(message.value())
        if step is not None:
            taken, said = _at_of(message, epoch), (parse_time(step.at) or 0.0) - epoch
            attempt, worker = step.attempt or 0, step.worker or ""
            log.write(Step(step.event_id or "", step.step, attempt, step.origin, taken, worker, said))
    log.close()


def gather(
    folder: Path,
    look_at_topics: Callable[[], None],
    look_at_journal: Callable[[], None],
    *,
    common: Path,
    wants: Callable[[str], bool],
) -> Evidence:
    """Read the logs of a network in `folder`, and those of the run, which may go on meanwhile.

    `wants` tells of an event of the source whether this network has to end it.
    So what was committed is read before what was finished, and requests before the records that they are for.
    The journal tells of both: it is read after the one and before the other.
    """
    commits = read_log(folder / COMMITTED, Committed)
    look_at_journal()
    answers = {answer.number: answer.at for answer in read_log(folder / ANSWERED, Answered)}
    requests: defaultdict[str, list[Request]] = defaultdict(list)
    for asked in read_log(folder / ASKED, Asked):
        requests[asked.event].append(
            Request(asked.worker, asked.at, asked.wall, asked.action, answers.get(asked.number))
        )
    look_at_topics()
    sent = [line for line in read_log(common / SENT, Sent) if wants(line.event)]
    history = History(read_log(common / INTERVENTIONS, Intervention))
    hops: defaultdict[str, list[Hop]] = defaultdict(list)
    for hop in _all_hops(folder, sent, history):
        if hop.kind != SOURCE or wants(hop.event):
            hops[hop.event].append(hop)
    promised = {line.event for line in sent}
    stories = {
        event: Story(event, event in promised, tuple(sorted(hops[event], key=_at)), tuple(requests[event]))
        for event in promised | hops.keys() | requests.keys()
    }
    return Evidence(
        stories,
        commits,
        read_log(folder / GROUP, Group),
        [deed for at in {folder, common} for deed in read_log(at / DEEDS, Deed)],
        history,
        read_log(folder / STEPS, Step) if (folder / STEPS).exists() else None,
        read_log(common / ROUND_TRIPS, RoundTrip),
    )


def _all_hops(folder: Path, sent: Sequence[Sent], history: History) -> Iterable[Hop]:
    """Every record that lies in a topic, or lay there: as dumped, or as acknowledged to the producer."""
    hops: dict[LogPlace, Hop] = {}
    for line in sent:
        place = history.place(line.topic, line.partition, line.offset, line.at)
        *_, generation = place
        hops[place] = Hop(
            SOURCE, line.topic, line.partition, line.offset, line.event, 0, line.made, 0.0, generation
        )
    for dumped in read_log(folder / DUMPED, Dumped):
        _add(hops, Hop(*dumped.hop), dumped.at, history)  # type: ignore[arg-type]
    for hop in read_log(folder / HOPS, Hop):
        _add(hops, hop, float("inf"), history)
    return hops.values()


def _add(hops: dict[LogPlace, Hop], hop: Hop, at: float, history: History) -> None:
    """Add a record that was read at this moment."""
    place = history.place(hop.topic, hop.partition, hop.offset, at)
    hops[place] = hop._replace(generation=place[-1])


def _at(hop: Hop) -> float:
    return hop.at


def read_hops(bootstrap: str, kinds: Mapping[str, str]) -> Iterator[Hop]:
    """Read every record of these topics, to their ends of now."""
    epoch = time.time() - time.monotonic()
    for message in read_messages(bootstrap, list(kinds)):
        yield _hop(message, kinds[message.topic() or ""], epoch)


def read_messages(bootstrap: str, names: Sequence[str]) -> Iterator[Message]:
    """Read these topics to their ends of now."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "checker", "enable.auto.commit": False}
    with Consumer({**settings, "enable.partition.eof": True, "log_level": 0}) as consumer:
        topics = consumer.list_topics(timeout=WITHIN).topics
        left = {(topic, number) for topic in names for number in topics[topic].partitions}
        consumer.assign([TopicPartition(*at, OFFSET_BEGINNING) for at in left])
        deadline = time.monotonic() + WITHIN
        while left:
            if time.monotonic() > deadline:
                raise AssertionError(f"not read to the end: {left}")
            for message in consumer.consume(1000, 0.2):
                error, at = message.error(), (message.topic() or "", message.partition() or 0)
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(at)
                else:
                    raise KafkaException(error)


def _hop(message: Message, kind: str, epoch: float) -> Hop:
    headers = WorkerHeaders.read(message.headers() or ())  # type: ignore[arg-type]
    return Hop(
        kind,
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        event_of(message.value()),
        0 if kind == SOURCE else headers.attempts or 0,
        _at_of(message, epoch),
        headers.due_at or 0.0,
    )


def _at_of(message: Message, epoch: float) -> float:
    """When the broker had taken it, which it cuts to milliseconds."""
    return (message.timestamp()[1] + 1) / 1000 - epoch
