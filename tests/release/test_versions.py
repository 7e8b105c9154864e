"""Which version may follow, where it is written, and what the changelog becomes."""

from __future__ import annotations

import subprocess
import tomllib
from datetime import date

import pytest

from tests.deploy.files import ROOT
from tests.release.versions import (
    PLACES,
    CannotRelease,
    check_follows,
    notes,
    released,
    renumbered,
)

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- This.\n\n## [0.1.0] - 2026-01-02\n\n- That.\n"
_DERIVED = {"deploy/kubernetes.yaml"}
_HISTORY = ("tests/", "CHANGELOG.md")


@pytest.mark.parametrize("version", ["0.1.1", "0.2.0", "1.0.0"])
def test_what_follows(version: str) -> None:
    """A patch, a minor or a major version follows."""
    check_follows(version, "0.1.0")


@pytest.mark.parametrize("version", ["0.1.0", "0.1.2", "0.0.9", "0.3.0", "2.0.0", "1.1.0"])
def test_what_does_not_follow(version: str) -> None:
    """No other version follows, and it is said which do."""
    with pytest.raises(
        CannotRelease, match=r"does not follow 0\.1\.0: that is 0\.1\.1 or 0\.2\.0 or 1\.0\.0"
    ):
        check_follows(version, "0.1.0")


@pytest.mark.parametrize("version", ["", "1", "0.2", "v0.2.0", "0.2.0rc1", "0.02.0", "a.b.c"])
def test_no_version(version: str) -> None:
    """What is no version is refused with what one looks like."""
    with pytest.raises(CannotRelease, match=r"three numbers, such as 0\.2\.0"):
        check_follows(version, "0.1.0")


def test_where_it_is_written() -> None:
    """Every file that names the version is renumbered, or derived of one that is."""
    command = ["git", "grep", "--files-with-matches", "--fixed-strings", "--word-regexp", VERSION]
    named = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = {path for path in named if not path.startswith(_HISTORY) and not path.endswith(".lock")}
    assert found == PLACES.keys() | _DERIVED


def test_renumbered() -> None:
    """Each place has the new version afterwards, and nothing else is changed."""
    texts = {path: (ROOT / path).read_text("utf-8") for path in PLACES}
    made = renumbered(texts, VERSION, "9.8.7")
    for path, text in made.items():
        assert PLACES[path].format("9.8.7") in text
        assert text.replace("9.8.7", VERSION) == texts[path]


def test_a_place_that_is_not_as_it_was() -> None:
    """A file without the version is named."""
    texts = {path: form.format("0.1.0") for path, form in PLACES.items()}
    with pytest.raises(CannotRelease, match=r"^deploy/compose\.yaml: has .* 0 times, not once"):
        renumbered({**texts, "deploy/compose.yaml": ""}, "0.1.0", "0.2.0")


def test_the_changelog() -> None:
    """What was unreleased is the version's, and the next begins empty."""
    text = released(CHANGELOG, "0.2.0", date(2026, 11, 27))
    assert notes(CHANGELOG) == "### Added\n\n- This."
    assert text == CHANGELOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-11-27\n")
    with pytest.raises(CannotRelease, match="nothing is written"):
        notes(text)


def test_there_is_something_to_release() -> None:
    """The changelog of this repository is one that a release can be made of."""
    assert notes((ROOT / "CHANGELOG.md").read_text("utf-8"))
