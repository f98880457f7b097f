"""The page as text: nothing that somebody wrote becomes markup, and nothing runs that is not ours."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.gallery import html_document
from api.gallery.embedded_json import embedded_json
from api.gallery.gallery_page import GALLERY_ASSETS, render
from api.gallery.html_document import security_policy
from api.gallery.tiles import ATTEMPT_WORDS, STATE_WORDS, Money, Reference, Summary, Tile, Why
from reelqueue.schemas.campaigns import CampaignMoney
from reelqueue.states import AttemptState, RenderState
from tests.api.gallery.reel import clips, gallery, moderated, rendered

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]>\u2028\u2029\x00\ud800",
    "{{7*7}}${7*7}",
    "</style></title></option></select><svg onload=alert(1)>",
)

words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))


class Markup(HTMLParser):
    """What an HTML parser makes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[tuple[str, str]] = set()
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        if self.tags and (pieces := self.inside.get(self.tags[-1])) is not None and data.strip():
            pieces.append(data)


def page_of(*tiles: Tile, **changes: Any) -> str:
    return render(gallery(tiles, **changes), is_served=False)


def said(text: str) -> tuple[Tile, Tile]:
    """Two clips with *text* in every place that somebody else fills."""
    everywhere = {"name": text, "model": text, "mode": text, "prompt": text, "negative_prompt": text, "decision": text}
    everywhere |= {"actual_prompt": text, "provider_task_id": text}
    references = [Reference(role=text, url=text)]
    one = rendered(0, variables={text: text, "other": "a"}, references=references, **everywhere)
    why = Why(failure_class=text, code=text, message=text)
    return one, moderated(1, variables={text: "b", "other": text}, why=why, **everywhere)


@given(words)
def test_what_somebody_wrote_is_never_markup(text: str) -> None:
    plain = Markup(page_of(*said("plain"), title="plain"))
    hostile = Markup(page_of(*said(text), title=text))

    # A choice between equal values is left out, and those of an empty variable have one more: the tags may differ.
    assert set(hostile.tags) <= set(plain.tags) | {"select", "option", "label", "span"}
    assert hostile.attributes <= plain.attributes | {("select", "name"), ("option", "value"), ("label", "class")}
    assert hostile.tags.count("script") == 2


@given(
    st.recursive(words | st.integers() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(words, inner))
)
def test_data_comes_back_as_it_went_in(value: object) -> None:
    text = embedded_json(value)

    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_somebody_wrote_is_shown_as_it_is(text: str) -> None:
    page = Markup(page_of(rendered(prompt=text)))

    shown = json.loads(page.inside["script"][0])["tiles"][0]["prompt"]
    assert shown == text.replace("\ud800", "?")


def test_the_policy_allows_our_script_and_style_alone() -> None:
    page = Markup(page_of(*clips(3)))

    policy = security_policy(GALLERY_ASSETS, is_served=True)
    style, script = "".join(page.inside["style"]), page.inside["script"][-1]
    assert f"script-src '{_hash(script)}';" in policy
    assert f"style-src '{_hash(style)}';" in policy
    assert not re.search(r"unsafe|\*|https?:", policy)


def test_a_page_asks_nobody_else_for_anything() -> None:
    page = page_of(*clips(3))

    outside = set(re.findall(r"""(?:src|href)=["'](https?:)?//""", page))
    assert not outside
    assert "@import" not in page
    assert "url(" not in page


def test_a_served_page_leaves_the_policy_to_the_header() -> None:
    assert "Content-Security-Policy" not in render(gallery([]), is_served=True)


def test_a_tile_says_why_there_is_no_clip() -> None:
    assert "<strong>Refused by the filter</strong><span>the content filter refused the output</span>" in page_of(
        moderated()
    )


def test_a_filter_with_one_choice_is_left_out() -> None:
    alike = page_of(rendered(0), rendered(3))
    different = page_of(rendered(0), rendered(1))

    assert 'name="var:place"' not in alike
    assert 'name="var:place"' in different


def test_every_state_has_words_of_its_own() -> None:
    assert set(STATE_WORDS) == set(RenderState)
    assert set(ATTEMPT_WORDS) == set(AttemptState)
    assert len(set(STATE_WORDS.values())) == len(STATE_WORDS)
    assert not [words for words in (*STATE_WORDS.values(), *ATTEMPT_WORDS.values()) if "_" in words]


def test_ratio_and_resolution_are_filters_in_the_order_of_their_numbers() -> None:
    asked = [{"ratio": "9:16", "resolution": "1080P"}, {"ratio": "16:9", "resolution": "720P"}, {}]
    page = page_of(*(rendered(index, asked=options) for index, options in enumerate(asked)))

    ratio, resolution = (page.index(f'name="asked:{name}"') for name in ("ratio", "resolution"))
    assert page.index('"=9:16"', ratio) < page.index('"=16:9"', ratio)
    assert page.index('"="', resolution) < page.index('"=720P"', resolution) < page.index('"=1080P"', resolution)


def test_variables_are_filters_in_the_order_of_the_file() -> None:
    rows = [{"SKU": "1", "style": "noir", "Ground": "oak"}, {"SKU": "2", "Name": "Kugel", "style": "day", "x": "1"}]
    tiles = [rendered(index, variables=variables) for index, variables in enumerate(rows)]

    page = page_of(*tiles, variable_names=["Ground", "Name", "SKU", "style", "none"])

    assert re.findall(r'name="var:([^"]+)"', page) == ["Ground", "Name", "SKU", "style", "x"]


def test_a_served_page_shows_the_budget_and_a_folder_what_was_spent() -> None:
    money = CampaignMoney(currency="USD", spent=Decimal("0.50"), reserved=Decimal("0.75"), cap=Decimal(10))
    spent = Summary(by_state={}, spent=[Money(amount=Decimal("0.50"), currency="USD")])

    served = page_of(money=[money], summary=spent)
    folder = page_of(summary=spent)

    words = "<b>0.50 USD</b> spent"
    assert f"{words} and <b>0.75 USD</b> reserved of <b>10.00 USD</b></li>" in served
    assert f"{words}</li>" in folder


def test_an_empty_campaign_has_a_page() -> None:
    assert '<p class="none" data-empty>No clip yet.' in page_of()
    assert '<p class="none" data-empty hidden>' in page_of(rendered())


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_no_template_passes_text_on_unescaped() -> None:
    folder = Path(html_document.__file__).with_name("templates")
    unescaped = {
        found for file in folder.glob("*.html") for found in re.findall(r"{{ (\w+) \| safe }}", file.read_text())
    }
    safe_count = sum(len(re.findall(r"\bsafe\b|autoescape", file.read_text())) for file in folder.glob("*.html"))

    assert unescaped == {"style", "script", "data"}, "our own files, and JSON that is escaped by `embedded_json`"
    assert safe_count == 4, "`data` stands in two pages; each other value is escaped by Jinja2"
