"""The page from a server: the policy as a header, and decisions that are sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from api.gallery.page import render, security_policy
from tests.gallery.conftest import Desk
from tests.gallery.reel import Stock, clips, gallery, tile_id


@dataclass
class Studio:
    """A server of one gallery, and the decisions that reached it."""

    status: int = 200
    decisions: list[dict[str, Any]] = field(default_factory=list)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, studio: Studio, folder: Path) -> None:
        self._studio = studio
        super().__init__(*arguments, directory=folder)

    def do_GET(self) -> None:
        if self.path != "/":
            return super().do_GET()
        page = render(gallery(list(clips(12)), decisions_url="/decisions"), is_served=True)
        return self._answer(200, page.encode(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        self._studio.decisions.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        problem = {"detail": "the campaign is over"}
        self._answer(self._studio.status, json.dumps(problem).encode(), "application/problem+json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", security_policy(is_served=True))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def studio() -> Studio:
    """Takes every decision."""
    return Studio()


@pytest.fixture
def url(studio: Studio, stock: Stock) -> Iterator[str]:
    """Where the gallery is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, studio=studio, folder=stock.folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_served_page_works_under_its_policy(desk: Desk, url: str) -> None:
    desk.page.goto(url)
    desk.page.locator(".tile a").first.hover()

    expect(desk.page.locator(".sheet video.on")).to_have_count(1)


def test_a_decision_reaches_the_server(desk: Desk, url: str, studio: Studio) -> None:
    desk.page.goto(url)
    desk.page.locator(".tile a").nth(1).focus()
    desk.page.keyboard.press("a")

    expect(desk.page.get_by_role("alert")).to_have_text("dunes-1: approved")
    assert studio.decisions == [{"decision": "approve", "job_ids": [tile_id(1)]}]


def test_a_clip_that_is_there_is_bought_again_only_when_told_twice(desk: Desk, url: str, studio: Studio) -> None:
    desk.page.goto(url)
    desk.page.locator(".tile a").nth(1).focus()
    desk.page.keyboard.press("r")
    expect(desk.page.get_by_role("alert")).to_contain_text("pay for it again")
    assert studio.decisions == []

    for words in ("dunes-1: to be retried", "dunes-1: is being retried already"):
        desk.page.keyboard.press("r")
        expect(desk.page.get_by_role("alert")).to_have_text(words)

    assert studio.decisions == [{"decision": "retry", "job_ids": [tile_id(1)]}]


def test_a_clip_that_was_refused_is_retried_at_once(desk: Desk, url: str, studio: Studio) -> None:
    desk.page.goto(url)
    desk.page.locator(".tile a").nth(3).focus()
    desk.page.keyboard.press("r")

    expect(desk.page.get_by_role("alert")).to_have_text("harbour-3: to be retried")
    assert studio.decisions == [{"decision": "retry", "job_ids": [tile_id(3)]}]


def test_a_refused_decision_is_taken_back_with_the_reason(desk: Desk, url: str, studio: Studio) -> None:
    studio.status = 409
    desk.page.goto(url)
    desk.page.locator(".tile a").nth(1).focus()
    desk.page.keyboard.press("x")

    expect(desk.page.get_by_role("alert")).to_have_text("dunes-1: the campaign is over")
    expect(desk.page.locator("[data-decision]")).to_have_count(0)
    desk.complaints.clear()  # Chromium notes each answer of 409
