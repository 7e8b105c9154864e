"""A whole release, made in a clone of the last commit: it takes minutes, and installs from the registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.deploy.files import ROOT
from tests.release.versions import parse

pytestmark = [pytest.mark.long, pytest.mark.process, pytest.mark.timeout(1800)]

_BEFORE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
_MAJOR, _MINOR, _ = parse(_BEFORE)
NEXT = f"{_MAJOR}.{_MINOR + 1}.0"
_NAMES = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(at: Path, *arguments: str) -> str:
    """Run git, and return what it prints."""
    done = subprocess.run(["git", *arguments], cwd=at, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def release(at: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Make a release of a repository, without an image."""
    command = [sys.executable, "-m", "tests.release", NEXT, "--no-image", *options]
    env = {**os.environ, **_NAMES}
    return subprocess.run(command, cwd=at, env=env, capture_output=True, text=True, timeout=1500, check=False)


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["real", "dry"])
def test_a_release(tmp_path: Path, options: tuple[str, ...]) -> None:
    """All is made, and the wheel runs in an empty environment; a dry run leaves the repository as it was."""
    repository = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(repository))
    before = git(repository, "rev-parse", "HEAD")
    done = release(repository, *options)
    assert done.returncode == 0, done.stderr
    assert "the wheel installs in an empty environment" in done.stdout
    made = repository / "dist" / NEXT
    wheel = f"postback_worker-{NEXT}-py3-none-any.whl"
    assert {path.name for path in made.iterdir()} == {
        *(wheel, f"postback_worker-{NEXT}.tar.gz", f"postback-worker-{NEXT}.tgz"),
        *(f"postback-worker-{NEXT}.cdx.json", "SHA256SUMS"),
        *("provenance.intoto.json", "provenance.predicate.json"),
    }
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=made, check=True)
    with zipfile.ZipFile(made / wheel) as archive:
        pages = {"worker/console/templates/verdict.html", "worker/console/static/console.css"}
        assert pages <= set(archive.namelist())
        metadata = archive.read(f"postback_worker-{NEXT}.dist-info/METADATA").decode()
    assert "Provides-Extra: otel" in metadata
    bill = json.loads((made / f"postback-worker-{NEXT}.cdx.json").read_text("utf-8"))
    assert bill["metadata"]["component"]["version"] == NEXT
    assert {"aiohttp", "confluent-kafka"} <= {one["name"] for one in bill["components"]}
    assert git(repository, "status", "--porcelain") == ""
    if options:
        assert (git(repository, "rev-parse", "HEAD"), git(repository, "tag")) == (before, "")
    else:
        assert git(repository, "rev-parse", "HEAD~1", f"v{NEXT}^{{commit}}^") == f"{before}\n{before}"
        assert f"## [{NEXT}] - " in (repository / "CHANGELOG.md").read_text("utf-8")
        assert (repository / f"tests/upgrade/kept/{NEXT}.json").exists()


def test_what_is_in_the_way(tmp_path: Path) -> None:
    """A work tree with changes is one line, and nothing is made."""
    repository = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(repository))
    (repository / "README.md").write_text("", "utf-8")
    done = release(repository, "--dry-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the work tree has changes: commit them first\n"
    assert not (repository / "dist").exists()
