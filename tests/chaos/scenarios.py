"""Short plays, each of which a program must get through: the crash tests run them, and so do the mutants.

The rule: every wait is for what can be seen from outside, and bounded; the verdict is the checker's.
"""

from __future__ import annotations

import time
from collections import Counter
from itertools import count

from confluent_kafka.admin import AdminClient

from tests.chaos.checker import Verdict, check
from tests.chaos.fleet import TIERS, Worker
from tests.chaos.logs import deed
from tests.chaos.operator import Operator, limit
from tests.chaos.violations import Violation
from tests.chaos.world import World
from tests.support.broker import Broker

SETTLED_WITHIN = 60.0
WAITED = 9.0
"""Seconds between two kills: less than a session."""
STUCK = "commits do not get through"
STILL = "the process stood still"
STARTED = '"event": "started"'
"""What a worker logs."""
BACK = 5
"""Records that an offset is set back by."""
TWO_TICKS = 0.5
"""Seconds in which a commit that is to come has come."""


def judge(world: World, within: float = SETTLED_WITHIN) -> Verdict:
    """Wait until nothing is left to do, or something is broken already, and judge.

    What is then still not done is a violation too.
    """
    deadline = time.monotonic() + within
    while True:
        lag = world.lag()
        verdict = check(world.evidence(), world.timeout, world.drain)
        broken = [violation for violation in verdict.violations if violation.kind != "lost"]
        if not lag or broken:
            return verdict
        if time.monotonic() > deadline:
            violations = [*verdict.violations, Violation("not quiet", "group", f"lag {lag}")]
            return verdict._replace(violations=violations)
        time.sleep(0.2)


def numbered(count: int, stem: str = "n", kind: str = "") -> list[str]:
    """Names of events."""
    return [f"{stem}{number}{kind}" for number in range(count)]


def killed_behind_a_hanging_head(world: World, count: int = 200) -> list[str]:
    """A worker finishes `count` records behind one that hangs, commits, and is killed; another takes over.

    The world has one partition. Return the events that were asked for by the second worker.
    """
    (first,) = world.start(1)
    world.publish(["head-hang", *numbered(count)])
    world.await_delivered(numbered(count))
    world.wait("a commit covers them", lambda: world.committed_count() >= count)
    first.kill()
    before = len(world.requests)
    world.partner(hang=False)
    world.start(2)
    world.await_delivered(["head-hang"])
    return [request.event for request in world.requests[before:]]


def refused_by_the_broker(world: World) -> None:
    """A retry is refused while its neighbours are delivered; SIGTERM, then `kill -9`, then it is taken.

    The world has one partition.
    """
    limit_tiers(world, 1)
    (first,) = world.start(1)
    world.publish(["a-once", *numbered(3)])
    world.await_delivered(numbered(3))
    time.sleep(TWO_TICKS)  # for a commit that must not come
    first.leave()
    (second,) = world.start(1)
    world.await_requests("a-once", 2)
    time.sleep(TWO_TICKS)
    second.kill()
    limit_tiers(world, 1_048_576)
    world.start(1)


def refused_by_the_journal(world: World) -> None:
    """Steps are refused while what they tell of is done; `kill -9`, then they are taken.

    The world has one partition.
    """
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    limit(admin, [world.names.journal], 1)
    (first,) = world.start(1)
    world.publish(numbered(5))
    world.await_delivered(numbered(5))
    time.sleep(TWO_TICKS)  # for a commit that must not come
    first.kill()
    limit(admin, [world.names.journal], 1_048_576)
    world.start(1)
    world.publish(["late"])
    world.await_delivered(["late"])


def joined_and_left(world: World) -> None:
    """A second worker joins while the first has a backlog in flight and waiting, works, and leaves."""
    world.partner(delay=0.2)
    (first,) = world.start(1)
    world.publish(numbered(120))
    world.wait("the first is at work", lambda: len(world.delivered()) >= 10)
    second = world.fleet.start(2)
    waves = count(1)

    def both_have_worked() -> bool:
        if len(world.seen()) > len(world.published) - 60:
            world.publish(numbered(60, f"wave{next(waves)}-"))
        return {first.name, second.name} <= world.workers_asking()

    world.wait("both have worked", both_have_worked)
    world.await_delivered(world.published)
    second.leave()
    world.publish(numbered(20, "later"))
    world.await_delivered(numbered(20, "later"))


def killed_twice(world: World) -> None:
    """One of two workers is killed and started again; before the group has got over it, so is the other.

    With the classic protocol the one that comes back has the group wait for the one that is gone, until its
    session has run out, and commits wait with it.
    """
    workers = world.start(1, 2)
    with world.load(100):
        world.wait("both at work", lambda: {worker.name for worker in workers} <= world.workers_asking())
        workers[0].kill()
        world.fleet.start(1)
        time.sleep(WAITED)
        workers[1].kill()
        world.fleet.start(2)
        world.wait("both are back", lambda: {"w1-2", "w2-2"} <= world.workers_asking())


