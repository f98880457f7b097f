"""The pages that people look at, the sheet and the folder, as the API serves them."""

from __future__ import annotations

import hashlib
import io
import json
import re
from html import escape, unescape
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from PIL import Image
from sqlalchemy import update
from sqlalchemy.orm import Session

from api.gallery import page_data as serving
from api.routes import gallery_pages as gallery
from api.settings import ApiSettings
from models import JobEvent
from models.session import DatabaseClock
from reelqueue.states import RenderState
from tests.api.gallery.reel import Stock
from tests.support.campaigns import do, make, submit_clips
from tests.support.reels import RENDERED_AT, moderate, move, shoot


def test_a_campaign_has_a_page_under_its_policy(api: httpx.Client, clips: list[UUID]) -> None:
    answer = api.get("/campaigns/autumn")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert f'<img src="/v1/jobs/{clips[0]}/poster"' in answer.text
    assert "/v1/campaigns/autumn/decisions" in answer.text


@pytest.mark.parametrize("name", ["50 % off?", "雨の港", "a#b&c", "<script>alert(1)"])
def test_a_campaign_may_have_any_name(api: httpx.Client, name: str) -> None:
    make(api, quote(name, safe=""))

    listed = api.get("/campaigns").text

    (path,) = re.findall(r'<h2><a href="([^"]+)">', listed)
    assert f"<h1>{escape(name)}</h1>" in api.get(path).text
    assert "<script>alert" not in listed


def test_the_list_has_states_and_money(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    moderate(rows, clips[2])
    make(api, "winter", budget="10 USD")

    page = api.get("/campaigns").text

    assert page.index("winter") < page.index("autumn")
    assert "<b>2</b> done" in page
    assert "<b>1</b> refused by the filter" in page
    assert "<b>0.00 USD</b> spent of <b>10.00 USD</b>" in page
    assert f"/v1/jobs/{clips[0]}/poster" in page


def test_a_long_list_has_pages(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "CAMPAIGNS_MAX", 2)
    for name in ("a", "b", "c"):
        make(api, f"reel-{name}")

    first = api.get("/campaigns").text
    older = api.get("/campaigns", params={"before": first.partition("?before=")[2][:36]}).text

    assert "reel-a" not in first
    assert "reel-a" in older
    assert "?before=" not in older


def test_pages_of_one_state_lead_on(
    api: httpx.Client, rows: Session, clips: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PAGE_COUNT", 1)
    moderate(rows, clips[1])

    page = api.get("/campaigns/autumn?state=succeeded").text

    assert f"?after={clips[0]}&amp;state=succeeded" in page
    assert '<a href="?state=moderated"><b>1</b> refused by the filter</a>' in page


def test_what_has_changed_comes_with_the_order_of_all(
    api: httpx.Client, rows: Session, clips: list[UUID], stock: Stock
) -> None:
    rows.execute(update(JobEvent).values(at=RENDERED_AT))
    rows.commit()
    before = DatabaseClock().now(rows)
    move(rows, clips[1], RenderState.RENDERING)

    page = api.get("/campaigns/autumn/changes", params={"since": before.isoformat()}).text
    whole = api.get("/campaigns/autumn/changes").text

    data, all_data = (
        json.loads(unescape(text).split('id="gallery-data">')[1].split("</script>")[0]) for text in (page, whole)
    )
    assert data["order"] == all_data["order"] == [str(job_id) for job_id in clips]
    assert [tile["id"] for tile in data["tiles"]] == [str(clips[1])]
    assert len(all_data["tiles"]) == 3
    assert page.count('<li class="tile"') == 1
    assert "<b>1</b> rendering" in page


def test_changes_of_a_campaign_that_is_not_there_are_not_found(api: httpx.Client) -> None:
    assert api.get("/campaigns/none/changes").status_code == 404


def test_a_campaign_that_is_not_there_has_a_page_that_says_so(api: httpx.Client) -> None:
    answer = api.get("/campaigns/n<ne")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no campaign &#39;n&lt;ne&#39; that this caller may see." in answer.text


def test_a_page_says_why_nothing_goes_on(api: httpx.Client, clips: list[UUID]) -> None:
    make(api, canary=3)
    submit_clips(api, {"custom_id": "z", "model": "wan2.6-t2v", "prompt": "a fox"})

    page = api.get("/campaigns/autumn").text

    assert "Its canary of 3 clips has ended; look at the clips, and approve the rest." in page


def test_a_sheet_is_a_picture_or_paper(api: httpx.Client, clips: list[UUID]) -> None:
    png, pdf = (api.get(f"/v1/campaigns/autumn/sheet.{suffix}") for suffix in ("png", "pdf"))

    assert (png.headers["content-type"], pdf.headers["content-type"]) == ("image/png", "application/pdf")
    with Image.open(io.BytesIO(png.content)) as picture:
        assert picture.width > picture.height
    assert pdf.content.startswith(b"%PDF-")


def test_the_folder_comes_page_by_page(api: httpx.Client, clips: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PAGE_COUNT", 2)
    path = "/v1/campaigns/autumn/gallery"

    first = api.get(path).json()
    second = api.get(path, params={"page": 2, "after": first["next_after"]}).json()

    assert [(page["file_name"], page["clip_count"]) for page in (first, second)] == [
        ("index.html", 2),
        ("page-2.html", 1),
    ]
    assert second["next_after"] is None
    file = second["files"][0]
    assert file["path"] == "autumn/2.mp4"
    assert hashlib.sha256(api.get(file["url"]).content).hexdigest() == file["sha256"]


def test_another_tenants_campaign_is_not_there(
    locked: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock,
    alice: dict[str, str], bob: dict[str, str],
) -> None:  # fmt: skip
    locked.headers.update(alice)
    shoot(locked, rows, settings, stock)
    locked.headers.update(bob)
    inside = [f"/v1/campaigns/autumn/{tail}" for tail in ("sheet.png", "sheet.pdf", "gallery")]

    answers = [locked.get(path) for path in ("/campaigns/autumn", *inside)] + [locked.post(inside[0][:-9] + "link")]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert "autumn" not in locked.get("/campaigns").text


def test_a_campaign_that_asks_a_person_says_so_in_the_list(api: httpx.Client) -> None:
    make(api)
    do(api, "cancel")

    assert '<span class="phase" data-phase="cancelled">cancelled</span>' in api.get("/campaigns").text


@pytest.fixture
def clips(api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock) -> list[UUID]:
    """The jobs of a campaign whose three clips have been rendered."""
    return shoot(api, rows, settings, stock)
