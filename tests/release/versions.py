"""The version of a release: where it stands, which one may follow, and what the changelog makes of it.

The rule: texts in, texts out; nothing is read or written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

PLACES: Mapping[str, str] = {
    "pyproject.toml": '\nversion = "{}"\n',
    "deploy/chart/Chart.yaml": "\nversion: {0}\nappVersion: {0}\n",
    "deploy/compose.yaml": "image: postback-worker:{}\n",
    "deploy/chart/README.md": "/postback-worker:{} ",
}
"""Where the version is written by hand, each once; all else is derived of these."""

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_UNRELEASED = "## [Unreleased]\n"
_SECTION = re.compile(r"^## ", re.MULTILINE)


class CannotRelease(Exception):
    """What is in the way, in one line."""


def parse(text: str) -> tuple[int, int, int]:
    """Read `0.2.0`; raise CannotRelease for anything else."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise CannotRelease(f"VERSION={text!r} is no version; it is three numbers, such as 0.2.0")
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch)


def check_follows(version: str, before: str) -> None:
    """Raise CannotRelease unless the version may follow the one before, by semantic versioning."""
    major, minor, patch = parse(before)
    following = [(major, minor, patch + 1), (major, minor + 1, 0), (major + 1, 0, 0)]
    if parse(version) not in following:
        named = " or ".join(".".join(map(str, one)) for one in following)
        raise CannotRelease(f"VERSION={version} does not follow {before}: that is {named}")


def renumbered(texts: Mapping[str, str], before: str, version: str) -> dict[str, str]:
    """The files of PLACES with the new version; raise CannotRelease where one does not have the old, once."""
    made = {}
    for path, form in PLACES.items():
        old = form.format(before)
        if texts[path].count(old) != 1:
            raise CannotRelease(f"{path}: has {old.strip()!r} {texts[path].count(old)} times, not once")
        made[path] = texts[path].replace(old, form.format(version))
    return made


def notes(changelog: str) -> str:
    """What is written under Unreleased; raise CannotRelease where that is nothing."""
    _, found, rest = changelog.partition(_UNRELEASED)
    text = _SECTION.split(rest, 1)[0].strip()
    if not found or not text:
        raise CannotRelease("CHANGELOG.md: nothing is written under ## [Unreleased]")
    return text


def released(changelog: str, version: str, day: date) -> str:
    """The changelog with what was under Unreleased under the version."""
    notes(changelog)
    return changelog.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {day.isoformat()}\n", 1)
