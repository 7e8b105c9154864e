"""`make release VERSION=0.2.0`: the commit, the tag, and what is handed out, in dist/0.2.0.

The rule: all is made and tried in a clone of the last commit. The repository changes last, by one commit and
a tag, and with --dry-run not at all. Nothing is pushed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.deploy.files import ROOT
from tests.release import artifacts
from tests.release.artifacts import run
from tests.release.documents import Build, checksums, provenance, to_json
from tests.release.versions import PLACES, CannotRelease, check_follows, notes, released, renumbered

ENGINES = ("docker", "podman", "buildah")
LOCKS = ("requirements-runtime.lock", "requirements-build.lock")


class Release(NamedTuple):
    """What is to be made, of a clone of the commit, and where it goes."""

    version: str
    clone: Path
    to: Path
    scratch: Path
    epoch: str
    """The time of the commit, in epoch seconds."""


def main(arguments: Sequence[str]) -> int:
    """Make a release; 1 where something is in the way, in a line."""
    given = _parse(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="release-") as scratch:
            release(given, Path(scratch))
    except CannotRelease as why:
        print(f"error: {why}", file=sys.stderr)
        return 1
    return 0


def release(given: argparse.Namespace, scratch: Path) -> None:
    """Make it, step by step; raise CannotRelease."""
    check(given)
    clone = scratch / "clone"
    run(["git", "clone", "--quiet", ROOT, clone], scratch)
    to = ROOT / "dist" / given.version
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    one = Release(given.version, clone, to, scratch, run(["git", "log", "-1", "--format=%ct"], clone))
    began = _now()
    renumber(one)
    _say(f"version, changelog, chart and the upgrade's kept state are those of {given.version}")
    revision = commit(one)
    make(one)
    is_whole = given.no_image or make_image(one, revision, given.image, dry_run=given.dry_run)
    describe(one, Build(given.version, revision, began, _now(), given.builder))
    if given.dry_run:
        _say(
            f"dry run: the repository is as it was{'' if is_whole else '; the image could NOT be tried here'}"
        )
        return
    run(["git", "fetch", "--quiet", clone, f"refs/tags/v{given.version}:refs/tags/v{given.version}"], ROOT)
    run(["git", "merge", "--quiet", "--ff-only", f"v{given.version}"], ROOT)
    _say(f"committed and tagged: v{given.version}. What is left: push both, and what is in {to}")


def check(given: argparse.Namespace) -> None:
    """Raise CannotRelease where the work tree, the version, the changelog or this machine is not ready."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    check_follows(given.version, project["version"])
    notes((ROOT / "CHANGELOG.md").read_text("utf-8"))
    if run(["git", "status", "--porcelain"], ROOT):
        raise CannotRelease("the work tree has changes: commit them first")
    if run(["git", "tag", "--list", f"v{given.version}"], ROOT):
        raise CannotRelease(f"there is a tag v{given.version} already")
    if not (given.dry_run or given.no_image) and not _engine_answers():
        raise CannotRelease(
            f"no engine for the image answers ({', '.join(ENGINES)}); --no-image leaves it out"
        )
    _say(f"{given.version} follows {project['version']}, and the changelog has something to say of it")


def renumber(one: Release) -> None:
    """Write the version where it stands, what is derived of it, and what this version leaves in Kafka."""
    texts = {path: (one.clone / path).read_text("utf-8") for path in PLACES}
    before = tomllib.loads(texts["pyproject.toml"])["project"]["version"]
    for path, text in renumbered(texts, before, one.version).items():
        (one.clone / path).write_text(text, "utf-8")
    changelog = one.clone / "CHANGELOG.md"
    today = datetime.now(UTC).date()
    changelog.write_text(released(changelog.read_text("utf-8"), one.version, today), "utf-8")
    run([sys.executable, "-m", "tests.deploy.chart"], one.clone)
    run([sys.executable, "-m", "tests.upgrade.keep", one.version], one.clone)


def commit(one: Release) -> str:
    """Commit and tag it in the clone; return the commit's name."""
    said = notes((ROOT / "CHANGELOG.md").read_text("utf-8"))
    run(["git", "add", "--all"], one.clone)
    run(["git", "commit", "--quiet", "--message", f"Release {one.version}"], one.clone)
    run(["git", "tag", "--annotate", f"v{one.version}", "--message", f"{one.version}\n\n{said}"], one.clone)
    return run(["git", "rev-parse", "HEAD"], one.clone)


def make(one: Release) -> None:
    """Wheel, sdist, chart and bill of materials; each is tried."""
    wheel, sdist = artifacts.distributions(one.clone, one.to, one.epoch)
    artifacts.check_sdist(sdist, one.scratch / "sdist")
    _say(f"{wheel.name}, {sdist.name}: the wheel can be built from the sdist alone")
    programs = artifacts.installed(wheel, one.clone / artifacts.LOCK, one.scratch / "empty")
    artifacts.check_program(programs, one.version, one.scratch)
    _say("the wheel installs in an empty environment, with what is locked, and its program runs")
    _say(f"{artifacts.chart(one.clone, one.to).name}")
    bill = one.to / f"postback-worker-{one.version}.cdx.json"
    artifacts.bill_of_materials(programs, one.clone, bill, one.epoch)
    _say(f"{bill.name}: what is installed with it, as CycloneDX")


def make_image(one: Release, revision: str, options: Sequence[str], *, dry_run: bool) -> bool:
    """Build the image with further options; a dry run tells what keeps this machine from it, and goes on."""
    try:
        tag = _build_image(one, revision, options)
    except CannotRelease as why:
        if not dry_run:
            raise
        print(f"NOT MADE: the image: {why}", flush=True)
        return False
    _say(f"{tag}: the image, with its labels")
    return True


def _build_image(one: Release, revision: str, options: Sequence[str]) -> str:
    if not _engine_answers():
        raise CannotRelease(f"no engine answers ({', '.join(ENGINES)})")
    told = {"VERSION": one.version, "REVISION": revision, "CREATED": _time(int(one.epoch))}
    labels = [f"--build-arg {name}={value}" for name, value in told.items()]
    tag = f"postback-worker:{one.version}"
    run(["make", "image", f"IMAGE={tag}", f"ARGS={' '.join([*labels, *options])}"], one.clone)
    return tag


def describe(one: Release, build: Build) -> None:
    """Provenance, as a statement and as a predicate for `cosign attest`, and the checksums of all."""
    made = list(one.to.iterdir())
    statement = provenance(build, made, [one.clone / name for name in LOCKS])
    (one.to / "provenance.intoto.json").write_text(to_json(statement), "utf-8")
    (one.to / "provenance.predicate.json").write_text(to_json(statement["predicate"]), "utf-8")
    (one.to / "SHA256SUMS").write_text(checksums(one.to.iterdir()), "utf-8")
    _say(f"provenance and checksums of {len(made)} files, in {one.to.relative_to(ROOT)}")


def _engine_answers() -> bool:
    found = [engine for engine in ENGINES if shutil.which(engine)]
    return any(
        subprocess.run([engine, "info"], capture_output=True, timeout=60, check=False).returncode == 0
        for engine in found
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="make and try all, and change nothing here")
    parser.add_argument("--no-image", action="store_true", help="leave the image out")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="OPTION",
        help="for the build: --image='--build-arg BASE=…'",
    )
    parser.add_argument("--builder", default=Build._field_defaults["builder"], help="who builds it, as a URI")
    return parser.parse_args(arguments)


def _now() -> str:
    return _time(int(datetime.now(UTC).timestamp()))


def _time(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(line: str) -> None:
    print(f"ok  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
