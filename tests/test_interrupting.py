"""Which tests interrupt a program: each has it heed the signal, and keeps coverage's tracer out of it.

An interrupt is raised wherever the program is; within coverage's tracer, which keeps its lock then, it hangs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
FIXTURE = "heeds_interrupts"
SENDERS = {"send_signal", "kill", "killpg"}
UNHEARD = {"SIGKILL", "SIGSTOP", "SIGCONT"}
"""Signals that raise nothing in a program."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def interrupting(source: str) -> Iterator[tuple[Function, bool]]:
    """The tests that send a signal, by a helper of their module too, and whether they use the fixture."""
    module = ast.parse(source)
    functions = {one.name: one for one in ast.walk(module) if isinstance(one, Function)}
    of_all = any(
        FIXTURE in ast.unparse(one) for one in module.body if ast.unparse(one).startswith("pytestmark")
    )
    for one in functions.values():
        if one.name.startswith("test_") and any(map(sends, reached(one, functions))):
            head = [*one.decorator_list, *one.args.args, *one.args.kwonlyargs]
            yield one, of_all or any(FIXTURE in ast.unparse(part) for part in head)


def reached(one: Function, functions: dict[str, Function]) -> list[Function]:
    """A function and all of its module that it names, and so on."""
    found = {one.name: one}
    pending = [one]
    while pending:
        for node in ast.walk(pending.pop()):
            name = node.id if isinstance(node, ast.Name) else ""
            if name in functions and name not in found:
                found[name] = functions[name]
                pending.append(functions[name])
    return list(found.values())


def sends(one: Function) -> bool:
    """Whether it sends a signal that a program hears."""
    for node in ast.walk(one):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SENDERS:
            asked = [part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)]
            if node.args and not UNHEARD.intersection(asked):
                return True
    return False


@pytest.mark.parametrize("folder", ["cli", "demo", "docs"])
def test_each_has_it_heard(folder: str) -> None:
    """Each test that interrupts a command uses the fixture."""
    without = [
        f"{path.name}::{one.name}"
        for path in sorted((ROOT / folder).glob("test_*.py"))
        for one, uses in interrupting(path.read_text("utf-8"))
        if not uses
    ]
    assert without == []


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("def test_a(): program.send_signal(signal.SIGINT)", [False]),
        ("def test_a(heeds_interrupts): program.send_signal(signal.SIGINT)", [True]),
        ("@pytest.mark.usefixtures('heeds_interrupts')\ndef test_a(): os.kill(pid, number)", [True]),
        ("pytestmark = pytest.mark.usefixtures('heeds_interrupts')\ndef test_a(): os.kill(1, 2)", [True]),
        ("def stop(): os.killpg(pid, signal.SIGTERM)\ndef test_a(): stop()", [False]),
        ("def test_a(): program.send_signal(signal.SIGSTOP)", []),
        ("def test_a(): program.kill()", []),
    ],
)
def test_what_is_found(test: str, found: list[bool]) -> None:
    """Only signals that a program hears count, by the test itself or by what it calls."""
    assert [uses for _, uses in interrupting(test)] == found
