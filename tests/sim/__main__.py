"""`python -m tests.sim`: run the scenes and print their figures; `--plots DIR` draws them as SVG.

The rule: what is printed is counted in the run, nothing is rounded in our favour.
"""

from __future__ import annotations

import argparse
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

from tests.sim import scenes
from tests.sim.partner import Bucket, Partner, Windows
from tests.sim.plot import Line, Row, plot
from tests.sim.scenes import DAY, HOUR, OutageScene
from tests.sim.world import World

# A pace that is shown as none.
_UNPACED = 1e6


def full() -> list[tuple[str, World]]:
    """A partner of 300 a second that answers 429 beyond, counting evenly or by the second of the clock."""
    made = []
    for meter in (Bucket, Windows):
        for retry_after in (None, "1"):
            world = scenes.full(meter(300), retry_after)
            name = f"300/s, {meter.__name__.lower()}, Retry-After {retry_after or 'none'}"
            partner = world.partner
            kept = _sum(partner, 20, 60) / 40
            share = partner.refused.total() / partner.arrived.total()
            print(f"{name}: {kept:.0f}/s kept from 20 s on ({kept / 3:.0f} %), {share:.2%} refused in all")
            made.append((name, world))
    return made


def random() -> None:
    """Refusals that are not for load, and five in a row with a Retry-After."""
    could = 5_120
    for status, share in ((429, 0.01), (429, 0.05), (503, 0.05), (500, 0.05)):
        kept = _sum(scenes.sporadic(status, share, 20.0).partner, 10, 20) / 10
        print(f"{share:.0%} of {status}, whatever the load: {kept:.0f}/s from 10 s on ({kept / could:.0%})")
    taken = scenes.few(10.0, 20.0).partner.taken
    after = ", ".join(str(taken[second]) for second in range(9, 16))
    print(f"five 429 with Retry-After 1 at 10 s, 1,000/s: taken in the seconds from 9 on: {after}")


def rated() -> None:
    """A rate of 50, with timers that are late, an outage, retries and probes."""
    starts = scenes.rated(50.0, 90.0).partner.starts
    fullest = max(bisect_left(starts, start + 1.0 - 1e-9) - index for index, start in enumerate(starts))
    a_minute = bisect_left(starts, 80.0) - bisect_left(starts, 20.0)
    print(f"rate of 50: {fullest} in the fullest second, {a_minute} a minute")


def minute() -> None:
    """An outage of a minute at 200 a second, in each way of being away."""
    for kind in ("refused", "503", "hang"):
        scene = scenes.outage(kind, 60.0, 200.0, before=20.0, after=60.0)
        print(f"60 s {kind}, 200/s: {_outage_figures(scene)}")


def days() -> None:
    """An outage of a day: at full size up to its recovery, and with few events to the end."""
    scene = scenes.outage("refused", DAY, 1_000.0, before=4.0, after=45.0, capacity=2_000.0, every=60.0)
    end = int(scene.end + 45.0)
    reached = _sum(scene.world.partner, end - 10, end) / 10
    print(f"24 h, 1,000/s, partner of 2,000/s: {_outage_figures(scene)}; then {reached:.0f}/s")
    scene = scenes.outage("refused", DAY, 0.25, before=60.0, after=DAY / 19 * 1.25, capacity=5.0, every=60.0)
    print(f"24 h, 0.25/s, partner of 5/s, to the end: {_outage_figures(scene)}")


def hour() -> OutageScene:
    """An outage of an hour at 20 a second, before a partner of 100 a second."""
    scene = scenes.outage("503", HOUR, 20.0, before=300.0, after=1_500.0, capacity=100.0, every=2.0)
    print(f"1 h of 503, 20/s, partner of 100/s: {_outage_figures(scene)}")
    return scene


def draw(folder: Path, fulls: list[tuple[str, World]], away: OutageScene) -> None:
    """Draw the pace at a full partner, the hour away, and the recovery from it."""
    folder.mkdir(parents=True, exist_ok=True)
    name, world = fulls[0]
    title = f"A partner that answers 429 beyond {name.partition('/')[0]} a second"
    (folder / "full.svg").write_text(plot(title, [*_load(world, 0, 60), _paces(world, 0, 60)]))
    world, begin, end = away
    span = [(begin, end)]
    rows = [
        *_load(world, 0, int(end) + 1_500, 10),
        _limits(world, 0, end + 1_500),
        _circuit(world, end + 1_500),
    ]
    (folder / "outage.svg").write_text(plot("An hour of 503", rows, span, 60.0))
    first = world.book.deliveries[bisect_left(world.book.deliveries, end)]
    rows = [*_load(world, int(first) - 5, int(first) + 40), _limits(world, first - 5, first + 40)]
    (folder / "recovery.svg").write_text(plot("The first seconds after the outage", rows))


def _outage_figures(scene: OutageScene) -> str:
    world, _, end = scene
    used = sum(count for (outcome, _), count in world.book.attempts.items() if outcome != "delivered")
    used -= world.partner.refused.total()
    starts, deliveries = world.partner.starts, world.book.deliveries
    first = deliveries[bisect_left(deliveries, end)]
    herd = bisect_left(starts, first + 1.0) - bisect_left(starts, first)
    twice = len(world.book.delivered_ids) != len(deliveries)
    lost = world.produced - len(deliveries) - world.left - world.waiting - world.book.deaths.total()
    return (
        f"{used} attempts used up, first delivery {first - end:.1f} s after the return, "
        f"{herd} requests in the second after it, {len(deliveries)} of {world.produced} delivered, "
        f"{world.left + world.waiting} left, {lost} lost, {world.book.deaths.total()} dead"
        + (", SOME TWICE" if twice else "")
    )


def _sum(partner: Partner, begin: int, end: int) -> int:
    return sum(partner.taken[second] for second in range(begin, end))


def _load(world: World, begin: int, end: int, step: int = 1) -> list[Row]:
    partner = world.partner

    def series(of: Callable[[int], int]) -> list[tuple[float, float]]:
        return [
            (float(at), sum(of(second) for second in range(at, at + step)) / step)
            for at in range(begin, end - step, step)
        ]

    lines = [
        Line("recorded", series(lambda second: partner.taken[second])),
        Line("not recorded", series(lambda second: partner.arrived[second] - partner.taken[second])),
    ]
    return [Row("requests a second:", lines)]


def _limits(world: World, begin: float, end: float) -> Row:
    samples = [sample for sample in world.samples if begin <= sample.at <= end]
    limit = [(sample.at, float(sample.limit)) for sample in samples]
    in_flight = [(sample.at, float(sample.in_flight)) for sample in samples]
    return Row("requests in flight:", [Line("limit", limit), Line("in flight", in_flight)])


def _paces(world: World, begin: float, end: float) -> Row:
    samples = [sample for sample in world.samples if begin <= sample.at <= end and sample.pace < _UNPACED]
    return Row(
        "pace (most starts a second):", [Line("pace", [(sample.at, sample.pace) for sample in samples])]
    )


def _circuit(world: World, end: float) -> Row:
    states = [(sample.at, float(sample.circuit)) for sample in world.samples if sample.at <= end]
    return Row("circuit (2 is open):", [Line("state", states)], 2.0)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw SVG files there")
    given = parser.parse_args()
    began = time.perf_counter()
    fulls, away = full(), hour()
    if given.plots:
        draw(given.plots, fulls, away)
    random()
    rated()
    minute()
    days()
    print(f"all in {time.perf_counter() - began:.0f} s of real time")


if __name__ == "__main__":
    main()
