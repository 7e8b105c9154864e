"""A base image with Python, made of Debian's packages alone: for building without a registry of images.

The rule: one command a step, each of a tool that Debian ships; nothing is kept but the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

RELEASE = "bookworm"
BASE = f"localhost/python:{RELEASE}"
TOOLS = ("buildah", "debootstrap", "unshare", "setpriv")
# Plain files and a chroot: works wherever root does, in a container too.
ENVIRONMENT: Mapping[str, str] = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def buildah(*arguments: str | Path) -> str:
    """Run buildah and return what it prints; raise CalledProcessError, its words on stderr."""
    done = subprocess.run(
        ["buildah", *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def ensure_base() -> str:
    """Make the base image where it is missing (about a minute); return its name."""
    if not buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        with tempfile.TemporaryDirectory(prefix="base-") as place:
            root = Path(place, "root")
            packages = "--include=python3,python3-venv,ca-certificates"
            subprocess.run(
                ["debootstrap", "--variant=minbase", packages, RELEASE, root], stdout=sys.stderr, check=True
            )
            _commit(root)
    return BASE


def missing() -> str | None:
    """What keeps this machine from making it; None where nothing does."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} not found (Debian: apt-get install buildah debootstrap)"
    return None if os.geteuid() == 0 else "only root can"


def _commit(root: Path) -> None:
    """Make an image of a directory, without the package manager's leavings."""
    shutil.rmtree(root / "var/cache/apt")
    shutil.rmtree(root / "var/lib/apt/lists")
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, root, "/")
    buildah("commit", "--quiet", "--rm", container, BASE)
