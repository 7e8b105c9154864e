"""One destination's side of a world: its partner, its topics and groups, and what is logged of them.

The rule: its logs lie in a folder of its own, so that each network is judged by itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.chaos.evidence import Evidence, gather, kinds_of, save_hops, save_steps
from tests.chaos.fleet import TIERS
from tests.chaos.generator import MOST_BYTES
from tests.chaos.group_state import GroupState
from tests.chaos.logs import ANSWERED, ASKED, DEEDS, Answered, Asked, Log, Tail, deed
from tests.chaos.process import ROOT
from tests.chaos.sampler import PATIENCE, Sampler
from tests.support.kafka import Names, committed, create_topics, end_offsets
from tests.support.ports import free_port
from worker.core.record_size import ROOM_BYTES


class Network:
    """A network of the world in `folder`; of several it has a `name`, and a folder of its own within.

    `wants` tells of an event whether it is this one's.
    """

    def __init__(
        self, bootstrap: str, folder: Path, names: Names, name: str, wants: Callable[[str], bool]
    ) -> None:
        self.name = name
        self.names = names._replace(group=f"{names.group}.{name}") if name else names
        self.folder = folder / name if name else folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.requests: list[Asked] = []
        self.answers: dict[int, float] = {}
        self._bootstrap, self._common, self._wants = bootstrap, folder, wants
        self._deeds = Log(self.folder / DEEDS)
        self._asked, self._answered = Tail(self.folder / ASKED), Tail(self.folder / ANSWERED)

    @property
    def kinds(self) -> dict[str, str]:
        """The topics in which an event's records lie, and what each is."""
        return kinds_of(self.names, TIERS)

    @property
    def worked(self) -> list[str]:
        """The topics that the workers read for it."""
        return [self.names.topic, *(self.names.tier(tier) for tier in TIERS)]

    def enter(self, stack: ExitStack, seed: int, every: float) -> None:
        """Start its partner, and look at its groups every so many seconds, until the stack is closed."""
        self._partner = self._start_partner(stack, seed)
        self.partner()
        by_group: dict[str, list[str]] = {}
        for topic in self.worked:
            by_group.setdefault(self.names.group_of(topic), []).append(topic)
        stack.enter_context(Sampler(self._bootstrap, by_group, self.folder, every))

    def create_topics(self, partitions: int) -> None:
        """Make its topics."""
        source, dlq = self.names.topic, self.names.dlq
        own = {topic: partitions for topic in self.kinds if topic != source}
        create_topics(self._bootstrap, own, self.config_of(dlq))
        journal = {"message.timestamp.type": "LogAppendTime"}
        create_topics(self._bootstrap, {self.names.journal: partitions}, journal)
        create_topics(self._bootstrap, {self.names.control: 1}, {"cleanup.policy": "compact"})

    def config_of(self, topic: str) -> dict[str, str]:
        """How a topic is made."""
        if topic == self.names.topic:
            return {"max.message.bytes": str(MOST_BYTES)}
        # The broker's own time tells when it took a record.
        return {"max.message.bytes": str(MOST_BYTES + ROOM_BYTES), "message.timestamp.type": "LogAppendTime"}

    def partner(self, mode: str = "ok", how: Mapping[str, float] | None = None) -> None:
        """Change the partner's ways, and return when that is done."""
        self._deeds.write(deed(f"partner {mode}", "partner"))
        assert self._partner.stdin is not None
        assert self._partner.stdout is not None
        self._partner.stdin.write(json.dumps({"mode": mode, **(how or {})}) + "\n")
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

    def lag(self) -> int:
        """Records that are not committed, all topics together."""
        return sum(self._lag_of(topic) for topic in self.worked)

    def is_deserted(self) -> bool:
        """Whether neither group has a member."""
        return {self._state_of(self.names.group), self._state_of(self.names.retry_group)} <= {"Empty", "Dead"}

    def evidence(self) -> Evidence:
        """What the logs and the topics tell."""
        return gather(
            self.folder,
            partial(save_hops, self.folder, self._bootstrap, self.kinds),
            partial(save_steps, self.folder, self._bootstrap, self.names.journal),
            common=self._common,
            wants=self._wants,
        )

    def _lag_of(self, topic: str) -> int:
        at = committed(self._bootstrap, self.names.group_of(topic), topic)
        ends = end_offsets(self._bootstrap, topic).items()
        return sum(end - (at[number].offset if number in at else 0) for number, end in ends)

    def _state_of(self, group: str) -> str:
        asked = GroupState(self._bootstrap, group, PATIENCE)
        state = asked.ask()
        asked.close()
        return state

    def _start_partner(self, stack: ExitStack, seed: int) -> subprocess.Popen[str]:
        """Start the partner; it ends with our end of its pipe."""
        command = [sys.executable, "-m", "tests.chaos.partner", "--folder", str(self.folder)]
        command += ["--port", str(self.port), "--seed", str(seed)]
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


def lag_of(networks: Iterable[Network]) -> int:
    """Records that are not committed, all networks together."""
    return sum(network.lag() for network in networks)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
