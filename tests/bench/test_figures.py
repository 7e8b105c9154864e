"""What a bench run makes of its figures."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.bench import go_peer
from tests.bench.contenders import CONTENDERS
from tests.bench.flame import ROW, draw_flame
from tests.bench.goals import judge, judge_routing
from tests.bench.latency import Delays, row
from tests.bench.rounds import make_case, ratio, table
from tests.bench.world import Backlog, Sink
from tests.support.svg import Bar, Group, bars

NOWHERE = Sink("http://127.0.0.1:1", {})
BACKLOG = Backlog("127.0.0.1:1", "topic", 8)


def figures(cpu_us: float) -> dict[str, float]:
    """What a round may have cost."""
    return {"cpu_us": cpu_us, "per_core": 1e6 / cpu_us, "per_second": 5.0, "rss_mb": 7.0, "start_cpu_s": 0.5}


def test_a_ratio_is_of_rounds() -> None:
    """A round in which the machine was slow changes no ratio, nor does a single odd figure."""
    results = {"a": [figures(10), figures(99), figures(30)], "b": [figures(20), figures(22), figures(60)]}
    assert ratio(results, "a", "b") == 0.5


def test_a_table_has_a_row_for_each_case() -> None:
    """A row has the median, the spread, and the ratio to what the case names."""
    cases = [make_case(name, name, NOWHERE, BACKLOG, 100, "bare") for name in ("bare", "worker")]
    text = table(cases, {"bare": [figures(20)] * 3, "worker": [figures(4), figures(5), figures(6)]}, "what")
    assert text.splitlines()[2:] == [
        "| bare | 20.0 | 20.0 to 20.0 | 1.00 | 5 | 7 | 0.50 |",
        "| worker | 5.0 | 4.0 to 6.0 | 0.25 | 5 | 7 | 0.50 |",
    ]


def test_goals_are_judged_where_the_run_can_tell() -> None:
    """A goal of a contender that did not run is not spoken of."""
    worker, bare, one = (CONTENDERS[name].what for name in ("worker", "bare", "faststream-one"))
    text = judge({worker: [figures(10)], bare: [figures(20)], one: [figures(90)]})
    assert text.splitlines()[2:] == [
        f"| {worker} | {bare} | 2.00 | missed: at least 2.78 |",
        f"| {worker} | {one} | 9.00 | met: at least 8.00 |",
    ]


def test_speed_is_judged_by_what_there_may_be() -> None:
    """With a latency, by what so many in flight give; without, by Go's speed, if it ran."""
    worker, bare, go = (CONTENDERS[name].what for name in ("worker", "bare", "go"))
    results = {
        name: [{**figures(10), "per_second": speed}]
        for name, speed in ((worker, 11_600.0), (bare, 12_100.0), (go, 12_500.0))
    }
    assert judge(results, 20.0).splitlines()[-2:] == [
        f"| {worker} | 11,600 | 256 in flight can give, 12,800 | 0.91 | met: at least 0.90 |",
        f"| {bare} | 12,100 | 256 in flight can give, 12,800 | 0.95 |  |",
    ]
    assert f"| {worker} | 11,600 | {go} | 0.93 | met: at least 0.90 |" in judge(results)
    assert "per second" not in judge({worker: results[worker], bare: results[bare]})


def test_what_several_destinations_cost_is_judged() -> None:
    """What takes an event is held to one destination's cost, what passes over it to the bare loop's."""
    costs = {
        "bare": 204.0,
        "one-alone": 10.0,
        "one-of-several": 12.0,
        "only-reads": 1.0,
        "passed-by-field": 7.0,
    }
    costs |= {"passed-by-header": 5.0, "passed-by-fallback": 8.0}
    text = judge_routing({CONTENDERS[name].what: [figures(cpu)] for name, cpu in costs.items()})
    told = [line.split(" | ")[1:] for line in text.splitlines()[2:]]
    worker, bare = CONTENDERS["one-alone"].what, CONTENDERS["bare"].what
    assert told == [
        ["12.0", "11.0", f"1.200 of {worker}", "missed: at most 1.100 |"],
        ["7.0", "6.0", f"0.034 of {bare}", "met: at most 0.039 |"],
        ["8.0", "7.0", f"0.039 of {bare}", "met: at most 0.039 |"],
        ["5.0", "4.0", f"0.025 of {bare}", "missed: at most 0.020 |"],
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


def test_a_flame_graph_is_well_formed_and_adds_up() -> None:
    """Each frame is as wide as its share, above its caller, and tells its whole name to who points at it."""
    folded = "run;http/direct.py:begin<1> 3\nrun;core/gate.py:admits 1\nrun 4\n"
    root = ET.fromstring(draw_flame(folded, "CPU & more"))  # noqa: S314 - it is our own
    name = "{http://www.w3.org/2000/svg}"
    told = {title.text: rect for group in root.iter(f"{name}g") for title, rect in [(group[0], group[1])]}
    whole, part = told["all: 100.0% (8 looks)"], told["http/direct.py:begin<1>: 37.5% (3 looks)"]
    assert float(part.attrib["width"]) == float(whole.attrib["width"]) * 3 / 8
    assert float(part.attrib["y"]) == float(whole.attrib["y"]) - 2 * ROW


def test_no_flame_of_nothing() -> None:
    """Where nothing was seen, that is said rather than drawn."""
    with pytest.raises(ValueError, match="no stacks"):
        draw_flame("", "nothing")


def test_without_go_the_peer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no Go is told so, and the other contenders run."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    go_peer.build.cache_clear()
    try:
        assert go_peer.missing() == go_peer.MISSING
    finally:
        go_peer.build.cache_clear()


def test_goals_are_those_of_the_latency() -> None:
    """At 20 ms the worker is held to what is asked of it there."""
    worker, bare = CONTENDERS["worker"].what, CONTENDERS["bare"].what
    text = judge({worker: [figures(10)], bare: [figures(30)]}, 20.0)
    assert text.splitlines()[2:4] == [f"| {worker} | {bare} | 3.00 | met: at least 2.50 |", ""]
