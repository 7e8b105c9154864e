"""The image, run as a cluster would run it, without an engine: PID 1, no rights, nothing writable.

The rule: user, variables and command are those that the image says, not ours.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.deploy.debian_base import buildah

# In namespaces of its own: the image's root read-only, /proc, then the command as PID 1 without any right.
# A change of user clears the signal that ends a child with its parent, so setpriv asks for it again.
ENTER = """
mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -o remount,ro,bind "$1" || exit 125
root=$1 user=$2 group=$3; shift 3
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --bounding-set=-all \
  --no-new-privs --pdeathsig KILL env -i "$@"
"""


class Container:
    """A file system made from an image, in which commands run; removed at the end."""

    def __init__(self, image: str, environment: Mapping[str, str]) -> None:
        self._name = buildah("from", "--pull-never", image)
        self._root = buildah("mount", self._name)
        described: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))
        self.config = described["Docker"]["config"]
        given = [f"{name}={value}" for name, value in environment.items()]
        self._variables = [*self.config["Env"], *given]

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the image's entry point with these arguments, its own command where there are none."""
        command = [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
        return self._enter(command, **options)

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run the image's entry point to its end; `given` is its standard input."""
        return _finish(self.start(*arguments, stdin=subprocess.PIPE), given)

    def shell(self, script: str) -> str:
        """Run a shell's script inside, as the image's user, and return what it prints."""
        return _finish(self._enter(["sh", "-c", script])).stdout.strip()

    def _enter(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        user, group = self.config["User"].split(":")
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "enter"]
        return subprocess.Popen(
            [*enter, self._root, user, group, *self._variables, *command],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        buildah("rm", self._name)


def first_process(started: subprocess.Popen[str]) -> int:
    """The id, out here, of the process that is PID 1 inside; 0 while there is none."""
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text("ascii").split()
    return int(children[0]) if children else 0


def _finish(started: subprocess.Popen[str], given: str = "") -> subprocess.CompletedProcess[str]:
    out, _ = started.communicate(given or None, timeout=60)
    return subprocess.CompletedProcess(started.args, started.returncode, out)
