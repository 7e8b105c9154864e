"""The image of a release, on a machine that can build none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.files import ROOT
from tests.release.__main__ import Release, make_image
from tests.release.versions import CannotRelease

DOCKER = """#!/bin/sh
test "$1" != info || exit 0
echo "lookup registry.example: no such host" >&2
exit 1
"""


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release, where docker answers but can't get the base."""
    docker = tmp_path / "docker"
    docker.write_text(DOCKER, "utf-8")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Release("0.2.0", ROOT, tmp_path, tmp_path, "0")


def test_a_dry_run_goes_on(one: Release, capfd: pytest.CaptureFixture[str]) -> None:
    """A dry run says that the image was not made, and why, and goes on."""
    assert not make_image(one, "abc", [], dry_run=True)
    told = capfd.readouterr().out
    assert told.startswith("NOT MADE: the image: ")
    assert "registry.example: no such host" in told


def test_a_release_does_not(one: Release) -> None:
    """A release without its image is none."""
    with pytest.raises(CannotRelease, match="no such host"):
        make_image(one, "abc", [], dry_run=False)


def test_no_engine(one: Release, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Where no engine answers, that is said."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert not make_image(one, "abc", [], dry_run=True)
    assert capfd.readouterr().out == "NOT MADE: the image: no engine answers (docker, podman, buildah)\n"
