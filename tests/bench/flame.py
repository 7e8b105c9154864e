"""A flame graph as SVG, from the folded stacks of a sampling profiler.

The rule: it stands alone, without scripts and fonts of its own: each frame tells its name and its share where
one points at it. Frames that stand one on the other called each other; a wider one took more of the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple
from zlib import crc32

WIDTH, ROW, MARGIN, HEAD = 1200.0, 17.0, 10.0, 34.0
LEAST_WIDTH = 0.3
"""Pixels: what is narrower is not drawn."""

CHARACTER_WIDTH = 6.6


@dataclass
class Frame:
    """A function where it was called from so: how many samples were in it, or in what it called."""

    name: str
    count: int = 0
    inner: dict[str, Frame] = field(default_factory=dict)


class Box(NamedTuple):
    """A frame as it is drawn: `left` and `width` in samples, `depth` in rows from the ground."""

    name: str
    left: int
    width: int
    depth: int


def read_folded(text: str) -> Frame:
    """Read lines of `outer;inner count` into a tree; raises ValueError for a line that is none."""
    ground = Frame("all")
    for line in text.splitlines():
        stack, _, number = line.rpartition(" ")
        count = int(number)
        ground.count += count
        frame = ground
        for name in stack.split(";"):
            frame = frame.inner.setdefault(name, Frame(name))
            frame.count += count
    return ground


def boxes(frame: Frame, left: int = 0, depth: int = 0) -> Iterator[Box]:
    """The frames as boxes, each above its caller, in the order of their names."""
    yield Box(frame.name, left, frame.count, depth)
    for name in sorted(frame.inner):
        yield from boxes(frame.inner[name], left, depth + 1)
        left += frame.inner[name].count


def draw_flame(text: str, title: str) -> str:
    """Draw folded stacks as one SVG; raises ValueError where there are none."""
    ground = read_folded(text)
    if not ground.count:
        raise ValueError("no stacks to draw")
    scale = (WIDTH - 2 * MARGIN) / ground.count
    drawn = [box for box in boxes(ground) if box.width * scale >= LEAST_WIDTH]
    height = HEAD + ROW * (max(box.depth for box in drawn) + 1) + MARGIN
    parts = [_box(box, ground.count, scale, height) for box in drawn]
    size = f'width="{WIDTH:.0f}" height="{height:.0f}" viewBox="0 0 {WIDTH:.0f} {height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="11">',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="{MARGIN}" y="21" font-size="14">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        ]
    )


def _box(box: Box, total: int, scale: float, height: float) -> str:
    """A rectangle with its name, as far as that fits; all of it is told to who points there."""
    x, width = MARGIN + box.left * scale, box.width * scale
    y = height - MARGIN - ROW * (box.depth + 1)
    told = f"{box.name}: {box.width / total:.1%} ({box.width:,} looks)"
    room = int((width - 4) / CHARACTER_WIDTH)
    shown = box.name if len(box.name) <= room else f"{box.name[: room - 1]}…" if room > 2 else ""
    label = f'<text x="{x + 2:.1f}" y="{y + 12:.1f}">{escape(shown)}</text>' if shown else ""
    size = f'width="{width:.2f}" height="{ROW - 1:.0f}"'
    rect = f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{_colour(box.name)}"/>'
    return f"<g><title>{escape(told)}</title>{rect}{label}</g>"


_HUES: Mapping[str, int] = {"http": 20, "core": 45, "runner": 95, "kafka": 200, "schemas": 275}
"""Of the folder that a function is in: what belongs together looks alike. Others are grey."""


def _colour(name: str) -> str:
    hue = _HUES.get(name.partition("/")[0])
    light = 66 + crc32(name.encode()) % 14
    return f"hsl({hue},70%,{light}%)" if hue is not None else f"hsl(0,0%,{light + 8}%)"
