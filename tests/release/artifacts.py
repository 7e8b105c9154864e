"""What a release hands out, made of a clone of the commit: wheel, sdist, chart, and what proves them.

The rule: each is made by the tool of its kind, and tried before anything is said of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.release.versions import CannotRelease

LOCK = "requirements-runtime.lock"
IN_SDIST = ("Makefile", "Dockerfile", ".dockerignore", LOCK, "requirements-build.lock", "requirements.lock")
"""What its `make` and its image are made of."""
WITHIN_SECONDS = 900
MOST_CHARACTERS = 2000
"""Of what a command said before it failed."""


def run(command: Sequence[str | Path], at: Path, **variables: str) -> str:
    """Run a command and return what it prints; raise CannotRelease with its last words where it fails."""
    done = subprocess.run(
        command,
        cwd=at,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=False,
    )
    if done.returncode:
        words = " ".join(str(part) for part in command)
        raise CannotRelease(
            f"{words} exited {done.returncode}:\n{(done.stderr or done.stdout).strip()[-2000:]}"
        )
    return done.stdout.strip()


def distributions(clone: Path, to: Path, epoch: str) -> list[Path]:
    """Wheel and sdist, with the time of the commit: who builds them again gets the same bytes."""
    run([sys.executable, "-m", "hatchling", "build", "-d", to], clone, SOURCE_DATE_EPOCH=epoch)
    return [*to.glob("*.whl"), *to.glob("*.tar.gz")]


def chart(clone: Path, to: Path) -> Path:
    """The chart as an archive, as Helm packs it."""
    import helm_python

    return Path(helm_python.package(clone / "deploy/chart", destination=to))


def installed(wheel: Path, lock: Path, at: Path) -> Path:
    """Install a wheel and what is locked into an empty environment; return where its programs are."""
    venv.create(at, with_pip=True, clear=True)
    programs = at / "bin"
    pip: list[str | Path] = [
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", lock], at)
    run([*pip, "--no-deps", "--no-index", wheel], at)
    return programs


def check_program(programs: Path, version: str, at: Path) -> None:
    """Run the console script of an environment; raise CannotRelease where it is not this version."""
    told = run([programs / "postback-worker", "--version"], at)
    if told.split()[-1:] != [version]:
        raise CannotRelease(f"the wheel installs {told!r}, not {version}")
    run([programs / "postback-worker", "schema", "event"], at)
    run([programs / "postback-worker", "config", "schema"], at)


def bill_of_materials(programs: Path, project: Path, to: Path, epoch: str) -> Path:
    """What is installed in an environment, as CycloneDX, with licenses; it has no pip of its own."""
    run([programs / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools", "pip"], project)
    tool = Path(sys.executable).with_name("cyclonedx-py")
    options: list[str | Path] = [
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
        "--of",
        "JSON",
        "-o",
        to,
    ]
    run([tool, "environment", *options, programs / "python"], project, SOURCE_DATE_EPOCH=epoch)
    return to


def check_sdist(sdist: Path, at: Path) -> None:
    """Build the wheel from the sdist alone; raise CannotRelease where its `make` would lack a file."""
    shutil.rmtree(at, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(at, filter="data")
    (source,) = at.iterdir()
    if lacking := [name for name in IN_SDIST if not (source / name).is_file()]:
        raise CannotRelease(f"{sdist.name} lacks {', '.join(lacking)}")
    run([sys.executable, "-m", "hatchling", "build", "-d", at / "wheel", "-t", "wheel"], source)
