"""What a bench run makes of its figures."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.bench.contenders import CONTENDERS
from tests.bench.goals import judge
from tests.bench.latency import Delays, row
from tests.bench.rounds import make_case, ratio, table
from tests.bench.world import Backlog, Sink
from tests.support.svg import Bar, Group, bars

NOWHERE = Sink("http://127.0.0.1:1", {})
BACKLOG = Backlog("127.0.0.1:1", "topic", 8)


def figures(cpu_us: float) -> dict[str, float]:
    """What a round may have cost."""
    return {"cpu_us": cpu_us, "per_core": 1e6 / cpu_us, "per_second": 5.0, "rss_mb": 7.0}


def test_a_ratio_is_of_rounds() -> None:
    """A round in which the machine was slow changes no ratio, nor does a single odd figure."""
    results = {"a": [figures(10), figures(99), figures(30)], "b": [figures(20), figures(22), figures(60)]}
    assert ratio(results, "a", "b") == 0.5


def test_a_table_has_a_row_for_each_case() -> None:
    """A row has the median, the spread, and the ratio to what the case names."""
    cases = [make_case(name, name, NOWHERE, BACKLOG, 100, "bare") for name in ("bare", "worker")]
    text = table(cases, {"bare": [figures(20)] * 3, "worker": [figures(4), figures(5), figures(6)]}, "what")
    assert text.splitlines()[2:] == [
        "| bare | 20.0 | 20.0 to 20.0 | 1.00 | 5 | 7 |",
        "| worker | 5.0 | 4.0 to 6.0 | 0.25 | 5 | 7 |",
    ]


def test_goals_are_judged_where_the_run_can_tell() -> None:
    """A goal of a contender that did not run is not spoken of."""
    worker, bare, one = (CONTENDERS[name].what for name in ("worker", "bare", "faststream-one"))
    text = judge({worker: [figures(10)], bare: [figures(20)], one: [figures(90)]})
    assert text.splitlines()[2:] == [
        f"| {bare} | 2.0 | missed: at least 2.5 |",
        f"| {one} | 9.0 | met: at least 8 |",
    ]


def test_slow_contenders_do_a_share_of_the_events() -> None:
    """A share of the events is enough to know what one costs."""
    assert make_case("", "faststream-one", NOWHERE, BACKLOG, 1000, "").job.events == 250


def test_percentiles_are_of_what_was_seen() -> None:
    """Half of the values are below p50, one in a hundred is above p99."""
    assert row(Delays("", [float(number) for number in range(1001)])) == (
        "| 500.0 | 900.0 | 990.0 | 1000.0 | 1,001 |"
    )


def test_bars_are_well_formed_and_as_long_as_their_values() -> None:
    """A plot is XML whatever its labels say; half the value is half the length."""
    picture = bars("a < b", [Group("<g>", [Bar("x & y", 10), Bar("half", 5, 4, 6)])])
    root = ET.fromstring(picture)  # noqa: S314 - it is our own
    widths = [float(rect.attrib["width"]) for rect in root.findall("{*}rect")[1:]]
    assert widths[0] == 2 * widths[1]
