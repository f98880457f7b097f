"""Every path that a page names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(
    r"`((?:[a-z_]+/)*[a-zA-Z_-]+\.(?:py|lock)|(?:api|bench|embedded|models|reelqueue|simulator|tests|workers)/(?:[a-z_]+/)*)`"
)
LINKED = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
"""Paths in code marks, and relative links."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_named_path_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [ROOT / path for path in NAMED.findall(text)]
    linked = [page.parent / path for path in LINKED.findall(text)]

    assert [str(path.relative_to(ROOT)) for path in named if not path.exists()] == []
    assert [str(path) for path in linked if not path.exists()] == []


def test_the_architecture_names_enough_to_be_checked() -> None:
    assert len(NAMED.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))) > 20


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent != ROOT and page.name != "decisions.md"], ids=lambda page: page.name
)
def test_a_page_for_users_names_no_test(page: Path) -> None:
    assert re.findall(r"\btests/\S*", page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("package", ["reelqueue", "api", "workers", "models"])
def test_the_tree_names_every_folder(package: str) -> None:
    tree = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The tree")[2].partition("\n## ")[0]
    folders = [path.parent.name for path in (ROOT / package).glob("*/__init__.py")]

    assert len(folders) > 1
    assert [name for name in folders if f"{name}/" not in tree] == []
