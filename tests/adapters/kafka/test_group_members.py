"""Who is in groups: asked with one client, through any trouble of the broker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

import worker
from worker.adapters.kafka import group_members
from worker.adapters.kafka.group_members import GroupMembers


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_broker_that_comes_back_ends_nobody_who_asks_of_groups(times: int) -> None:
    """Again and again it goes away with questions open: the process lives on, and is answered again."""
    command = [sys.executable, "-m", "tests.adapters.kafka.asking_of_groups", str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr


def test_groups_are_asked_about_in_one_place() -> None:
    """Nobody else gives a question on groups a limit, which could abort the process."""
    root = Path(worker.__file__).parent
    calls = (".describe_consumer_groups(", ".list_consumer_groups(", ".list_consumer_group_offsets(")
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(call in path.read_text() for call in calls)
    }
    assert found == {"adapters/kafka/group_questions.py"}


def test_a_client_without_answers_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is never answered, as some of a broker that has just begun, costs no answer: another asks."""
    asked: list[AdminClient] = []

    def ask(admin: AdminClient, groups: Sequence[str]) -> dict[str, Future[Any]]:
        asked.append(admin)
        answers: dict[str, Future[Any]] = {group: Future() for group in groups}
        if admin is not asked[0]:
            for answer in answers.values():
                answer.set_result(SimpleNamespace(members=[SimpleNamespace(client_id="w-1")]))
        return answers

    monkeypatch.setattr(group_members, "ask_of_groups", ask)
    monkeypatch.setattr(group_members, "SILENT_SECONDS", 0.1)
    with GroupMembers({"bootstrap.servers": "127.0.0.1:1"}, ["g"]) as members:
        assert members.members() == {"g": ["w-1"]}
    assert len(asked) == 2
