"""The pages for people, their blocks of code, their links and the files that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(r"`((?:worker|schemas|tests|docs|deploy)/[\w/.-]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(page: Path, kind: str) -> list[str]:
    """The code blocks of a kind."""
    return [text for name, text in _BLOCK.findall(page.read_text("utf-8")) if name == kind]


def commands(page: Path) -> Iterator[str]:
    """Each command of the `sh` blocks, without comments, continued lines joined."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = line.split(" #")[0].strip()
            if command:
                yield command


def links(page: Path) -> list[str]:
    """Where its links lead, but for those to other sites."""
    found = _LINK.findall(page.read_text("utf-8"))
    return [link for link in found if not link.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as they are made of the text."""
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def files(page: Path) -> list[str]:
    """The files that it names."""
    return _FILE.findall(page.read_text("utf-8"))
