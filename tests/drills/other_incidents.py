"""Incidents that we make ourselves: a producer's release, a crash, an order that is forgotten."""

from __future__ import annotations

import itertools
import threading

from tests.drills.incident import Incident
from tests.drills.page import Deed, Shown
from tests.drills.stage import Stage
from tests.drills.traffic import plain
from tests.support.kafka import wait_until

EACH_POISONED = 40
"""One of so many conversions has a payout that is none."""
LIVES_SECONDS = 1.2
CRASHES_WORKER = 1


def _poison(stage: Stage) -> None:
    """Have a producer write a payout with a comma, now and then."""
    poisoned = itertools.count()

    def fields(number: int) -> dict[str, str]:
        is_poison = number % EACH_POISONED == 0 and next(poisoned) < 3
        return {"event": "purchase", "payout": "49,99" if is_poison else "49.99"}

    stage.traffic.fields = fields


def _correct_producer(stage: Stage) -> None:
    stage.traffic.fields = plain


def _crash_again_and_again(stage: Stage) -> None:
    """Kill a worker each time it has answered for a moment, as a memory limit does, and start it again."""
    over = threading.Event()

    def crash() -> None:
        while not over.wait(LIVES_SECONDS):
            stage.kill(CRASHES_WORKER)
            stage.start(CRASHES_WORKER)
            wait_until("it answers again", lambda: over.is_set() or stage.answers(CRASHES_WORKER, "/livez"))
        stage.kill(CRASHES_WORKER)

    thread = threading.Thread(target=crash)
    thread.start()
    stage.at_its_end(over.set, thread.join)


def _scale_it_away(stage: Stage) -> None:
    stage.finish()
    stage.scrape_without(CRASHES_WORKER)


def _pause(stage: Stage) -> None:
    stage.shell("postback-worker pause --because TEXT")


OTHER_INCIDENTS = (
    Incident(
        name="Poison payout",
        fires="PostbackDeadLetters",
        explains=["postback-worker dlq list --reason invalid"],
        says="payout",
        shows=Shown("undelivered", "payout"),
        ends_on_page=Deed("replay", {"reason": "invalid", "set": "payout=49.99"}),
        begins=_poison,
        repairs=_correct_producer,
        repaired_by="the producer's repair",
        ends=["postback-worker dlq replay --reason invalid --set payout=49.99"],
    ),
    Incident(
        name="Crash loop",
        fires="PostbackWorkerRestarts",
        explains=["postback-worker config check --online"],
        says="configuration is valid",
        shows=Shown("destination", "has not been joined yet"),
        begins=_crash_again_and_again,
        repairs=_scale_it_away,
        repaired_by="the one that crashes, scaled away",
        # A member that dies amid each rebalance holds up the group: until it is missed, no commit gets by.
        follows=frozenset({"PostbackWorkerDown", "PostbackCommitsFail"}),
    ),
    Incident(
        name="Paused and forgotten",
        fires="PostbackPaused",
        explains=["postback-worker status"],
        says="paused",
        shows=Shown("verdict", "paused"),
        ends_on_page=Deed("resume", {}),
        begins=_pause,
        ends=["postback-worker resume"],
    ),
)
