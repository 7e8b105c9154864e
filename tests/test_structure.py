"""How large the parts of the program may be, and that each of them is used: by tools, not by eye."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 40
MOST_COLLABORATORS = 6
MOST_METHODS_OF_THE_POLL_THREAD = 8

# Names that somebody else calls, by the name of the file: a protocol of a library, or of the data itself.
CALLED_BY_OTHERS = {
    "worker/adapters/http/parser.py": {"on_message_begin", "on_message_complete", "on_body"},  # httptools
    "worker/adapters/http/batching_transport.py": {"writelines"},  # asyncio's transports
    "worker/adapters/otlp.py": {"emit"},  # logging
    "worker/adapters/process/stderr.py": {"writable"},  # io.TextIOBase
    "worker/adapters/process/stdout.py": {"writable"},
    "worker/cli/__init__.py": {"list_commands"},  # typer
    "schemas/headers.py": {"UNDECODABLE"},  # made from its text
    "worker/settings/model.py": {"settings_customise_sources"},  # pydantic-settings
    "worker/core/changed_files.py": {"device", "inode", "written_ns", "changed_ns"},  # compared as a whole
}

PARTITION = "worker/core/assigned_partition.py"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[str]:
    """The Python files of these folders, by their path in the repository."""
    return [str(file.relative_to(ROOT)) for name in folders for file in sorted((ROOT / name).rglob("*.py"))]


@cache
def tree(name: str) -> ast.Module:
    """A file, parsed."""
    return ast.parse((ROOT / name).read_text("utf-8"))


def functions(name: str) -> Iterator[Function]:
    """The functions and methods of a file."""
    return (node for node in ast.walk(tree(name)) if isinstance(node, Function))


def classes(name: str) -> Iterator[ast.ClassDef]:
    """The classes of a file."""
    return (node for node in ast.walk(tree(name)) if isinstance(node, ast.ClassDef))


def methods(of: ast.ClassDef) -> list[Function]:
    """The methods of a class."""
    return [node for node in of.body if isinstance(node, Function)]


def width(constructor: Function) -> int:
    """How many things a constructor takes."""
    takes = constructor.args
    return len([*takes.posonlyargs, *takes.args, *takes.kwonlyargs]) - 1


@pytest.mark.parametrize("folder", ["worker", "schemas", "tests"])
def test_files_are_short(folder: str) -> None:
    """A file is read in one go."""
    lines = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in sources(folder)}
    assert {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_functions_are_short() -> None:
    """A function is seen at a glance."""
    lengths = {
        f"{name}:{one.name}": (one.end_lineno or 0) - one.lineno + 1
        for name in sources("worker", "schemas")
        for one in functions(name)
    }
    assert {name: count for name, count in lengths.items() if count > MOST_LINES_OF_A_FUNCTION} == {}


def test_a_class_knows_little() -> None:
    """A constructor takes six things at most, but where all is put together."""
    widths = {
        f"{name}:{one.name}": width(constructor)
        for name in sources("worker")
        if name != "worker/app.py"
        for one in classes(name)
        for constructor in methods(one)
        if constructor.name == "__init__"
    }
    assert {name: count for name, count in widths.items() if count > MOST_COLLABORATORS} == {}


@pytest.mark.parametrize("module", ["poll_thread", "group_member"])
def test_the_poll_thread_is_told_few_things(module: str) -> None:
    """What another thread may have the poll thread do, or its member, is a short list."""
    (told,) = classes(f"worker/adapters/kafka/{module}.py")
    public = [one.name for one in methods(told) if not one.name.startswith("_")]
    assert 0 < len(public) <= MOST_METHODS_OF_THE_POLL_THREAD


def test_what_is_known_of_a_partition_is_written_by_one_module_each() -> None:
    """Of an assigned partition's fields each is written by its own class, or by one other module."""
    fields = {
        key.value
        for node in ast.walk(tree(PARTITION))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }
    writers: dict[str, set[str]] = {}
    for name in sources("worker"):
        for field in written(name) & fields if name != PARTITION else ():
            writers.setdefault(str(field), set()).add(name)
    assert {"paused", "committed"} <= writers.keys()
    assert {field: names for field, names in writers.items() if len(names) > 1} == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Modules can be read in an order in which each needs only those before it."""
    names = {module(name): name for name in sources("worker", "schemas")}
    graph = {own: set(imported(name, names)) - {own} for own, name in names.items()}
    assert sum(map(len, graph.values())) > len(names)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        pytest.fail(" -> ".join(cycle.args[1]))


def test_the_end_waits_for_no_broker() -> None:
    """The process's end waits for an executor's threads: only a command that needs every answer has them."""
    waits = {name for name in sources("worker") if "ThreadPoolExecutor" in used(name)}
    needed = {"explain.py", "explain_reading.py", "looking.py", "status.py"}
    assert waits == {f"worker/ops/{name}" for name in needed}


def test_what_is_there_is_used() -> None:
    """What the program defines the program uses: nothing is there for a test alone."""
    names = sources("worker", "schemas")
    uses = Counter(word for name in names for word in used(name))
    unused = {
        f"{name}:{defined}"
        for name in names
        for defined in definitions(name)
        if not uses[defined] and defined not in CALLED_BY_OTHERS.get(name, ())
    }
    assert unused == set()


def module(name: str) -> str:
    """The module that a file is."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(name: str, modules: dict[str, str]) -> Iterator[str]:
    """The modules of ours that a file imports when it is imported."""
    for node in tree(name).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [one for one in inner if one in modules]
            yield from found or ([node.module] if node.module in modules else [])


def written(name: str) -> set[str]:
    """The fields of partitions that a file writes: by an assignment, also to a part of one, or a deletion."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            place = node.value if isinstance(node, ast.Subscript) else node
            if isinstance(place, ast.Attribute) and "partition" in ast.unparse(place.value):
                found.add(place.attr)
    return found


def definitions(name: str) -> Iterator[str]:
    """What a file defines for others: functions, classes, methods, constants, members of values."""
    for node in ast.walk(tree(name)):
        if isinstance(node, Function | ast.ClassDef) and not node.decorator_list:
            yield from (() if _is_special(node.name) else (node.name,))
        elif isinstance(node, Function):  # pydantic and typer call what they decorate
            if all(isinstance(one, ast.Name) and one.id == "property" for one in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    yield target.id
                elif isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    yield target.attr


def used(name: str) -> Iterator[str]:
    """Every name that a file reads, and every word of its texts but docstrings: some are looked up so."""
    docstrings = {id(one.value) for one in ast.walk(tree(name)) if isinstance(one, ast.Expr)}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from re.findall(r"\w+", node.value)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def test_no_message_is_thrown_away() -> None:
    """Nobody polls a consumer and drops what comes: that may be a record, whatever the call is for."""
    dropped = [
        f"{path}:{node.lineno}"
        for path in sources("worker")
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.Expr)
        and isinstance(call := node.value, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"poll", "consume"}
        and "consumer" in ast.unparse(call.func.value)
    ]
    # Leaving the group: what still comes is not ours any more.
    assert [place.partition(":")[0] for place in dropped] == ["worker/adapters/kafka/group_member.py"]
