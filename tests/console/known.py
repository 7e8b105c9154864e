"""Known data for the pages: two destinations, one in trouble, and ids that try to be more than text."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas import DeadLetter, JournalStep, StepKind, WorkerHeaders
from schemas.headers import DeadReason
from tests.console.fake_watch import FakeWatch
from worker.console.watch import LoadProgress, Replay, ReplayState, UndeliveredRow
from worker.core.flow import Flow, MemberCounts, RecentAttempts, TierState, UnreadPartitions
from worker.core.flow_diagnosis import judge
from worker.core.last_hour import Minute
from worker.core.life import Life, SourceRecord, timeline
from worker.core.life import judge as judge_life
from worker.core.orders import PauseOrder, Provenance
from worker.core.record import Partition
from worker.core.undelivered import UndeliveredGroup, UndeliveredState
from worker.core.worker_report import OpenCircuit, WorkerReport
from worker.ops.explain import Explanation
from worker.ops.explain_reading import SoughtConversion
from worker.ops.status import Status
from worker.settings import Deployment, load_all
from worker.settings.variable_names import SECRETS_DIR

NOW = 1_795_000_000.0
DOWN, WELL = "binom", "momentscience"
HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u2066 \u200f",
    "{{ 7*7 }}{% raw %}${7*7}",
    "w" * 512,
)


def deployment(**overrides: object) -> Deployment:
    """Two destinations, and what else is set."""
    given = {
        f"destinations.{WELL}.url": "https://track.example/postback?click_id={click_id}&key={secret.key}",
        f"destinations.{WELL}.secrets.key": "never-to-be-seen",
        f"destinations.{DOWN}.url": "https://binom.example/p?cid={click_id}&payout={payout?}",
        f"destinations.{DOWN}.when.network": DOWN,
        **{name.replace("__", "."): value for name, value in overrides.items()},
    }
    with TemporaryDirectory() as empty:
        return load_all(overrides=given, environ={SECRETS_DIR: empty}, dotenv=Path(empty, ".env"))


def watch(now: float = NOW) -> FakeWatch:
    """A watch that knows all of it."""
    made = FakeWatch(DOWN, WELL)
    made.say(WELL, status=_well(now), progress=LoadProgress(1, 1), hour=_hour(now, failing=False))
    made.say(
        DOWN,
        rows=[_dead(now, number, text) for number, text in enumerate(HOSTILE)] + [_waits(now)],
        status=_down(now),
        progress=LoadProgress(1, 1),
        hour=_hour(now, failing=True),
        undelivered=groups(now),
        replays=[
            Replay("r1", ReplayState.RUNNING, now - 12, "anna@console", {"reason": "exhausted"}, 312, 500),
            Replay(
                "r0",
                ReplayState.INTERRUPTED,
                now - 2400,
                None,
                {"status": "500"},
                40,
                90,
                ("broken off",),
                5.0,
            ),
            Replay("r2", ReplayState.ELSEWHERE, now - 60, "ben@web-1", {}, 7, 20),
        ],
    )
    for text in HOSTILE:
        made.find(SoughtConversion("event_id", text), [explained(text, now)])
    return made


def calm_watch(now: float) -> FakeWatch:
    """A watch of the same two, with an error that a partner would write: for a picture."""
    made = FakeWatch(DOWN, WELL)
    made.say(WELL, status=_well(now), progress=LoadProgress(1, 1), hour=_hour(now, failing=False))
    made.say(DOWN, status=_down(now, "HTTP 503"), progress=LoadProgress(1, 1), hour=_hour(now, failing=True))
    return made


def groups(now: float) -> list[UndeliveredGroup]:
    """What is undelivered, by why."""
    return [
        UndeliveredGroup(
            UndeliveredState.WAITING, "status", 503, "HTTP 503", 1840, now - 900, now - 2, now + 40
        ),
        UndeliveredGroup(UndeliveredState.DEAD, "exhausted", 500, HOSTILE[0], 500, now - 86_000, now - 300),
        UndeliveredGroup(
            UndeliveredState.DEAD,
            "expired",
            None,
            "the window of 30d has closed",
            12,
            now - 400_000,
            now - 90_000,
        ),
    ]


def explained(event_id: str, now: float) -> Explanation:
    """A life with a retry, and its end."""
    published = SourceRecord("conversions/0/7", now - 120, 0, True, 0)
    first = JournalStep(
        at="2026-11-19T12:00:00.000Z",
        step=StepKind.RETRY,
        event_id=event_id,
        click_id=HOSTILE[1],
        attempt=1,
        status=503,
        reason="status",
        ms=41,
        url="https://binom.example/p?cid=c-1",
        body=HOSTILE[0],
        due_at="2026-11-19T12:00:10.000Z",
        tier="10s",
        origin="conversions/0/7",
    )
    last = JournalStep(
        at="2026-11-19T12:00:10.000Z",
        step=StepKind.DEAD,
        event_id=event_id,
        attempt=2,
        status=500,
        reason="exhausted",
        error=HOSTILE[0],
        ms=38,
        url="https://binom.example/p?cid=c-1",
        origin="conversions/0/7",
    )
    life = Life([published], [first, last])
    return Explanation(DOWN, event_id, life, judge_life(life, now, "48h"), timeline(life))


def letter(now: float, offset: int, text: str, reason: DeadReason | None) -> DeadLetter:
    """A record whose id, click and error are a text."""
    value = json.dumps({"event_id": text[:128], "click_id": text, "offer_id": "7"}).encode()
    headers = WorkerHeaders(
        attempts=12, origin="conversions/0/7", reason=reason, status=500, error=text[:512], dead_at=now - 60
    ).write()
    return DeadLetter.from_record("binom.dlq", 0, offset, text.encode(), value, headers, now)


def _dead(now: float, number: int, text: str) -> UndeliveredRow:
    place = f"0/{number}"
    return UndeliveredRow(
        UndeliveredState.DEAD,
        place,
        place,
        "exhausted",
        None,
        letter(now, number, text, DeadReason.EXHAUSTED),
    )


def _waits(now: float) -> UndeliveredRow:
    return UndeliveredRow(
        UndeliveredState.WAITING, "10s/0/3", "10s 0/3", "status", now + 40, letter(now, 3, "e-waits", None)
    )


def _hour(now: float, *, failing: bool) -> list[Minute]:
    begin = now - now % 60 - 59 * 60
    return [_minute(begin + number * 60, number, failing and number > 42) for number in range(60)]


def _minute(at: float, number: int, failing: bool) -> Minute:
    wave = 900 + (number * 37) % 160 + (300 if 20 < number < 30 else 0)
    if not failing:
        return Minute(at, wave, wave - 12, {"500": 12 + number % 5}, 14, {"expired": number % 2}, number % 3)
    return Minute(at, wave, 40, {"503": 700, "timeout": 120 + number, HOSTILE[0]: 9}, 830, {"exhausted": 9})


def _well(now: float) -> Status:
    flow = Flow(
        now,
        MemberCounts(2, 2),
        14,
        0.4,
        [TierState("10s", 21, 0.0), TierState("1m", 4, 0.0)],
        RecentAttempts(15.0, 251, {"500": 4}, now - 0.4),
        3,
        reports=[WorkerReport("worker-a", now), WorkerReport("worker-b", now)],
    )
    return Status(WELL, judge(flow), flow)


def _down(now: float, error: str = f"HTTP 503 {HOSTILE[0]}") -> Status:
    down = OpenCircuit(now - 1020, "503", error)
    flow = Flow(
        now,
        MemberCounts(2, 2),
        18_412,
        1020.0,
        [TierState("10s", 1840, 12.0), TierState("1m", 220, 0.0)],
        RecentAttempts(15.0, 0, {"503": 6, "connection": 4, "rejected_body": 2}, now - 3),
        512,
        reports=[WorkerReport("worker-a", now, circuit=down), WorkerReport("worker-b", now, circuit=down)],
    )
    return Status(DOWN, judge(flow), flow)


def unread(now: float) -> Status:
    """The one that does well, once a broker with some of its partitions is away."""
    source, tier, letters, journal = (
        Partition(f"{WELL}.{topic}", 1) for topic in ("source", "10s", "dlq", "j")
    )
    away = UnreadPartitions([source], [tier], [letters], [journal], [Partition(f"{WELL}.control", 0)])
    flow = _well(now).flow._replace(unread=away)
    return Status(WELL, judge(flow), flow)


def paused(now: float) -> Status:
    """The one in trouble, once somebody has paused it."""
    status = _down(now)
    flow = status.flow._replace(
        orders=[PauseOrder(Provenance(now - 30, "anna@console", HOSTILE[1]), now + 3600)]
    )
    return Status(DOWN, judge(flow), flow)
