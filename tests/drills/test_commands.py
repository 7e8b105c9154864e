from __future__ import annotations

from pathlib import Path

from tests.drills import commands

WORKERS = ["127.0.0.1:1", "127.0.0.1:2"]


def test_what_is_open_is_filled() -> None:
    """What asks a worker is one line for each; what is left open is filled in, and nothing else changes."""
    asked = commands.filled(
        "curl -s HOST:8080/readyz | jq .destinations.NAME.silent", WORKERS, "e-1", "voluum"
    )
    assert asked == [f"curl -s {worker}/readyz | jq .destinations.voluum.silent" for worker in WORKERS]
    assert commands.filled("postback-worker explain EVENT_ID", WORKERS, "e-1", "v") == [
        "postback-worker explain e-1"
    ]


def test_it_is_agreed_to(tmp_path: Path) -> None:
    """Who asks at a terminal hears yes; what is printed, and the exit code, are kept."""
    done = commands.run('test -t 0 && read answer && echo "$answer" && pwd >&2; exit 3', {}, tmp_path)
    assert done.printed.splitlines() == ["y", str(tmp_path)]
    assert done.code == 3
