"""The documentation site: strictly built, complete, and read without another host."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import reelqueue
import reelqueue.qwen
import reelqueue.webhooks

ROOT = Path(__file__).parents[3]
MODULES = (reelqueue, reelqueue.qwen, reelqueue.webhooks)
# What MkDocs reads: its settings and hook, the pages, and the package whose docstrings it shows.
SOURCES = ("mkdocs.yml", ".ci/site_pages.py", "docs", "reelqueue", "LICENSE", "examples")


def build(checkout: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout as ``./run docs`` does."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=checkout,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.xdist_group("site")
def test_the_reference_has_every_public_name_and_no_private_one(site: Path) -> None:
    inventory = (site / "objects.inv").read_bytes().partition(b"zlib.\n")[2]
    names = {line.split(" ")[0] for line in zlib.decompress(inventory).decode().splitlines()}

    public = {f"{module.__name__}.{name}" for module in MODULES for name in module.__all__}

    assert public - names == {"reelqueue.__version__"}
    assert [name for name in names if name.rpartition(".")[2].startswith("_")] == []


@pytest.mark.xdist_group("site")
def test_no_page_asks_another_host(site: Path, browser: Browser) -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    for name in ("index.html", "python-reference.html", "404.html"):
        page.goto((site / name).as_uri())
        page.wait_for_load_state("networkidle")
    page.context.close()

    assert complaints == []
    assert any(url.endswith(".css") for url in asked)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.xdist_group("site")
def test_broken_links_fail_the_build(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in (*SOURCES, *(path.name for path in ROOT.glob("*.md"))):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    with (checkout / "docs/archive.md").open("a") as page:
        page.write("\n[a](gone.md) [b](money.md#gone) [c](../GONE.md)\n")

    built = build(checkout, tmp_path / "site")

    assert built.returncode != 0
    complaints = [line for line in built.stderr.splitlines() if "archive.md" in line]
    assert len([line for line in complaints if "gone.md" in line or "#gone" in line or "GONE.md" in line]) == 3
