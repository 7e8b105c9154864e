"""Cuts a log on a real broker, as an unclean election or a power cut would: the last batches are gone.

The rule: the broker is stopped in good order first; what is cut, and the epochs that began there, never was.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.broker import Broker

_SEGMENT = "00000000000000000000"
_HEAD = 12  # bytes of a batch before those that its length counts
_LENGTH = slice(8, 12)


def truncate(broker: Broker, topic: str, partition: int, end: int) -> None:
    """Restart the broker with the partition's log cut at `end`, where a batch has to begin."""
    broker.stop()
    folder = broker.data / "log" / f"{topic}-{partition}"
    _cut(folder / f"{_SEGMENT}.log", end)
    for kind in ("*.index", "*.timeindex", "*.snapshot"):
        for path in folder.glob(kind):
            path.unlink()
    _forget_epochs(folder / "leader-epoch-checkpoint", end)
    broker.start()


def _cut(path: Path, end: int) -> None:
    """Keep the batches that begin below `end`."""
    data, at = path.read_bytes(), 0
    while at < len(data) and int.from_bytes(data[at : at + 8], "big") < end:
        at += _HEAD + int.from_bytes(data[at:][_LENGTH], "big")
    path.write_bytes(data[:at])


def _forget_epochs(path: Path, end: int) -> None:
    """Keep the leader epochs that began below `end`; the file is a version, a count, and a line for each."""
    version, _, *lines = path.read_text("utf-8").splitlines()
    kept = [line for line in lines if int(line.split()[1]) < end]
    path.write_text("\n".join([version, str(len(kept)), *kept]) + "\n", "utf-8")
