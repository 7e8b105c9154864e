"""What a release says of itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.release.documents import Build, checksums, provenance, to_json

BUILD = Build("0.2.0", "a" * 40, "2026-11-27T21:00:00Z", "2026-11-27T21:05:00Z")


def test_checksums(tmp_path: Path) -> None:
    """Each file has a line as `sha256sum` writes it, in the order of the names."""
    for name in ("b", "a"):
        (tmp_path / name).write_text(name, "utf-8")
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b")}
    assert checksums(tmp_path.iterdir()) == f"{digests['a']}  a\n{digests['b']}  b\n"


def test_provenance(tmp_path: Path) -> None:
    """It is an in-toto statement on each file, by its digest: of which commit and locks, and by whom."""
    made, lock = tmp_path / "a.whl", tmp_path / "a.lock"
    made.write_bytes(b"wheel")
    lock.write_bytes(b"lock")
    told = json.loads(to_json(provenance(BUILD._replace(builder="https://ci.example/1"), [made], [lock])))
    assert (told["_type"], told["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    digest = {"sha256": hashlib.sha256(b"wheel").hexdigest()}
    assert told["subject"] == [{"name": "a.whl", "digest": digest}]
    definition, run = told["predicate"]["buildDefinition"], told["predicate"]["runDetails"]
    assert definition["externalParameters"] == {"version": "0.2.0"}
    assert definition["resolvedDependencies"] == [
        {"name": "source", "digest": {"gitCommit": "a" * 40}},
        {"name": "a.lock", "digest": {"sha256": hashlib.sha256(b"lock").hexdigest()}},
    ]
    assert run["builder"] == {"id": "https://ci.example/1"}
    assert run["metadata"] == {"startedOn": BUILD.began, "finishedOn": BUILD.ended}
