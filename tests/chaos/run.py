"""One run: a broker, a world, a load, the faults of a seed, quiet, and the verdict."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.chaos.checker import Verdict, check
from tests.chaos.conductor import Conductor
from tests.chaos.generator import BIG, COPIES
from tests.chaos.networks import NETWORKS, fields_of, takers
from tests.chaos.process import ROOT
from tests.chaos.schedule import KINDS, deal
from tests.chaos.several import check_all
from tests.chaos.world import World
from tests.support.broker import Broker

WARM_UP = 4.0  # seconds of load before the first fault
AFTERMATH = 2.0  # and after the last one

LONG, SHORT = 160.0, 36.0
"""Seconds within which the faults begin."""

PROTOCOLS: Mapping[str, Mapping[str, str]] = {
    "classic": {},
    # A rebalance takes all partitions from all members, and reading one anew assigns all others anew, too.
    "eager": {"KAFKA__PROPERTIES__PARTITION_ASSIGNMENT_STRATEGY": "range"},
    # The broker says how long a session lasts; the client refuses the setting.
    "consumer": {
        "KAFKA__PROPERTIES__GROUP_PROTOCOL": "consumer",
        "KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": "",
    },
    # A member that comes back under its name takes its partitions up again, and the group waits for nobody.
    "static": {"KAFKA__PROPERTIES__GROUP_INSTANCE_ID": "slot-{slot}"},
}
"""What each way of being a group takes of settings."""

TWO_OF_ONE_SLOT = frozenset({"slow deploy", "slow replacement"})
"""Faults in which a worker's successor joins first: static members of one name put each other out."""


class Plan(NamedTuple):
    """What is to be run."""

    seed: int
    seconds: float
    workers: int
    rate: float
    short: bool
    protocol: str = "classic"
    only: frozenset[str] = frozenset()
    """The kinds of faults that are brought about; empty for all that are dealt."""
    keep: bool = False
    """Whether the logs of a run without violations are kept, too."""
    destinations: int = 1
    """How many of `networks` the workers serve; 1 for the single destination."""
    held_bytes: str = ""
    """The workers' `MAX_HELD_BYTES`, few to have records read again; empty for the default."""


class Result(NamedTuple):
    """What came out of it: the verdict, with what the conductor saw, and the faults by kind."""

    plan: Plan
    verdict: Verdict
    faults: Mapping[str, int]
    seconds: float


def folder_of(seed: int) -> Path:
    """Where the logs of a seed's run lie: for good if it failed."""
    return ROOT / ".cache" / "chaos" / str(seed)


def run(plan: Plan, say: Callable[[str], None]) -> Result:
    """Run a plan and judge it; the logs of one without violations are removed, unless kept."""
    folder = folder_of(plan.seed)
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    several = sorted(NETWORKS)[: plan.destinations] if plan.destinations > 1 else []
    dealt = deal(plan.seed, plan.seconds, plan.workers, short=plan.short, several=bool(several))
    possible = KINDS.keys() - (TWO_OF_ONE_SLOT if plan.protocol == "static" else ())
    faults = [fault for fault in dealt if fault.kind in possible & (plan.only or possible)]
    say("\n".join([f"seed {plan.seed}, {len(faults)} faults:", *map(str, faults)]))
    settings = {**PROTOCOLS[plan.protocol], "MAX_HELD_BYTES": plan.held_bytes}
    with (
        Broker() as broker,
        World(broker.bootstrap, folder, settings=settings, seed=plan.seed, several=several) as world,
    ):
        conductor = Conductor(world, broker, plan.workers)
        conductor.start()
        with world.load(plan.rate, 0.0 if plan.short or several else BIG, COPIES):
            time.sleep(WARM_UP)
            conductor.note_fresh()
            say("the load is on; faults from now on")
            conductor.play(faults)
            time.sleep(AFTERMATH)
        say("waiting for quiet")
        conductor.settle()
        conductor.leave()
        verdict = _judge(world, several)
    verdict = verdict._replace(violations=[*conductor.violations, *verdict.violations])
    if not verdict.violations and not plan.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(plan, verdict, Counter(conductor.done), time.monotonic() - began)


def _judge(world: World, several: Sequence[str]) -> Verdict:
    if not several:
        return check(world.evidence(), world.timeout, world.drain)
    evidences = {network.name: network.evidence() for network in world.networks}
    return check_all(
        evidences, lambda event: not takers(fields_of(event), several), world.timeout, world.drain
    )
