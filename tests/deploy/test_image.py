from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.deploy.files import ROOT, image_environment, instructions
from worker.settings import load

LOCKED = "--require-hashes --only-binary :all:"
"""What has pip take nothing but wheels with the lock's hashes."""


def _last(word: str) -> str:
    return [rest for name, rest in instructions() if name == word][-1]


def _last_stage() -> list[tuple[str, str]]:
    words = [word for word, _ in instructions()]
    return instructions()[len(words) - 1 - words[::-1].index("FROM") :]


def test_signals_reach_the_worker() -> None:
    """The image starts the worker itself, with no shell between, and stops it with SIGTERM."""
    assert json.loads(_last("ENTRYPOINT")) == ["postback-worker"]
    assert json.loads(_last("CMD")) == ["run"]
    assert _last("STOPSIGNAL") == "SIGTERM"


def test_the_user_is_a_number_and_not_root() -> None:
    """The user is numeric, so that Kubernetes can tell that it is not root."""
    user, group = _last("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_health_check_is_the_command_for_it() -> None:
    """The image asks `postback-worker healthcheck` for its health."""
    assert _last("HEALTHCHECK").endswith('CMD ["postback-worker", "healthcheck"]')


def test_the_image_listens_on_every_address(tmp_path: Path) -> None:
    """Inside the image the worker listens on every address; a container's loopback is its own."""
    assert load(environ=image_environment(), dotenv=tmp_path / "none").http.host == "0.0.0.0"


def test_the_library_of_python_is_compiled() -> None:
    """No start compiles Python's own library, which the official base ships without bytecode."""
    assert image_environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    shipped = [rest for word, rest in _last_stage() if word == "RUN"]
    assert any("compileall" in rest and 'get_path("stdlib")' in rest for rest in shipped)


def test_every_package_of_the_image_is_hashed() -> None:
    """Whatever pip fetches is a wheel, from a lock with hashes; the program itself is installed offline."""
    installs = [
        part
        for word, rest in instructions()
        if word == "RUN"
        for part in rest.split("&&")
        if "install" in part
    ]
    assert installs
    assert all(LOCKED in one or "--no-deps --no-index" in one for one in installs)


def test_make_installs_wheels_alone() -> None:
    """Whatever make installs from a lock is a wheel: none of it runs code of its own to be installed."""
    text = (ROOT / "Makefile").read_text("utf-8")
    assert f"locked = {LOCKED}\n" in text
    lines = [line for line in text.splitlines() if "$(install)" in line]
    assert all("$(locked)" in line or "--no-deps" in line for line in lines)


def test_both_stages_start_from_the_same_base() -> None:
    """The shipped venv finds the Python that it was made with: both stages have one base."""
    assert [rest.split()[0] for word, rest in instructions() if word == "FROM"] == ["${BASE}", "${BASE}"]


def _argument(name: str) -> str:
    return next(rest for word, rest in instructions() if word == "ARG" and rest.partition("=")[0] == name)


def test_python_and_base_are_arguments() -> None:
    """Another Python is one argument, of those that are supported; another base is one, too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    python = _argument("PYTHON").partition("=")[2]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
    assert "${PYTHON}" in _argument("BASE")


def test_labels() -> None:
    """The image says what it is, of which version and commit, made when, and on which base."""
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', _last("LABEL")))
    told = {name: f"${{{name.upper()}}}" for name in ("version", "revision", "created")}
    assert {
        **told,
        "base.name": "${BASE}",
        "licenses": "Apache-2.0",
        "title": "postback-worker",
    }.items() <= labels.items()
    given = {rest.rstrip("=") for word, rest in _last_stage() if word == "ARG"}
    assert given == {"BASE", "VERSION", "REVISION", "CREATED"}


def test_the_context_holds_what_is_copied() -> None:
    """What the Dockerfile copies is let through by .dockerignore; the rest, a `.env` too, stays outside."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = [
        name
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    ]
    assert "*" in lines
    assert {"requirements*.lock" if name.endswith(".lock") else name for name in copied} == allowed


@pytest.mark.parametrize("part", ["packages", "files"])
def test_the_wheel_is_made_of_what_is_copied(part: str) -> None:
    """Everything that the wheel is built from is in the image's context."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {
        "packages": project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
        "files": [project["project"]["readme"], *project["project"]["license-files"]],
    }[part]
    copied = {name for word, rest in instructions() if word == "COPY" for name in rest.split()[:-1]}
    assert set(needed) <= copied


def test_what_is_run_inside_is_there() -> None:
    """What the pages have an operator run in a container is in the image, which has a shell and no `kill`."""
    pages = [ROOT / "deploy/RUNBOOK.md", ROOT / "deploy/chart/templates/NOTES.txt", *ROOT.glob("docs/*.md")]
    run = [word for page in pages for word in re.findall(r"exec\b.* -- (\S+)", page.read_text("utf-8"))]
    assert len(run) == 2
    assert set(run) <= {"sh", "postback-worker"}
