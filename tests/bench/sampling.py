"""A sampling profiler of one thread, small enough to trust: who was running when CPU time had passed.

The rule: it looks, it does not count calls, so that what is cheap and often called is not made to look dear.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

_DEPTH = 40


class Sampler:
    """`look` is a handler of SIGPROF."""

    def __init__(self) -> None:
        self._stacks: Counter[tuple[str, ...]] = Counter()

    def look(self, _signal: int, frame: FrameType | None) -> None:
        """Note the stack."""
        stack: list[str] = []
        while frame is not None and len(stack) < _DEPTH:
            stack.append(_name(frame))
            frame = frame.f_back
        self._stacks[tuple(reversed(stack))] += 1

    def report(self, most: int = 25) -> str:
        """The functions by their own share and by their share with all that they called, as text."""
        total = sum(self._stacks.values()) or 1
        own: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for stack, count in self._stacks.items():
            own[stack[-1]] += count
            for name in set(stack):
                whole[name] += count
        lines = [f"{total} looks", "", "   own  with all it called"]
        lines += [
            f"{count / total:6.1%}  {whole[name] / total:6.1%}  {name}"
            for name, count in own.most_common(most)
        ]
        return "\n".join(lines)

    def folded(self) -> str:
        """The stacks in the form that flame graph programs read."""
        return "".join(f"{';'.join(stack)} {count}\n" for stack, count in self._stacks.most_common())


def thread_seconds() -> dict[str, float]:
    """CPU seconds of the threads that live, by their name (Linux; elsewhere none)."""
    ours = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: Counter[str] = Counter()
    for task in Path("/proc/self/task").glob("*"):
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        name = ours.get(int(task.name)) or (task / "comm").read_text().strip()
        found[name] += int(fields[11]) + int(fields[12])
    return {name: ticks / os.sysconf("SC_CLK_TCK") for name, ticks in found.most_common()}


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_qualname}"
