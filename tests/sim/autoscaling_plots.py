"""`python -m tests.sim.autoscaling_plots DIR`: workers by raw lag and by what is wanted, as SVG.

The rule: what is drawn and printed is what the tests judge: the same scenes, the same figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.sim import autoscaling
from tests.sim.autoscaling import Group, Moment, changes_in_an_hour, longest_lack
from tests.sim.plot import Line, Row, plot
from tests.sim.scenes import DAY, HOUR

# Records a worker, where raw lag decides: what is common.
LAG = 1_000.0


def main(folder: Path) -> None:
    """Run the scenes, print their figures, and draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    moments = autoscaling.day().run(DAY)
    _tell("a day", moments)
    rows = [
        _load(moments),
        Row("workers:", [_workers("there are", moments), _line("needed", moments, _needed)]),
    ]
    (folder / "autoscaling-day.svg").write_text(plot("A day with two campaigns", rows, unit=HOUR))
    away, taken = [(HOUR, 2 * HOUR)], [(HOUR, 3 * HOUR)]
    _compare(
        folder / "autoscaling-outage.svg",
        "The partner is away for an hour",
        autoscaling.outage,
        4 * HOUR,
        away,
    )
    _compare(
        folder / "autoscaling-full.svg",
        "The partner takes 1,200 of 3,000 a second",
        autoscaling.full,
        5 * HOUR,
        taken,
    )


def _compare(
    file: Path,
    title: str,
    scene: Callable[[float | None], Group],
    seconds: float,
    spans: Sequence[tuple[float, float]],
) -> None:
    wanted, by_lag = scene(None).run(seconds), scene(LAG).run(seconds)
    _tell(f"{title}, by what is wanted", wanted)
    _tell(f"{title}, by raw lag", by_lag)
    rows = [
        _load(wanted),
        Row(
            "millions due and not sent:",
            [_line("by what is wanted", wanted, _left), _line("by raw lag", by_lag, _left)],
        ),
        Row("workers:", [_workers("by what is wanted", wanted), _workers("by raw lag", by_lag)], 12.0),
    ]
    file.write_text(plot(title, rows, spans, HOUR))


def _tell(name: str, moments: Sequence[Moment]) -> None:
    workers = [moment.workers for moment in moments]
    print(
        f"{name}: {min(workers)} to {max(workers)} workers, {changes_in_an_hour(moments)} changes in the "
        f"busiest hour, too few for {longest_lack(moments):.0f} s at most"
    )


def _load(moments: Sequence[Moment]) -> Row:
    return Row("arriving a second:", [_line("", moments, lambda moment: moment.arriving)])


def _needed(moment: Moment) -> float:
    return moment.needed


def _left(moment: Moment) -> float:
    return moment.left / 1e6


def _workers(name: str, moments: Sequence[Moment]) -> Line:
    return _line(name, moments, lambda moment: float(moment.workers))


def _line(name: str, moments: Sequence[Moment], value: Callable[[Moment], float]) -> Line:
    return Line(name, [(moment.at, value(moment)) for moment in moments])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
