"""The page while its campaign goes: it shows what happens, and takes nothing from whoever looks."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import Campaign, RenderJob
from reelqueue.states import RenderState
from tests.api.gallery.conftest import Desk, shot
from tests.api.gallery.reel import Stock
from tests.support.campaigns import do, make, submit_clips
from tests.support.reels import arrive, move, shoot


def tile(page: Page, index: int) -> Locator:
    return page.locator(".tile").nth(index)


def numbers(page: Page) -> Locator:
    return page.locator(".numbers")


def look(desk: Desk, url: str) -> Page:
    """The page, which says later whether it was loaded again."""
    desk.page.goto(f"{url}/campaigns/autumn")
    desk.page.evaluate("window.isSame = true")
    return desk.page


def is_same(page: Page) -> bool:
    return page.evaluate("window.isSame") is True


def test_a_clip_that_arrives_appears(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str, tmp_path: Path
) -> None:
    page = look(desk, url)
    expect(tile(page, 1)).to_contain_text("Rendering")
    shot(page, tmp_path, "before")
    arrive(rows, stock, clips[1])

    expect(tile(page, 1).locator("img")).to_have_js_property("naturalWidth", 320)
    expect(numbers(page)).to_contain_text("2 done")
    expect(page.locator(".chip", has_text="Done")).to_contain_text("2")
    shot(page, tmp_path, "after")
    arrive(rows, stock, clips[2])
    expect(numbers(page)).to_contain_text("3 done")
    expect(page.locator(".chip:visible")).to_have_count(0)
    tile(page, 1).locator("a").click()
    expect(page.get_by_role("dialog").locator("video")).to_have_js_property("paused", value=False)
    assert is_same(page)


def test_an_open_clip_plays_on_and_the_filter_stays(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    page = look(desk, url)
    page.get_by_label("place").select_option("harbour")
    tile(page, 0).locator("a").click()
    video = page.get_by_role("dialog").locator("video")
    expect(video).to_have_js_property("paused", value=False)
    video.evaluate("(element) => { element.isSame = true }")
    move(rows, clips[0], RenderState.ARCHIVING)
    arrive(rows, stock, clips[1])

    expect(numbers(page)).to_contain_text("1 saving")
    expect(page.get_by_role("dialog").locator(".state")).to_have_text("Saving")
    assert video.evaluate("(element) => element.isSame && !element.paused")
    page.keyboard.press("Escape")
    expect(page.locator(".tile:visible")).to_have_count(1)
    expect(page.get_by_label("place")).to_have_value("=harbour")
    expect(tile(page, 0).locator("a")).to_be_focused()


def test_the_focus_and_a_clip_that_plays_in_the_sheet_stay(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    page = look(desk, url)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator(".sheet video.on")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    arrive(rows, stock, clips[1])
    expect(tile(page, 1).locator("img")).to_have_count(1)

    expect(tile(page, 1).locator("a")).to_be_focused()
    expect(tile(page, 0).locator("video.on")).to_have_js_property("paused", value=False)


def test_a_focused_clip_stays_in_sight_whatever_becomes_of_it(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    page = look(desk, url)
    page.get_by_label("Rendering").check()
    tile(page, 1).locator("a").focus()
    arrive(rows, stock, clips[1])

    expect(tile(page, 1).locator("img")).to_have_count(1)
    expect(tile(page, 1).locator("a")).to_be_focused()


def test_clips_that_come_later_are_added_with_their_filters(
    desk: Desk, api: httpx.Client, clips: list[UUID], url: str
) -> None:
    page = look(desk, url)
    page.get_by_label("place").select_option("harbour")
    more = {"custom_id": "more", "model": "wan2.6-t2v", "prompt": "a fox", "duration": 5}
    assert submit_clips(api, more | {"clip": {"variables": {"place": "moor"}, "line": 9}}).json()["bad"] == 0

    expect(page.locator(".tile")).to_have_count(4)
    expect(page.get_by_role("status")).to_have_text("1 of 4")
    page.get_by_label("place").select_option("moor")
    expect(page.locator(".tile:visible .number")).to_have_text("4")
    assert is_same(page)


def test_a_clip_that_is_rendered_again_takes_its_place(desk: Desk, rows: Session, clips: list[UUID], url: str) -> None:
    page = look(desk, url)
    tile(page, 0).locator("a").click()
    page.keyboard.press("r")
    expect(page.get_by_role("dialog", name="Render 0 again?")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.locator("#detail .state")).to_have_text("Waiting")
    query = select(RenderJob.id).where(RenderJob.superseded_at.is_(None), RenderJob.custom_id == "0")
    page.wait_for_url(f"**#{rows.scalars(query).one()}")
    page.keyboard.press("Escape")
    expect(tile(page, 0).locator("a")).to_be_focused()
    expect(numbers(page)).to_contain_text("1 waiting")


def test_why_nothing_goes_on_appears_and_goes(desk: Desk, api: httpx.Client, clips: list[UUID], url: str) -> None:
    page = look(desk, url)
    expect(page.locator(".reason")).to_have_count(0)
    do(api, "pause")
    expect(page.locator(".reason")).to_have_text("Paused by its owner.")
    left = "(element) => element.getBoundingClientRect().left"
    assert page.locator(".reason").evaluate(left) == page.locator("h1").evaluate(left)

    do(api, "resume")

    expect(page.locator(".reason", has_text="Paused")).to_have_count(0)


def test_the_way_to_approve_appears_with_the_end_of_the_canary(
    desk: Desk, api: httpx.Client, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    make(api, canary=2)
    move(rows, clips[2], RenderState.QUEUED)
    page = look(desk, url)
    expect(numbers(page)).to_contain_text("1 waiting")
    expect(page.get_by_role("button", name="Approve the rest")).to_have_count(0)
    arrive(rows, stock, clips[1])

    page.get_by_role("button", name="Approve the rest").click()
    page.get_by_role("button", name="Render them").click()

    expect(page.get_by_role("alert")).to_contain_text("approved, and the other 1 clip will be rendered")
    expect(page.get_by_role("button", name="Approve the rest")).to_have_count(0)


def test_an_agreement_is_about_the_clip_that_was_asked_about(
    desk: Desk, api: httpx.Client, rows: Session, clips: list[UUID], url: str
) -> None:
    page = look(desk, url)
    tile(page, 0).locator("a").focus()
    page.keyboard.press("r")
    expect(page.get_by_role("dialog", name="Render 0 again?")).to_be_visible()
    do(api, "decisions", decision="retry", job_ids=[str(clips[0])])  # somebody else is faster
    expect(tile(page, 0)).to_have_attribute("data-state", "queued")
    with page.expect_request("**/decisions") as asked:
        page.keyboard.press("Enter")

    assert asked.value.post_data_json["job_ids"] == [str(clips[0])]
    expect(page.get_by_role("alert")).to_be_visible()
    assert rows.scalars(select(func.count()).select_from(RenderJob)).one() == 4
    desk.complaints.clear()  # Chromium notes a refusal


def test_a_tab_that_nobody_looks_at_follows_nothing_and_catches_up(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    page = look(desk, url)
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url))
    page.evaluate(_TURN, True)
    arrive(rows, stock, clips[1])
    with page.expect_request("**/events"):
        page.evaluate(_TURN, False)

    expect(numbers(page)).to_contain_text("2 done")
    asked = [address for address in opened if address.endswith("/events") or "/changes" in address]
    assert asked[0].endswith("/events")


def test_a_page_that_is_refused_the_events_comes_back_later(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    asked: list[str] = []

    def refuse_twice(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 2:
            route.continue_()
        else:
            route.fulfill(status=503, headers={"Retry-After": "2"}, content_type="application/problem+json", body="{}")

    desk.page.route("**/events", refuse_twice)
    page = look(desk, url)
    arrive(rows, stock, clips[1])

    expect(tile(page, 1).locator("img")).to_have_count(1, timeout=60_000)
    assert len(asked) == 3
    desk.complaints.clear()  # Chromium notes each answer of 503


def test_a_page_comes_back_no_sooner_than_it_was_asked_to(desk: Desk, clips: list[UUID], url: str) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 2:
            route.continue_()
            return
        route.fulfill(status=503, headers={"Retry-After": "3600"}, content_type="application/problem+json", body="{}")

    desk.page.clock.install()
    desk.page.route("**/events", refuse)
    page = look(desk, url)
    expect(page.locator(".tile")).to_have_count(3)
    wait_for(page, lambda: len(asked) == 2)  # for events, and why there are none
    page.clock.fast_forward(3_500_000)
    page.evaluate("() => fetch('/healthz').then((answer) => answer.status)")  # what was asked before it has arrived
    early = len(asked)
    with page.expect_request("**/events"):
        page.clock.fast_forward(7_200_000)

    assert early == 2
    desk.complaints.clear()  # Chromium notes each answer of 503


@pytest.mark.parametrize(("status", "words"), [(401, "you are no longer signed in. Sign in"), (404, "Load it again")])
def test_a_page_that_may_not_follow_says_so_and_stops(
    desk: Desk, clips: list[UUID], url: str, status: int, words: str
) -> None:
    desk.page.route("**/events", lambda route: route.fulfill(status=status, body="{}"))
    page = look(desk, url)

    expect(page.get_by_role("alert")).to_contain_text(words)
    desk.complaints.clear()  # Chromium notes the refusal


def test_a_budget_that_has_ended_says_how_much_is_missing(
    desk: Desk, api: httpx.Client, rows: Session, clips: list[UUID], url: str, tmp_path: Path
) -> None:
    make(api, budget="0.50 USD")
    move(rows, clips[2], RenderState.QUEUED)
    page = look(desk, url)
    expect(numbers(page)).to_contain_text("1 waiting")
    exhausted = update(Campaign).values(budget_exhausted_at=func.now(), spent_amount=Decimal("0.25"))
    rows.execute(exhausted.where(Campaign.name == "autumn"))
    rows.commit()

    expect(page.locator(".reason")).to_contain_text("to go on. Missing 0.25 USD: 1 clip waiting, 0.75 at most:")
    expect(page.locator(".reason code")).to_have_text("reelqueue campaign set autumn 'budget=0.75 USD'")
    shot(page, tmp_path, "budget")
    page.get_by_role("link", name="Campaigns").click()
    expect(page.locator(".reason code")).to_have_text("reelqueue campaign set autumn 'budget=0.75 USD'")
    shot(page, tmp_path, "list")


def wait_for(page: Page, is_so: Callable[[], bool]) -> None:
    """Let the page's requests arrive until it is so."""
    while not is_so():
        page.wait_for_event("response")


def test_a_page_that_asks_in_vain_says_so_and_stops(
    desk: Desk, rows: Session, clips: list[UUID], stock: Stock, url: str
) -> None:
    desk.page.route("**/changes*", lambda route: route.fulfill(content_type="text/html", body="<p>Sign in"))
    page = look(desk, url)
    arrive(rows, stock, clips[1])

    expect(page.get_by_role("alert")).to_contain_text("no longer brought up to date")


_TURN = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def clips(api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock) -> list[UUID]:
    """The jobs of a campaign of which the first clip has been rendered, and two are being rendered."""
    found = shoot(api, rows, settings, stock)
    for job_id in found[1:]:
        move(rows, job_id, RenderState.RENDERING)
    return found
