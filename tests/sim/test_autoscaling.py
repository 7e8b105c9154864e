"""An autoscaler on what is wanted: it follows need, and what more workers can't help moves nothing."""

from __future__ import annotations

import pytest

from tests.sim import autoscaling, scenes
from tests.sim.autoscaling import Moment, changes_in_an_hour, longest_lack
from tests.sim.autoscaling_plots import LAG
from tests.sim.partner import Bucket, Partner
from tests.sim.scenes import DAY, HOUR, MINUTE
from worker.core.answer import Request, Response


def steady(_request: Request) -> float:
    """A partner's latency, in seconds."""
    return 0.05


def between(moments: list[Moment], begin: float, end: float) -> list[Moment]:
    """The moments of a time."""
    return [moment for moment in moments if begin <= moment.at < end]


def test_a_day_with_peaks() -> None:
    """Through a day, and two campaigns, there are never too few for two minutes, and few changes."""
    moments = autoscaling.day().run(DAY)
    assert longest_lack(moments) <= 2 * MINUTE
    assert changes_in_an_hour(moments) <= 6
    assert {moment.workers for moment in between(moments, 0, 4 * HOUR)} == {1}
    assert max(moment.workers for moment in moments) <= 6


def test_an_outage_adds_none() -> None:
    """In an outage of an hour no worker is added, nor taken away; raw lag has all that there can be."""
    moments = autoscaling.outage().run(4 * HOUR)
    before = between(moments, 0, HOUR)[-1].workers
    assert {moment.workers for moment in between(moments, HOUR, 2 * HOUR)} == {before}
    assert changes_in_an_hour(moments) <= 6
    assert moments[-1].workers == before
    assert (
        max(moment.workers for moment in between(autoscaling.outage(LAG).run(2 * HOUR), HOUR, 2 * HOUR)) == 12
    )


def test_a_full_partner_adds_none() -> None:
    """What a partner refuses brings no worker; raw lag has all that there can be."""
    group = autoscaling.full()
    moments = group.run(5 * HOUR)
    most = between(moments, HOUR, 3 * HOUR)
    assert {moment.workers for moment in most} == {1}
    assert changes_in_an_hour(moments) <= 6
    assert max(moment.workers for moment in autoscaling.full(LAG).run(3 * HOUR)) == 12


def test_never_more_than_partitions() -> None:
    """However much arrives, no more are wanted than there are partitions."""
    moments = autoscaling.Group(lambda _: 100_000.0, partitions=5).run(HOUR)
    assert max(moment.wanted for moment in moments) == moments[-1].workers == 5


def test_a_real_worker_that_is_too_slow() -> None:
    """A runner that does half of what comes, all lanes busy, wants one more, and some for what is left."""
    world = scenes.crowded(Partner(latency=steady), 560.0, MINUTE, concurrency=16)
    assert world.samples[-1].wanted == pytest.approx(2 / 0.8, rel=0.15)


def test_a_real_worker_before_a_full_partner() -> None:
    """A runner whose partner says 429 to two thirds of what comes wants no other."""
    world = scenes.crowded(Partner(Bucket(300), latency=steady, too_many=Response(429)), 900.0, 2 * MINUTE)
    assert max(sample.wanted for sample in world.samples) <= 1.0


def test_a_real_worker_in_an_outage() -> None:
    """A runner whose partner is away wants no other, nor for what waits in the tiers."""
    world = scenes.outage("503", 3 * MINUTE, 200.0, before=20.0, after=0.0).world
    assert max(sample.wanted for sample in world.samples) <= 1.0
