"""What a release says of itself: checksums, and where it comes from (SLSA provenance, as in-toto has it).

The rule: values in, JSON out; the same release makes the same documents but for the times of the build.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "tag:postback-worker,2026:make-release"
"""Who built it, and how: `make release`. A build service puts its own name in its place."""


class Build(NamedTuple):
    """One build: the version, the commit that it is of, and from when to when, in RFC 3339."""

    version: str
    revision: str
    began: str
    ended: str
    builder: str = BUILD


def checksums(files: Iterable[Path]) -> str:
    """What `sha256sum --check` reads."""
    return "".join(f"{sha256(path)}  {path.name}\n" for path in sorted(files))


def provenance(build: Build, files: Iterable[Path], materials: Iterable[Path]) -> dict[str, Any]:
    """The statement on these files, which were made of the commit and of what the materials lock."""
    subjects = [{"name": path.name, "digest": {"sha256": sha256(path)}} for path in sorted(files)]
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": _predicate(build, materials),
    }


def to_json(document: Mapping[str, Any]) -> str:
    """Write a document for people and for `cosign`."""
    return json.dumps(document, indent=2) + "\n"


def sha256(path: Path) -> str:
    """The digest of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _predicate(build: Build, materials: Iterable[Path]) -> dict[str, Any]:
    locks = [{"name": path.name, "digest": {"sha256": sha256(path)}} for path in sorted(materials)]
    return {
        "buildDefinition": {
            "buildType": BUILD,
            "externalParameters": {"version": build.version},
            "internalParameters": {"python": platform.python_version(), "system": platform.system()},
            "resolvedDependencies": [{"name": "source", "digest": {"gitCommit": build.revision}}, *locks],
        },
        "runDetails": {
            "builder": {"id": build.builder},
            "metadata": {"startedOn": build.began, "finishedOn": build.ended},
        },
    }
