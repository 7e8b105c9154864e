"""The pages for people hold together: links lead somewhere, files are there, each page is found."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, README, ROOT, anchors, blocks, files, links
from worker.settings import load_all

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
MOST_LINES = 150


def test_readme_is_short() -> None:
    """README is read in one go."""
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES


def test_readme_has_one_picture() -> None:
    """README shows the whole in one picture."""
    assert len(blocks(README, "mermaid")) == 1


def test_every_page_is_found() -> None:
    """README links to every page of docs."""
    assert {f"docs/{page.name}" for page in DOCS} <= set(links(README))


@each_page
def test_links(page: Path) -> None:
    """Each link leads to a file that is there, and to a heading that it has."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_plot_is_shown() -> None:
    """Each plot that is kept stands on a page."""
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert sorted(set((ROOT / "deploy/plots").iterdir()) - shown) == []


@each_page
def test_files(page: Path) -> None:
    """Each file that is named is there."""
    assert [name for name in files(page) if not (ROOT / name).exists()] == []


@each_page
def test_toml(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each TOML block is a configuration that starts."""
    for text in blocks(page, "toml"):
        tomllib.loads(text)
        config = tmp_path / "worker.toml"
        config.write_text(text, "utf-8")
        monkeypatch.chdir(tmp_path)
        load_all(config=config, environ={})
