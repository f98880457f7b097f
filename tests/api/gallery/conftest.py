"""Made-up clips, in folders and in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.api.gallery.reel import Stock, clips, export, make_stock


@dataclass
class Desk:
    """A browser's page, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note errors and violations of the security policy from now on."""
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """One video and one poster."""
    return make_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture(scope="session")
def twelve(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an exported gallery of twelve clips."""
    return export(tmp_path_factory.mktemp("twelve"), list(clips(12)), stock)


@pytest.fixture(scope="session")
def thousand(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an exported gallery of a thousand clips, which all show the same two files."""
    folder = tmp_path_factory.mktemp("thousand")
    return export(folder, list(clips(1000)), stock)


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    """A desk with a large screen and a mouse; the test fails if the browser complained about anything."""
    with_page = Desk(browser.new_context(viewport={"width": 1280, "height": 900}).new_page())
    with_page.listen()
    yield with_page
    with_page.page.context.close()
    assert with_page.complaints == []


def shot(page: Page, folder: Path, name: str) -> None:
    """Keep a picture of the page for people to look at."""
    page.screenshot(path=folder / f"{name}.png")
