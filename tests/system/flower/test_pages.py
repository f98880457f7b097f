"""Flower's pages in a browser, as an operator sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.system.flower.site import CANARIES, Site

pytestmark = pytest.mark.xdist_group("flower")

ROWS = "#tasks-table tbody tr"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("render.submit", "model=wan2.6-"),
        ("render.poll", "account=default due="),
        ("render.archive", "model=wan2.6-"),
        ("intake.enqueue", "'job_id': "),
        ("control.dispatch", "admitted="),
        ("control.report", "queued="),
    ],
)
def test_the_list_says_what_each_task_is_about(page: Page, name: str, words: str, tmp_path: Path) -> None:
    page.goto(f"/tasks?name={name}")

    expect(page.locator(ROWS).first).to_contain_text(name)
    expect(page.locator("#tasks-table")).to_contain_text(words)
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)


def test_the_list_says_why_a_task_failed(page: Page) -> None:
    page.goto("/tasks?name=intake.enqueue&state=FAILURE")

    expect(page.locator("#tasks-table")).to_contain_text("InvalidRequestError('too_long'")


def test_the_list_leads_to_the_page_of_a_task(page: Page, tmp_path: Path) -> None:
    page.goto("/tasks?name=render.submit")
    page.locator(ROWS).first.locator("a[href*='/task/']").click()

    expect(page.locator("#task-page")).to_contain_text("model=wan2.6-")
    page.screenshot(path=tmp_path / "task.png", full_page=True)


def test_the_page_of_a_failure_shows_where_it_came_from(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"/task/{site.tasks('intake.enqueue', 'FAILURE')[0]['uuid']}")

    expect(page.locator("#task-page")).to_contain_text("Traceback (most recent call last)")
    page.screenshot(path=tmp_path / "failure.png", full_page=True)


@pytest.mark.parametrize("path", ["/tasks", "/workers", "/worker/every@studio", "/broker"])
def test_no_page_shows_what_a_request_says(page: Page, path: str, tmp_path: Path) -> None:
    page.goto(path, wait_until="networkidle")
    page.screenshot(path=tmp_path / "page.png", full_page=True)

    assert not [canary for canary in CANARIES if canary in page.content()]


@pytest.mark.parametrize("path", ["/worker/every@studio", "/tasks"])
def test_there_is_nothing_to_press_that_would_change_anything(page: Page, path: str) -> None:
    page.goto(path, wait_until="networkidle")

    for action in ("Shut Down", "Restart Pool", "Grow", "Shrink", "Apply", "Terminate", "Revoke", "Cancel"):
        expect(page.get_by_role("button", name=action)).to_have_count(0)


def test_a_browser_without_a_login_sees_nothing(strange_context: BrowserContext) -> None:
    page = strange_context.new_page()

    with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        page.goto("/tasks")