def left_while_the_group_waits(world: World) -> tuple[Worker, Worker]:
    """One of two workers is killed and started again; the other one ends while the group waits.

    Return the one that was killed and the one that ended.
    """
    first, second = world.start(1, 2)
    with world.load(100):
        # So many are not of the tiers alone: the source has been shared out, and the group is steady.
        world.wait("both have a share of the source", lambda: min(_asked(world, first, second)) >= 50)
        first.kill()
        world.fleet.start(1)
        world.wait("its commits are stuck", lambda: STUCK in second.log())
        if second.leave() != 0:
            raise AssertionError(f"{second.name} did not end in good order")
    return first, second


def left_while_another_joins(world: World, delay: float) -> Worker:
    """One of two workers ends while its requests take `delay` seconds and a third one joins the group.

    Return it. Its log says how many of its records were unfinished.
    """
    first, second = world.start(1, 2)
    world.partner(delay=delay)
    with world.load(30):
        world.wait("both are at work", lambda: {first.name, second.name} <= world.workers_asking())
        world.wait("much is in flight", lambda: min(_asked(world, first, second)) >= 20)
        third = world.fleet.start(3)
        world.wait("the third one is about to join", lambda: STARTED in third.log())
        if first.leave(within=delay + 35.0) != 0:
            raise AssertionError(f"{first.name} did not end in good order")
        third.await_ready()
    world.partner(delay=0.0)
    return first


def stood_still(world: World) -> tuple[Worker, float]:
    """A worker with much in hand is frozen until another one has done its work.

    Return it, and when it went on.
    """
    (first,) = world.start(1)
    world.partner(delay=0.3)
    world.publish(numbered(400))
    world.wait("it is at work", lambda: len(world.delivered()) >= 20)
    first.stop()
    world.partner(delay=0.0)
    world.start(2)
    world.await_delivered(numbered(400))
    resumed = time.time()
    first.resume()
    world.wait("it has noticed", lambda: STILL in first.log())
    return first, resumed


def frozen_while_the_broker_is_away(world: World, broker: Broker) -> None:
    """Answers come while the broker is away, the worker is frozen, and another one does its work.

    The world has one partition, and eight requests at a time.
    """
    world.partner(delay=1.0)
    (first,) = world.start(1)
    world.publish(numbered(8))
    world.wait("eight requests", lambda: len(world.seen()) >= 8)
    world.deeds.write(deed("kill", "broker"))
    broker.kill()
    world.await_delivered(numbered(8))
    time.sleep(TWO_TICKS)  # for the steps to lie with the client
    first.stop()
    broker.start()
    world.deeds.write(deed("up", "broker"))
    world.partner()
    world.fleet.start(2)
    world.wait("a commit covers them, so steps do", lambda: world.committed_count() >= 8)
    first.resume()
    world.wait("it has noticed", lambda: STILL in first.log())
    world.publish(["late"])
    world.await_delivered(["late"])


def reset_after_the_request(world: World) -> None:
    """The partner reads three requests and resets their connections."""
    world.partner("reset", share=1.0)
    world.start(1)
    world.publish(numbered(3))
    world.wait("three requests", lambda: len(world.seen()) >= 3)
    world.partner()


def limit_tiers(world: World, size: int) -> None:
    """Have the broker refuse what is larger than `size` bytes on every tier, and on the dead-letter topic."""
    topics = [*(world.names.tier(tier) for tier in TIERS), world.names.dlq]
    limit(AdminClient({"bootstrap.servers": world.bootstrap}), topics, size)


def _asked(world: World, *workers: Worker) -> list[int]:
    """How many requests each of these workers has made."""
    by = Counter(asked.worker for asked in world.seen())
    return [by[worker.name] for worker in workers]


def edited_under_its_map(world: World, count: int = 50) -> None:
    """A script sets the offset back whose map tells of one that hangs, and leaves the map as it is.

    The world has one partition.
    """
    world.publish(numbered(count, "before"))
    (first,) = world.start(1)
    world.await_delivered(numbered(count, "before"))
    world.publish(["head-hang", *numbered(count)])
    world.await_delivered(numbered(count))
    world.wait("a commit covers them", lambda: world.committed_count() >= 2 * count)
    first.kill()
    world.wait("the group is empty", world.is_deserted)
    Operator(world).edit_offsets(BACK)
    world.partner(hang=False)
    world.start(2)
    world.await_delivered(["head-hang"])


def made_again_and_outgrown(world: World, count: int = 60) -> None:
    """A topic is deleted and made again under a worker, and at once longer than the old one was."""
    operator = Operator(world)
    world.publish(numbered(count))
    world.start(1)
    world.await_delivered(numbered(count))
    world.wait("all is committed", lambda: not world.lag())
    operator.fill(operator.remake(world.names.topic), count)
    world.await_delivered(world.published)


def poisoned(world: World, run: int = 300, count: int = 2000) -> None:
    """Each partition begins with clicks that get a 500 for ever; all others are delivered."""
    for partition in range(world.partitions):
        world.publish(numbered(run, f"run{partition}-", "-never"), partition)
    world.publish(numbered(count))
    world.start(1)
    world.await_delivered(numbered(count))


def busy_for_some(world: World, count: int = 1000) -> None:
    """One click in a hundred always gets a 429 with a long Retry-After; all others are delivered."""
    good = numbered(count)
    for first in range(0, count, 99):
        world.publish([f"b{first}-busy", *good[first : first + 99]])
    world.start(1)
    world.await_delivered(good)
