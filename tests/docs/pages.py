"""The pages for people, their blocks of code, their links and the files that they name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    ROOT / "deploy/RUNBOOK.md",
    ROOT / "deploy/chart/README.md",
    ROOT / "docs/destinations/README.md",
    *DOCS,
]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(r"(?:worker|schemas|tests|docs|deploy)/[\w/.-]*")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """The text without the code blocks."""
    return _ANY_BLOCK.sub("", page.read_text("utf-8"))


def blocks(page: Path, *kinds: str) -> list[str]:
    """The code blocks of these kinds."""
    return [text for name, text in _BLOCK.findall(page.read_text("utf-8")) if name in kinds]


def spans(page: Path) -> list[str]:
    """What stands between backticks in the text, on one line each."""
    return [" ".join(span.split()) for span in _SPAN.findall(prose(page))]


def section(page: Path, title: str) -> str:
    """The text below a heading of the second level, up to the next one."""
    return page.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def links(page: Path) -> list[str]:
    """Where its links lead, but for those to other sites."""
    found = _LINK.findall(prose(page))
    return [link for link in found if not link.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as they are made of the text."""
    headings = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def files(page: Path) -> list[str]:
    """The files and folders that it names."""
    return [span for span in spans(page) if _FILE.fullmatch(span)]
