"""What a checkout promises to whoever clones it: locks, commands, a changelog, no machine's paths."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-runtime.lock", "requirements-build.lock")
TARGETS = ("demo", "test", "check", "chaos", "bench", "broker", "image", "lock", "clean", "fmt")
TEST_COMMAND = "make test"
# Folders that only one machine has; written so that this file does not hold them.
MACHINE_PATHS = re.compile(rb"/(?:home|Users)/[a-z][a-z0-9_-]+/|/root/[.a-z]|/wor" + rb"k/(?:main|shared)")
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(?P<extras>\[[a-z0-9,-]+\])?==(?P<version>[^ ]+)", re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def text(name: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / name).read_text("utf-8")


def project() -> dict[str, Any]:
    """The build settings."""
    return tomllib.loads(text("pyproject.toml"))


def pins(lock: str) -> dict[str, str]:
    """What a lock pins: name to version."""
    return {found["name"]: found["version"] for found in PIN.finditer(text(lock))}


def tracked() -> list[Path]:
    """Every file that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def missing(requirements: list[str], lock: str) -> list[str]:
    """The requirements that a lock does not meet."""
    locked = pins(lock)
    wanted = [Requirement(line) for line in requirements]
    return [
        str(want)
        for want in wanted
        if want.name != project()["project"]["name"]
        and not want.specifier.contains(locked.get(want.name, "0"), prereleases=True)
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_no_registry_and_no_machine(lock: str) -> None:
    """A lock holds names, versions and hashes: no registry's address, no path, no installer's option."""
    assert not re.search(r"://|^-|^\s*[./]|file:", text(lock), re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    """Every pinned package is followed by its hashes."""
    entries = re.split(r"^(?=[a-z0-9,\[\]-]+==)", text(lock), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_extras_stay_in_the_lock() -> None:
    """What a package asks for with an extra has that extra in the lock: older pips fail without."""
    locked = {
        canonicalize_name(found["name"]): found["extras"] or "" for found in PIN.finditer(text(LOCKS[0]))
    }
    wanted = [
        (dist.metadata["Name"], want)
        for dist in distributions()
        for want in map(Requirement, dist.requires or ())
        if want.extras and (want.marker is None or want.marker.evaluate({"extra": ""}))
    ]
    assert wanted
    lacking = [
        f"{of}: {want}"
        for of, want in wanted
        if not want.extras <= set(re.findall(r"[a-z0-9-]+", locked[canonicalize_name(want.name)]))
    ]
    assert lacking == []


def test_locks_meet_the_build_settings() -> None:
    """The locks were made for the dependencies that the build settings have now."""
    table = project()
    extras = [line for extra in table["project"]["optional-dependencies"].values() for line in extra]
    assert missing(table["project"]["dependencies"] + extras, "requirements.lock") == []
    assert missing(table["project"]["dependencies"], "requirements-runtime.lock") == []
    assert missing(table["build-system"]["requires"], "requirements-build.lock") == []


def test_locks_agree_with_each_other() -> None:
    """What is tested is what is shipped: the same version of a package in every lock that has it."""
    everything = pins("requirements.lock")
    for lock in LOCKS[1:]:
        shared = {name: version for name, version in pins(lock).items() if name in everything}
        assert shared == {name: everything[name] for name in shared}
    assert pins("requirements-runtime.lock").keys() <= everything.keys()


def test_tracked_files_hold_no_machine_paths() -> None:
    """No tracked file names a folder that only its author's machine has."""
    found = {path.name: MACHINE_PATHS.search(path.read_bytes()) for path in tracked()}
    assert {name: match.group() for name, match in found.items() if match} == {}


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """The continuous integration runs the very command that the README gives."""
    assert TEST_COMMAND in text("README.md")
    assert re.search(rf"^{TEST_COMMAND}\b", text(".ci/run"), re.MULTILINE)


def test_make_alone_lists_every_target() -> None:
    """`make` without a target lists each one with a line that says what it does."""
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in TARGETS:
        assert re.search(rf"^make {target} +[A-Z].+$", listed, re.MULTILINE), target


def test_the_changelog_keeps_its_shape() -> None:
    """The changelog has Keep a Changelog's form: Unreleased first, known kinds, entries, none twice."""
    changelog = text("CHANGELOG.md")
    releases = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert changelog.startswith("# Changelog\n")
    assert releases[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release) for release in releases[1:])
    sections = re.split(r"^### ", changelog, flags=re.MULTILINE)[1:]
    assert {section.splitlines()[0] for section in sections} <= KINDS
    assert all(re.search(r"^- ", section, re.MULTILINE) for section in sections)
    entries = re.findall(r"^- .+$", changelog, re.MULTILINE)
    assert [entry for entry, times in Counter(entries).items() if times > 1] == []
