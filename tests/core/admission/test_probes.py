"""Probes: whom they ask, how soon, and what they cost."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import make_partition, pending_record
from tests.support.untraced import untraced
from worker.core.admission.probes import Probes
from worker.core.answer import Answer, Failure, FailureKind, Response
from worker.core.assigned_partition import AssignedPartition
from worker.core.classify import AnswerRules, AnswerVerdict, classify
from worker.core.fence import Tenure
from worker.core.retry import Tier


def verdict(answer: Answer) -> AnswerVerdict:
    """Judge an answer."""
    return classify(answer, AnswerRules(), 0.0)


INTERNAL = verdict(Response(500))
AWAY = verdict(Response(503))
TIMEOUT = verdict(Failure(FailureKind.TIMEOUT, "no answer"))
REFUSED = verdict(Failure(FailureKind.CONNECTION, "refused"))


def full(number: int = 0, count: int = 1_000, tier: Tier | None = None) -> AssignedPartition:
    """Return a partition that holds so many records, all due."""
    partition = make_partition(number)
    partition.tier = tier
    partition.waiting.extend(pending_record(partition, offset) for offset in range(count))
    return partition


def search(
    answers: dict[AssignedPartition, AnswerVerdict],
    seconds: float,
    pause: float = 30.0,
    *,
    was_there: bool = False,
) -> tuple[list[float], int]:
    """Fail probe after probe on these partitions; return when one cost an attempt, and how many were made."""
    probing, costs, made = Probes(), [], 0
    for partition in answers:
        probing.note(partition, first=False)
    besides, regular, now = (
        probing.opened(pending_record(next(iter(answers)), -1), 0.0, none_taken=True, was_there=was_there),
        1.0,
        0.0,
    )
    while (now := min(besides, regular)) < seconds:
        if now >= regular:
            regular = now + pause
        partition = probing.choose([*answers][made % len(answers) :] + [*answers][: made % len(answers)])
        probing.step(partition, now)
        pending = partition.waiting.popleft()
        costs_one, besides = probing.failed(pending, answers[partition], now, now + 0.02)
        made += 1
        if costs_one:
            costs.append(now)
        else:
            partition.waiting.append(pending)
    return costs, made


def test_one_partition_is_searched() -> None:
    """Of one partition that gets 500 some hundred records use up an attempt in a minute, none at first."""
    costs, made = search({full(): INTERNAL}, 60.0)
    assert costs[0] >= 3.0
    assert 250 <= len(costs) <= 450
    assert made <= 600


@pytest.mark.parametrize(("answer", "most"), [(INTERNAL, 3), (AWAY, 0), (TIMEOUT, 0), (REFUSED, 0)])
def test_an_outage_of_a_minute(answer: AnswerVerdict, most: int) -> None:
    """Where several partitions fail a minute costs next to nothing, and few probes are made."""
    costs, made = search({full(number): answer for number in range(4)}, 60.0)
    assert len(costs) <= most
    assert made <= 15


@pytest.mark.parametrize(("answer", "most"), [(AWAY, 40), (TIMEOUT, 40), (REFUSED, 0)])
def test_an_outage_of_a_day(answer: AnswerVerdict, most: int) -> None:
    """A day in which nothing is taken costs so many records one attempt."""
    with untraced():
        costs, _ = search({full(number): answer for number in range(4)}, 86_400.0)
    assert len(costs) <= most


@pytest.mark.parametrize(("minutes", "most"), [(1, 0), (10, 15), (60, 90), (1_440, 2_200)])
def test_a_partner_that_had_taken_others(minutes: int, most: int) -> None:
    """Where several get 500 that had been taken before, less than two records a minute give way."""
    partitions = [full(number, count=3_000) for number in range(4)]
    with untraced() if minutes > 60 else nullcontext():
        costs, made = search(dict.fromkeys(partitions, INTERNAL), minutes * 60.0, was_there=True)
    assert most * 0.8 <= len(costs) <= most
    assert made <= 15 + 2 * minutes


def test_while_there_is_room() -> None:
    """Where more may be read of a partition no record of it gives way; where bytes are short it does."""
    partition, probing = full(count=20), Probes()
    probing.opened(pending_record(partition, -1), 0.0, none_taken=True)
    partition.granted = 5
    pending = partition.waiting[0]
    assert probing.failed(pending, INTERNAL, 100.0, 100.0)[0] is False
    probing.crowded = True
    assert probing.failed(pending, INTERNAL, 100.0, 100.0)[0] is True
    probing.crowded, partition.paused = False, True
    assert probing.failed(pending, INTERNAL, 200.0, 200.0)[0] is True


def test_one_of_several_is_dug_through() -> None:
    """Where several get 500 for longer than a minute, one of them gives way, by some hundreds."""
    partitions = [full(number) for number in range(4)]
    costs, _ = search(dict.fromkeys(partitions, INTERNAL), 120.0)
    assert costs[0] >= 60.0
    assert 250 <= len(costs) <= 450
    assert sorted(len(partition.waiting) for partition in partitions) == [1_000 - len(costs), *[1_000] * 3]


def test_another_is_dug_through_after_it() -> None:
    """Where nothing is left of the one that was dug through, another one follows."""
    partitions = [full(number, count=30) for number in range(2)]
    costs, _ = search(dict.fromkeys(partitions, INTERNAL), 66.0)
    assert len(costs) > 30


def test_it_never_stands_still() -> None:
    """However much speaks for an outage, records that fail use up an attempt now and then."""
    costs, _ = search({full(number): AWAY for number in range(4)}, 86_400.0)
    assert len(costs) >= 20


def test_a_record_of_a_tier_pays_nothing() -> None:
    """What has used up an attempt already pays for no probe."""
    costs, made = search({full(tier=Tier("10s", 10.0)): INTERNAL}, 3_600.0)
    assert (costs, made <= 200) == ([], True)


def test_the_source_is_asked_before_the_tiers() -> None:
    """Of eight probes one goes to a tier, as long as the source has something."""
    source, tier = full(0), full(1, tier=Tier("10s", 10.0))
    probing = Probes()
    asked = [probing.choose([tier, source]) for _ in range(16)]
    assert (asked.count(source), asked.count(tier)) == (14, 2)
    assert probing.choose([tier]) is tier


@given(st.integers(1, 300), st.integers(1, 100))
def test_others_before_the_same_again(count: int, probes: int) -> None:
    """No record is asked about twice before all of its partition have been."""
    partition, probing, asked = full(count=count), Probes(), []
    other = full(1)
    probing.note(other, first=True)
    probing.opened(pending_record(other, -1), 0.0, none_taken=False)
    for now in range(probes):
        probing.step(partition, 0.0)
        pending = partition.waiting.popleft()
        asked.append(pending.record.offset)
        assert probing.failed(pending, AWAY, 0.0, now / 1_000) == (False, float("inf"))
        partition.waiting.append(pending)
    assert len(set(asked)) == min(count, probes)
    assert len(partition.waiting) == count


def test_a_few_probes_find_what_is_behind_a_run() -> None:
    """Where a third of what is held is a run that fails, few probes come to what is behind it."""
    for begin in range(0, 1_000, 50):
        partition, probing = full(), Probes()
        asked: list[int] = []
        probing.note(full(1), first=True)
        while not asked or (asked[-1] - begin) % 1_000 < 333:
            probing.step(partition, 0.0)
            pending = partition.waiting.popleft()
            asked.append(pending.record.offset)
            probing.failed(pending, AWAY, 0.0, 0.0)
            partition.waiting.append(pending)
        assert len(asked) <= 4


def test_what_is_not_due_stays_behind() -> None:
    """In a tier the places are those of what is due, and what is not keeps its order behind it."""
    partition = make_partition()
    partition.waiting.extend(pending_record(partition, offset, due=float(offset)) for offset in range(20))
    Probes().step(partition, 9.5)
    offsets = [pending.record.offset for pending in partition.waiting]
    assert sorted(offsets[:10]) == list(range(10))
    assert offsets[0] == 6
    assert offsets[10:] == list(range(10, 20))


def test_what_failed_goes_on_elsewhere() -> None:
    """When the circuit opens, each partition of those that failed goes on at another place."""
    one, other = full(0), full(1)
    probing = Probes()
    probing.note(one, first=True)
    assert probing.opened(pending_record(one, -1), 0.0, none_taken=False) == float("inf")
    assert one.waiting[0].record.offset == 618
    assert other.waiting[0].record.offset == 0


def test_partitions_that_are_gone_are_forgotten() -> None:
    """What is remembered of a partition ends with its assignment."""
    partition, probing = full(), Probes()
    probing.note(full(1), first=True)
    probing.failed(partition.waiting.popleft(), AWAY, 0.0, 0.0)
    partition.tenure = Tenure.LEFT
    other = full(2)
    probing.opened(pending_record(other, 0), 1.0, none_taken=True)
    assert set(probing._failed) == {other}


def test_what_comes_after_a_run_that_fills_all() -> None:
    """Where all that was held fails, what has come since is asked about soon."""
    partition, probing = full(), Probes()
    probing.note(full(1), first=True)
    for _ in range(20):
        probing.step(partition, 0.0)
        pending = partition.waiting.popleft()
        probing.choose([partition])
        probing.failed(pending, AWAY, 0.0, 0.0)
        partition.waiting.append(pending)
    partition.waiting.extend(pending_record(partition, offset) for offset in range(1_000, 1_050))
    asked = []
    for _ in range(12):
        probing.choose([partition])
        probing.step(partition, 0.0)
        asked.append(partition.waiting[0].record.offset)
        probing.failed(partition.waiting.popleft(), AWAY, 0.0, 0.0)
    assert any(offset >= 1_000 for offset in asked)
