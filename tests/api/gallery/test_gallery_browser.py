"""The served pages in Chromium, against the real API: signing in, looking, deciding by keyboard."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import ApiKey, ClipDecision, RenderJob
from reelqueue.schemas.campaigns import Decision
from reelqueue.states import RenderState
from tests.api.conftest import problem
from tests.api.gallery.conftest import Desk, shot
from tests.api.gallery.reel import Stock
from tests.api.gallery.test_browser import contrast
from tests.support.reels import moderate, move, shoot

PHONE = {"width": 360, "height": 740}


def focus(page: Page, index: int) -> None:
    page.locator(".tile a").nth(index).focus()


def says(page: Page, words: str) -> None:
    expect(page.get_by_role("alert")).to_have_text(words)


def decisions(rows: Session) -> list[tuple[UUID, Decision]]:
    rows.expire_all()
    found = rows.execute(select(ClipDecision.job_id, ClipDecision.decision).order_by(ClipDecision.job_id))
    return [(job_id, decision) for job_id, decision in found]


def test_clips_are_decided_about_by_keyboard(desk: Desk, rows: Session, clips: list[UUID], url: str) -> None:
    desk.page.goto(f"{url}/campaigns/autumn")
    focus(desk.page, 0)
    desk.page.keyboard.press("a")
    says(desk.page, "0: approved")
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("x")
    says(desk.page, "1: rejected")

    assert decisions(rows) == [(clips[0], Decision.APPROVE), (clips[1], Decision.REJECT)]
    desk.page.reload()
    expect(desk.page.locator("[data-decision=approve]")).to_have_count(1)
    desk.page.get_by_label("Mark").select_option("=reject")
    expect(desk.page.get_by_role("status")).to_have_text("1 of 3")


def test_the_same_key_takes_a_decision_back(desk: Desk, rows: Session, clips: list[UUID], url: str) -> None:
    desk.page.goto(f"{url}/campaigns/autumn")
    focus(desk.page, 0)
    desk.page.keyboard.press("a")
    says(desk.page, "0: approved")
    desk.page.keyboard.press("a")
    says(desk.page, "0: mark taken back")

    assert decisions(rows) == []


def test_a_clip_is_bought_again_when_its_price_is_agreed_to(
    desk: Desk, rows: Session, clips: list[UUID], url: str, tmp_path: Path
) -> None:
    moderate(rows, clips[1])
    desk.page.goto(f"{url}/campaigns/autumn")
    focus(desk.page, 1)
    desk.page.keyboard.press("r")
    question = desk.page.get_by_role("dialog", name="Render 1 again?")
    expect(question).to_contain_text("It costs at most 0.75 USD.")
    shot(desk.page, tmp_path, "ask")
    desk.page.keyboard.press("Enter")

    says(desk.page, "1: to be rendered again")
    expect(desk.page.locator(".tile").nth(1).locator("a")).to_be_focused()
    assert states(rows) == ["succeeded", "queued", "succeeded"]


def test_nothing_is_bought_when_the_question_is_left(desk: Desk, rows: Session, clips: list[UUID], url: str) -> None:
    desk.page.goto(f"{url}/campaigns/autumn")
    focus(desk.page, 0)
    desk.page.keyboard.press("r")
    expect(desk.page.get_by_role("dialog", name="Render 0 again?")).to_contain_text("stays in the archive")
    desk.page.keyboard.press("Escape")

    expect(desk.page.get_by_role("dialog")).to_have_count(0)
    assert states(rows) == ["succeeded"] * 3


def test_a_clip_that_is_being_rendered_again_is_not_bought_twice(
    desk: Desk, rows: Session, clips: list[UUID], url: str
) -> None:
    desk.page.route("**/events", lambda route: route.fulfill(status=204))  # another page has not heard of it yet
    moderate(rows, clips[0])
    desk.page.goto(f"{url}/campaigns/autumn")
    focus(desk.page, 0)
    desk.page.keyboard.press("r")
    expect(desk.page.get_by_role("dialog")).to_be_visible()
    desk.page.keyboard.press("Enter")
    says(desk.page, "0: to be rendered again")
    desk.page.keyboard.press("r")

    says(desk.page, "0: is being rendered again already")
    assert states(rows).count("queued") == 1


def test_a_refusal_is_told_and_the_mark_taken_back(
    desk: Desk, api: httpx.Client, rows: Session, clips: list[UUID], url: str
) -> None:
    desk.page.route("**/events", lambda route: route.fulfill(status=204))  # the page has not heard of it yet
    desk.page.goto(f"{url}/campaigns/autumn")
    moderate(rows, clips[0])
    focus(desk.page, 0)
    desk.page.keyboard.press("a")

    says(desk.page, f"0: render job {clips[0]} is moderated and has no video to look at; nothing was decided")
    expect(desk.page.locator("[data-decision]")).to_have_count(0)
    desk.complaints.clear()  # Chromium notes each answer of 409


def test_a_clip_plays_from_the_archive(desk: Desk, clips: list[UUID], url: str) -> None:
    desk.page.goto(f"{url}/campaigns/autumn")
    desk.page.locator(".tile a").first.click()

    expect(desk.page.get_by_role("dialog").locator("video")).to_have_js_property("paused", value=False)
    expect(desk.page.get_by_role("dialog")).to_contain_text("harbour")  # a variable of its row


def test_of_a_thousand_clips_few_posters_are_asked_for(
    desk: Desk, api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock, url: str
) -> None:
    shoot(api, rows, settings, stock, 1000)
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.page.goto(f"{url}/campaigns/autumn", wait_until="networkidle")

    expect(desk.page.get_by_role("status")).to_have_text("1,000 clips")
    posters = [address for address in asked if address.endswith("/poster")]
    assert 0 < len(posters) < 400
    assert not [address for address in asked if address.endswith("/asset")]
    last = desk.page.locator(".tile").nth(999)
    last.scroll_into_view_if_needed()
    expect(last.locator("img")).to_have_js_property("naturalWidth", 320)


def test_a_person_signs_in_once(browser: Browser, studio: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{studio}/campaigns/autumn")
        expect(page).to_have_title("Sign in · Reelqueue")
        page.get_by_label("API key").fill("rq_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("The API key is unknown, revoked or expired")
        page.get_by_label("API key").fill("rq_alice")
        page.keyboard.press("Enter")

        expect(page.locator(".tile")).to_have_count(3)
        expect(page.locator(".tile img").first).to_have_js_property("naturalWidth", 320)
        focus(page, 0)
        page.keyboard.press("a")
        says(page, "0: approved")
        page.get_by_role("link", name="Campaigns").click()
        expect(page.get_by_text("alice")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_title("Sign in · Reelqueue")


def test_who_decided_is_told(browser: Browser, studio: str, alice: dict[str, str]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(link(studio, alice))
        focus(page, 0)
        page.keyboard.press("a")
        says(page, "0: approved")
        page.reload()
        page.locator(".tile a").first.click()

        expect(page.get_by_role("dialog").get_by_text("Approved by alice")).to_be_visible()


def test_a_link_signs_in_and_leaves_no_trace(browser: Browser, studio: str, alice: dict[str, str]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(link(studio, alice))

        expect(page.locator(".tile")).to_have_count(3)
        assert page.url == f"{studio}/campaigns/autumn"


def test_a_link_signs_in_the_tab_that_asks_for_it(browser: Browser, studio: str, alice: dict[str, str]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{studio}/campaigns/autumn")
        expect(page).to_have_title("Sign in · Reelqueue")
        page.goto(link(studio, alice))  # differs behind its # only, so that nothing is loaded

        expect(page.locator(".tile")).to_have_count(3)
        assert page.url == f"{studio}/campaigns/autumn"


def test_a_page_whose_key_ends_leads_to_the_sign_in_page(
    browser: Browser, studio: str, alice: dict[str, str], rows: Session, tmp_path: Path
) -> None:
    clip = rows.scalars(select(RenderJob.id).limit(1)).one()
    move(rows, clip, RenderState.RENDERING)  # else there is nothing to follow
    with browser.new_context() as context:
        page = context.new_page()
        with page.expect_response("**/events"):
            page.goto(link(studio, alice))
        rows.execute(update(ApiKey).where(ApiKey.name == "alice").values(revoked_at=func.now()))
        rows.commit()

        says(page, "This page is no longer brought up to date: you are no longer signed in. Sign in")
        shot(page, tmp_path, "signed-out")
        page.get_by_role("link", name="Sign in").click()
        expect(page).to_have_title("Sign in · Reelqueue")


def test_another_sites_link_finds_who_is_signed_in(browser: Browser, studio: str, alice: dict[str, str]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(link(studio, alice))
        expect(page.locator(".tile")).to_have_count(3)
        elsewhere = studio.replace("127.0.0.1", "localhost")
        page.goto(f"{elsewhere}/sign-in")
        page.evaluate("address => { location.href = address }", f"{studio}/campaigns/autumn")

        expect(page.locator(".tile")).to_have_count(3)


@pytest.mark.parametrize("path", ["/campaigns", "/campaigns/autumn"])
def test_a_small_screen_is_wide_enough(
    browser: Browser, clips: list[UUID], url: str, tmp_path: Path, path: str
) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(f"{url}{path}")
        shot(page, tmp_path, "phone")

        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_light_and_dark(browser: Browser, studio: str, alice: dict[str, str], scheme: str) -> None:
    with browser.new_context(color_scheme=scheme) as context:  # type: ignore[arg-type] # one of two literals
        page = context.new_page()
        page.goto(f"{studio}/campaigns")
        assert [words for words in ("h1", "label", ".door button", ".hint") if contrast(page, words) < 4.5] == []
        page.goto(link(studio, alice))
        page.get_by_role("link", name="Campaigns").click()
        expect(page.locator(".reel")).to_have_count(1)

        listed = (".reel h2 a", ".phase", ".facts b", ".facts .last", ".who span", ".who button")
        assert [words for words in listed if contrast(page, words) < 4.5] == []


def test_the_list_leads_to_a_campaign(desk: Desk, clips: list[UUID], url: str) -> None:
    desk.page.goto(f"{url}/campaigns")
    expect(desk.page.locator(".strip img")).to_have_count(3)
    desk.page.get_by_role("link", name="autumn").click()

    expect(desk.page.locator(".tile")).to_have_count(3)


def link(studio: str, headers: dict[str, str]) -> str:
    """The address that the command line would print."""
    answer = httpx.post(f"{studio}/v1/campaigns/autumn/link", headers=headers, trust_env=False)
    assert answer.status_code == 200, problem(answer)
    return f"{studio}{answer.json()['path']}"


def states(rows: Session) -> list[RenderState]:
    """Of the clips that stand, in the file's order."""
    rows.expire_all()
    standing = select(RenderJob.state).where(RenderJob.superseded_at.is_(None))
    return list(rows.scalars(standing.order_by(RenderJob.clip_line)))


@pytest.fixture
def desk(api: httpx.Client, desk: Desk) -> Desk:
    """Left before the API's rows are: a poster that is still being loaded would not be found."""
    return desk


@pytest.fixture
def clips(api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock) -> list[UUID]:
    """The jobs of a campaign whose three clips have been rendered."""
    return shoot(api, rows, settings, stock)


@pytest.fixture
def studio(locked: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock, alice: dict[str, str]) -> str:
    """Where an API with keys is, and a campaign of alice's."""
    locked.headers.update(alice)
    shoot(locked, rows, settings, stock)
    return str(locked.base_url).rstrip("/")
