"""The page in Chromium: from a folder, with mouse, keyboard, a small screen and a thousand clips."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.api.gallery.conftest import Desk, shot
from tests.api.gallery.reel import Stock, export, moderated, rendered, tile_id
from tests.api.gallery.test_page import HOSTILE, said

PHONE = {"width": 360, "height": 740}


def tile(page: Page, index: int) -> Locator:
    return page.locator(".tile").nth(index)


def link(page: Page, index: int) -> Locator:
    return tile(page, index).locator("a")


def shown(page: Page) -> Locator:
    return page.locator(".tile:not([hidden])")


def opened(page: Page) -> Locator:
    return page.get_by_role("dialog")


def test_a_folder_opens_without_a_complaint(desk: Desk, twelve: str, tmp_path: Path) -> None:
    desk.page.goto(twelve)

    expect(desk.page.get_by_role("heading", name="Autumn")).to_be_visible()
    expect(desk.page.get_by_role("status")).to_have_text("12 clips")
    expect(tile(desk.page, 0).locator("img")).to_have_js_property("naturalWidth", 320)
    shot(desk.page, tmp_path, "folder")


def test_a_clip_plays_under_the_pointer_and_stops_beside_it(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    link(desk.page, 0).hover()
    expect(tile(desk.page, 0).locator("video.on")).to_have_js_property("paused", value=False)

    desk.page.get_by_role("heading", name="Autumn").hover()

    expect(desk.page.locator(".sheet video")).to_have_count(0)


def test_a_tap_opens_a_clip_and_plays_it(browser: Browser, twelve: str) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True) as context:
        page = context.new_page()
        page.goto(twelve)
        link(page, 0).tap()

        expect(opened(page).locator("video")).to_have_js_property("paused", value=False)


def test_the_detail_view_has_everything_about_a_clip(desk: Desk, twelve: str, tmp_path: Path) -> None:
    desk.page.goto(twelve)
    link(desk.page, 1).click()

    about = ["dunes-1", "Done", "a paper boat in the dunes", "rain", "cinematic", "https://media.test/boat.png"]
    about += ["8", "0.50 USD", "1. accepted (200)", "saving → done", "succeeded", "task-1", "place"]
    for words in about:
        expect(opened(desk.page)).to_contain_text(words)
    shot(desk.page, tmp_path, "detail")


def test_the_detail_view_says_why_there_is_no_clip(desk: Desk, twelve: str) -> None:
    desk.page.goto(f"{twelve}#{tile_id(3)}")

    expect(opened(desk.page)).to_contain_text("the content filter refused the output")
    expect(opened(desk.page)).to_contain_text("moderation · DataInspectionFailed")
    expect(opened(desk.page).get_by_role("button", name="Approve")).to_be_hidden()


def test_back_leads_from_a_clip_to_the_sheet(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    link(desk.page, 2).click()
    expect(opened(desk.page)).to_be_visible()

    desk.page.go_back()

    expect(opened(desk.page)).to_be_hidden()
    expect(link(desk.page, 2)).to_be_focused()


def test_filters_add_up(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_label("Done").check()
    desk.page.get_by_label("place").select_option("harbour")
    expect(desk.page.get_by_role("status")).to_have_text("3 of 12")  # 0, 6, 9; 3 was refused

    desk.page.get_by_role("searchbox").fill("HARBOUR-6")
    expect(shown(desk.page)).to_have_count(1)

    desk.page.get_by_role("button", name="Show all").click()
    expect(shown(desk.page)).to_have_count(12)


def test_a_search_finds_reasons(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_role("searchbox").fill("content filter")

    expect(shown(desk.page)).to_have_count(1)


def test_leaving_the_search_keeps_what_was_searched(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_role("searchbox").fill("dunes")
    desk.page.keyboard.press("Escape")

    expect(link(desk.page, 1)).to_be_focused()
    expect(desk.page.get_by_role("searchbox")).to_have_value("dunes")


def test_a_search_that_finds_nothing_says_so(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_role("searchbox").fill("nobody wrote this")

    expect(desk.page.get_by_text("No clip is like that.")).to_be_visible()


def test_the_keyboard_goes_everywhere(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    link(desk.page, 0).focus()
    columns = (
        desk.page.evaluate("getComputedStyle(document.querySelector('#sheet')).gridTemplateColumns").count(" ") + 1
    )

    for key, index in [("ArrowRight", 1), ("ArrowDown", 1 + columns), ("ArrowLeft", columns), ("End", 11), ("Home", 0)]:
        desk.page.keyboard.press(key)
        expect(link(desk.page, index)).to_be_focused()
    desk.page.keyboard.press("/")
    expect(desk.page.get_by_role("searchbox")).to_be_focused()
    desk.page.keyboard.press("Escape")
    expect(link(desk.page, 0)).to_be_focused()
    desk.page.keyboard.press("?")
    expect(desk.page.get_by_role("dialog", name="Keyboard")).to_be_visible()


@pytest.mark.parametrize("key", ["ArrowDown", "ArrowRight", "ArrowUp"])
def test_arrows_work_at_once(desk: Desk, twelve: str, key: str) -> None:
    desk.page.goto(twelve)
    desk.page.keyboard.press(key)
    expect(link(desk.page, 0)).to_be_focused()

    desk.page.keyboard.press("ArrowRight")

    expect(link(desk.page, 1)).to_be_focused()


def test_arrows_begin_with_a_clip_that_is_in_sight(desk: Desk, thousand: str) -> None:
    desk.page.goto(thousand)
    tile(desk.page, 600).scroll_into_view_if_needed()
    desk.page.keyboard.press("ArrowDown")

    expect(desk.page.locator(".tile a:focus")).to_be_in_viewport()
    index = "[...document.querySelectorAll('.tile')].indexOf(document.activeElement.closest('.tile'))"
    assert desk.page.evaluate(index) > 500


def test_arrows_begin_with_a_clip_that_the_filter_shows(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_label("place").select_option("dunes")
    desk.page.get_by_label("place").blur()
    desk.page.keyboard.press("ArrowDown")

    expect(link(desk.page, 1)).to_be_focused()


def test_the_way_past_the_filters_leads_to_a_clip(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_text("Skip to the clips")).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(link(desk.page, 0)).to_be_focused()
    desk.page.keyboard.press("ArrowRight")

    expect(link(desk.page, 1)).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_decisions_have_a_shape_and_a_colour_that_means_them(
    browser: Browser, twelve: str, tmp_path: Path, scheme: str
) -> None:
    with browser.new_context(color_scheme=scheme) as context:  # type: ignore[arg-type] # one of two literals
        page = context.new_page()
        page.goto(twelve)
        page.keyboard.press("ArrowDown")
        for key in ("a", "ArrowRight", "x", "ArrowRight", "r"):
            page.keyboard.press(key)
        shot(page, tmp_path, f"marks-{scheme}")

        marks = [tile(page, index).locator(".frame").evaluate(_MARK) for index in range(3)]
        assert [mark[0] for mark in marks] == ["✓", "✕", "↻"]
        (red, green, _), (rejected_red, rejected_green, _) = (mark[1] for mark in marks[:2])
        assert green > 1.5 * red
        assert rejected_red > 1.5 * rejected_green
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        button = opened(page).get_by_role("button", name="Approve")
        expect(button).to_have_attribute("aria-pressed", "true")
        assert button.evaluate("(element) => getComputedStyle(element, '::before').content").startswith('"✓')
        red, green, _ = button.evaluate(f"(element) => ({_RGB})(getComputedStyle(element).borderColor)")
        assert green > 1.5 * red
        assert contrast(page, "[data-decide=approve]") >= 4.5
        shot(page, tmp_path, f"pressed-{scheme}")


def test_clips_are_filtered_by_ratio_and_resolution(desk: Desk, stock: Stock, tmp_path: Path) -> None:
    asked = [{"ratio": ratio, "resolution": size} for ratio in ("16:9", "9:16", "1:1") for size in ("720P", "1080P")]
    tiles = [rendered(index, asked=options) for index, options in enumerate(asked)]
    desk.page.goto(export(tmp_path, tiles, stock))
    desk.page.get_by_label("Ratio").select_option("9:16")
    expect(shown(desk.page)).to_have_count(2)

    desk.page.get_by_label("Resolution").select_option("1080P")

    expect(shown(desk.page)).to_have_count(1)
    expect(tile(desk.page, 3)).to_be_visible()


def test_the_ring_around_the_focused_clip_is_not_cut_off(desk: Desk, twelve: str, tmp_path: Path) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_role("button", name="Keyboard shortcuts").focus()
    desk.page.keyboard.press("Tab")
    shot(desk.page, tmp_path, "focus")

    style = "(element) => {const {outlineStyle, outlineWidth, outlineOffset} = getComputedStyle(element);"
    look = link(desk.page, 0).evaluate(
        f"{style} return [outlineStyle, parseFloat(outlineWidth) + parseFloat(outlineOffset)]}}"
    )
    room = tile(desk.page, 0).evaluate("(element) => parseFloat(getComputedStyle(element).padding)")
    assert look[0] == "solid"
    assert 0 < look[1] <= room


def test_space_plays_and_stops(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    link(desk.page, 0).focus()
    desk.page.keyboard.press("Space")
    expect(desk.page.locator(".sheet video")).to_have_count(1)

    desk.page.keyboard.press("Space")

    expect(desk.page.locator(".sheet video")).to_have_count(0)


def test_one_tab_leads_into_the_sheet_and_one_out(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_role("button", name="Keyboard shortcuts").focus()
    desk.page.keyboard.press("Tab")
    expect(link(desk.page, 0)).to_be_focused()

    desk.page.keyboard.press("Tab")

    expect(desk.page.locator(".tile a:focus")).to_have_count(0)


def test_arrows_lead_through_the_clips_that_are_shown(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    desk.page.get_by_label("place").select_option("harbour")
    link(desk.page, 0).focus()
    desk.page.keyboard.press("Enter")
    desk.page.keyboard.press("ArrowRight")

    expect(opened(desk.page).get_by_role("heading", name="harbour-3")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(link(desk.page, 3)).to_be_focused()


def test_marks_are_kept_and_can_be_saved(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    link(desk.page, 0).focus()
    for key in ("a", "ArrowRight", "x", "ArrowRight", "r", "r"):  # the second r takes the first one back
        desk.page.keyboard.press(key)
    # A page's writes reach the browser's own process a moment later; another page sees them when they have.
    other = desk.page.context.new_page()
    other.goto(twelve)
    other.wait_for_function("Object.values(localStorage).some((kept) => JSON.parse(kept).length === 2)")
    other.close()
    desk.page.reload()

    expect(tile(desk.page, 0)).to_have_attribute("data-decision", "approve")
    with desk.page.expect_download() as download:
        desk.page.get_by_role("button", name="Save marks").click()
    saved = Path(download.value.path()).read_text().splitlines()
    assert saved == [
        f'{{"job_id":"{tile_id(0)}","custom_id":"harbour-0","decision":"approve"}}',
        f'{{"job_id":"{tile_id(1)}","custom_id":"dunes-1","decision":"reject"}}',
    ]


def test_what_was_refused_cannot_be_approved(desk: Desk, twelve: str) -> None:
    desk.page.goto(twelve)
    link(desk.page, 3).focus()
    desk.page.keyboard.press("a")

    expect(desk.page.get_by_role("alert")).to_contain_text("nothing to approve")
    expect(tile(desk.page, 3)).not_to_have_attribute("data-decision", "approve")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_somebody_wrote_does_nothing(desk: Desk, stock: Stock, tmp_path: Path, text: str) -> None:
    desk.page.on("dialog", lambda dialog: desk.complaints.append(dialog.message))
    desk.page.goto(export(tmp_path, said(text), stock))
    link(desk.page, 0).click()

    expect(opened(desk.page)).to_be_visible()
    expect(desk.page.locator("body > script")).to_have_count(2)
    expect(desk.page.locator("svg, [onerror], [onload], [onmouseover]")).to_have_count(0)


def test_a_reference_is_a_link_to_the_web_or_none(desk: Desk, stock: Stock, tmp_path: Path) -> None:
    hostile = said("javascript:alert(1)")[0]
    desk.page.goto(export(tmp_path, [hostile], stock))
    link(desk.page, 0).click()

    expect(opened(desk.page)).to_contain_text("javascript:alert(1)")
    expect(opened(desk.page).get_by_role("link")).to_have_count(0)


@pytest.mark.parametrize("is_opened", [False, True])
def test_a_small_screen_is_wide_enough(browser: Browser, twelve: str, tmp_path: Path, *, is_opened: bool) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(twelve + (f"#{tile_id(0)}" if is_opened else ""))
        shot(page, tmp_path, "phone")

        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        if is_opened:
            assert page.evaluate("document.querySelector('#detail').scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_light_and_dark(browser: Browser, twelve: str, tmp_path: Path, scheme: str) -> None:
    with browser.new_context(color_scheme=scheme) as context:  # type: ignore[arg-type] # one of two literals
        page = context.new_page()
        page.goto(twelve)
        shot(page, tmp_path, scheme)

        for words in (".edge .number", ".edge .name", ".slate strong", ".slate span", ".made", ".chip small", "h1"):
            assert contrast(page, words) >= 4.5, words


def test_nothing_moves_by_itself_for_those_who_do_not_like_it(browser: Browser, twelve: str) -> None:
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(twelve)
        link(page, 0).hover()
        link(page, 0).click()

        expect(opened(page).locator("video")).to_have_js_property("paused", value=True)
        expect(page.locator(".sheet video")).to_have_count(0)


def test_a_thousand_clips_load_as_they_are_needed(desk: Desk, thousand: str, tmp_path: Path) -> None:
    desk.page.goto(thousand)

    expect(desk.page.get_by_role("status")).to_have_text("1,000 clips")
    loaded = "[...document.querySelectorAll('.tile img')].filter((picture) => picture.naturalWidth).length"
    assert 0 < desk.page.evaluate(loaded) < 400
    expect(tile(desk.page, 999)).to_have_css("content-visibility", "auto")
    tile(desk.page, 999).scroll_into_view_if_needed()
    expect(tile(desk.page, 999).locator("img")).to_have_js_property("naturalWidth", 320)
    shot(desk.page, tmp_path, "end")


def test_few_of_a_thousand_clips_are_loaded_at_a_time(desk: Desk, thousand: str) -> None:
    desk.page.goto(thousand)
    for index in (0, 1, 2, 4, 5):
        link(desk.page, index).focus()
        desk.page.keyboard.press("Space")
    expect(desk.page.locator(".sheet video")).to_have_count(3)

    desk.page.keyboard.press("End")

    expect(link(desk.page, 999)).to_be_focused()
    expect(desk.page.locator(".sheet video")).to_have_count(0)


def test_a_thousand_clips_can_be_searched(desk: Desk, thousand: str) -> None:
    desk.page.goto(thousand)
    desk.page.get_by_role("searchbox").fill("dunes-99")

    expect(desk.page.get_by_role("status")).to_have_text("3 of 1,000")  # 991, 994 and 997


def test_names_and_states_are_told_to_those_who_listen(desk: Desk, stock: Stock, tmp_path: Path) -> None:
    desk.page.goto(export(tmp_path, [rendered(0), moderated(1)], stock))

    expect(desk.page.get_by_role("list", name="Clips").get_by_role("link")).to_have_count(2)
    expect(link(desk.page, 0)).to_have_accessible_name("1 harbour-0 1 s")
    expect(link(desk.page, 1)).to_have_accessible_name(
        "Refused by the filter the content filter refused the output 2 dunes-1"
    )


def contrast(page: Page, selector: str) -> float:
    """How far the text stands out from what is behind it, as WCAG 2.2 measures it."""
    return float(page.locator(selector).first.evaluate(_CONTRAST))


_RGB = "(color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number)"
_MARK = f"""(frame) => {{
  const style = getComputedStyle(frame, "::before");
  return [style.content.match(/"([^"]+)"/)[1], ({_RGB})(style.color)];
}}"""
_CONTRAST = """(element) => {
  const light = (color) => {
    const largest = color.startsWith("color(") ? 1 : 255; // how mixed colours are written
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3)
      .map((part) => part / largest).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  while (/, 0\\)$|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const pair = [light(getComputedStyle(element).color), light(getComputedStyle(behind).backgroundColor)];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""
