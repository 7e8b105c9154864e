"""The verdict on a run with several destinations: each judged by itself, and what none of them may do.

The rules: an event is asked for, retried or dead-lettered by those alone who are to be told of it; what is
nobody's is dead-lettered by the first by name, and asked for by none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.chaos.checker import Verdict, check, tell
from tests.chaos.evidence import Evidence
from tests.chaos.rows import Row
from tests.chaos.violations import Violation


def check_all(
    evidences: Mapping[str, Evidence], is_nobodys: Callable[[str], bool], timeout: float, drain: float
) -> Verdict:
    """Judge each network's evidence, by its name, and say it as one verdict; see `checker.check`."""
    verdicts = {name: check(evidence, timeout, drain) for name, evidence in evidences.items()}
    explained: Counter[Row] = Counter()
    gone: Counter[str] = Counter()
    violations: list[Violation] = []
    for name, verdict in verdicts.items():
        explained.update(verdict.explained)
        gone.update(verdict.gone)
        found = (*verdict.violations, *astray(evidences[name]), *sent(evidences[name], is_nobodys))
        violations.extend(one._replace(subject=f"{name}: {one.subject}") for one in found)
    each = verdicts.values()
    return Verdict(
        sum(verdict.events for verdict in each),
        sum(verdict.delivered for verdict in each),
        sum(verdict.dead for verdict in each),
        dict(explained),
        dict(gone),
        violations,
        max(verdict.longest_pause for verdict in each),
    )


def astray(evidence: Evidence) -> Iterator[Violation]:
    """Events of others that a network was asked for, or has records of."""
    for story in evidence.stories.values():
        if not story.acknowledged:
            yield Violation("astray", story.event, tell(story))


def sent(evidence: Evidence, is_nobodys: Callable[[str], bool]) -> Iterator[Violation]:
    """Events that are nobody's, and that a network was asked for."""
    for story in evidence.stories.values():
        if story.requests and is_nobodys(story.event):
            yield Violation("unrouted, and sent", story.event, tell(story))
