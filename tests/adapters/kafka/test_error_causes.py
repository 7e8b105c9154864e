"""Which of several errors is told: the one that an operator has to mend first."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka.error_causes import ErrorCauses, true_cause

GRAVEST_FIRST = [
    KafkaError(KafkaError._AUTHENTICATION, "Authentication failed"),
    KafkaError(KafkaError._SSL, "certificate verify failed"),
    KafkaError(KafkaError._RESOLVE, "Failed to resolve 'k1'"),
    KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART),
    KafkaError(KafkaError._TRANSPORT, "Connection refused"),
    KafkaError(KafkaError._TIMED_OUT, "timed out"),
    KafkaError(KafkaError._ALL_BROKERS_DOWN, "2/2 brokers are down"),
]


@pytest.mark.parametrize(("grave", "light"), list(combinations(GRAVEST_FIRST, 2)))
def test_gravest(grave: KafkaError, light: KafkaError) -> None:
    """The graver of two errors is the true cause, whichever was heard first."""
    for heard in permutations([grave, light]):
        assert true_cause(heard) is grave
        causes = ErrorCauses()
        for error in heard:
            causes.hear(error)
        assert causes.line() == grave.str()


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    ],
)
def test_rights_are_as_grave_as_a_login(code: int) -> None:
    """A right or a login that was refused is told before all that befell connections."""
    refused = KafkaError(code)
    assert all(true_cause([other, refused]) is refused for other in GRAVEST_FIRST[1:])


def test_first_of_equals() -> None:
    """Of two errors of one kind the first is told; of none there is none."""
    first, second = (KafkaError(KafkaError._TRANSPORT, text) for text in ("a", "b"))
    assert true_cause([first, second]) is first
    assert true_cause([]) is None
    assert ErrorCauses().line() == ""


def test_a_failure_is_weighed() -> None:
    """A call that only timed out is explained by what was heard; what was forgotten explains nothing."""
    causes = ErrorCauses()
    causes.hear(GRAVEST_FIRST[0])
    timed_out = KafkaException(GRAVEST_FIRST[5])
    assert causes.line(timed_out) == "Authentication failed"
    causes.forget()
    assert causes.line(timed_out) == "timed out"
    assert causes.line(TimeoutError("no answer")) == "no answer"


def test_all_addresses_are_tried() -> None:
    """A failure is told when the client has tried all its addresses, not after the first one."""
    causes = ErrorCauses()
    coming = iter([GRAVEST_FIRST[4], GRAVEST_FIRST[4], GRAVEST_FIRST[0]])
    line = causes.line_of_all(GRAVEST_FIRST[5], lambda _wait: causes.hear(next(coming)))
    assert line == "Authentication failed"
    coming = iter([GRAVEST_FIRST[4], GRAVEST_FIRST[6]])
    causes.forget()
    assert (
        causes.line_of_all(GRAVEST_FIRST[5], lambda _wait: causes.hear(next(coming))) == "Connection refused"
    )


@pytest.mark.parametrize(
    ("heard", "asked"),
    [
        ([GRAVEST_FIRST[0]], [5.0]),
        ([GRAVEST_FIRST[4], GRAVEST_FIRST[6]], [5.0]),
        ([GRAVEST_FIRST[4]], [5.0, 5.0]),
        ([], [5.0, 5.0]),
    ],
)
def test_patience(heard: list[KafkaError], asked: list[float]) -> None:
    """What no address takes, or lets in, is given up after half of the time; what is slow is waited for."""
    causes, waited = ErrorCauses(), list[float]()

    def ask(seconds: float) -> None:
        waited.append(seconds)
        raise KafkaException(GRAVEST_FIRST[5])

    def tell(_wait: float) -> None:
        for error in heard:
            causes.hear(error)

    with pytest.raises(KafkaException):
        causes.patient(ask, tell, 10.0)
    assert waited == asked
    waited.clear()
    with pytest.raises(KafkaException):
        causes.patient(ask, tell, 3.0)
    assert waited == [3.0]
