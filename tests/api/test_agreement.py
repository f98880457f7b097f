"""Nothing is bought beyond what a person was shown before saying yes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from api.spending.cost_preview import Offer, retried, waiting
from models import Campaign, RenderJob
from reelqueue import Client
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.errors import ConflictError
from tests.api.conftest import problem
from tests.api.gallery.conftest import Desk, shot
from tests.api.gallery.reel import Stock
from tests.api.gallery.test_gallery_browser import says
from tests.support.campaigns import clips as clips_of
from tests.support.campaigns import do, make, read, submit_clips
from tests.support.reels import moderate, shoot

PRICE = Decimal("0.75")
"""Of five seconds of wan2.6-t2v at 1080P, its default, in Singapore."""
REST = [clip | {"custom_id": f"rest-{number}", "prompt": f"rest {number}"} for number, clip in enumerate(clips_of(4))]


@pytest.fixture
def shown(api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock) -> list[UUID]:
    """The jobs of a campaign whose canary of three has been rendered, while four clips wait."""
    jobs = shoot(api, rows, settings, stock)
    make(api, canary=3)
    assert submit_clips(api, *REST).json()["new"] == len(REST)
    assert read(api)["phase"] == "awaiting_approval"
    return jobs


def approve(api: httpx.Client, **agreed: Any) -> httpx.Response:
    return api.post("/v1/campaigns/autumn/approve", json=agreed)


@pytest.mark.parametrize(
    ("agreed", "field"), [({"count_max": 3}, "count_max"), ({"count_max": 4, "amount_max": "2.99"}, "amount_max")]
)
def test_a_rest_that_has_grown_is_not_approved(
    api: httpx.Client, shown: list[UUID], agreed: dict[str, Any], field: str
) -> None:
    answer = approve(api, **agreed)

    assert (answer.status_code, problem(answer)["code"], problem(answer)["field"]) == (409, "more_than_agreed", field)
    assert "4 clips for up to 3.00 USD" in problem(answer)["detail"]
    assert read(api)["approved_at"] is None


def test_the_rest_is_approved_for_what_was_shown(api: httpx.Client, shown: list[UUID]) -> None:
    assert approve(api, count_max=4, amount_max=str(4 * PRICE)).status_code == 200
    assert read(api)["phase"] == "running"


def test_a_page_of_another_origin_approves_nothing(api: httpx.Client, shown: list[UUID]) -> None:
    answer = api.post("/v1/campaigns/autumn/approve", headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, read(api)["approved_at"]) == (403, None)


@pytest.mark.parametrize("agreed", [{"count_max": 0}, {"amount_max": "0.74"}])
def test_no_more_is_rendered_again_than_was_shown(
    api: httpx.Client, rows: Session, shown: list[UUID], agreed: dict[str, Any]
) -> None:
    moderate(rows, shown[0])
    told = do(api, "retry", dry_run=True)

    answer = api.post("/v1/campaigns/autumn/retry", json=agreed)

    assert (answer.status_code, problem(answer)["code"]) == (409, "more_than_agreed")
    assert read(api)["counts"]["moderated"] == 1
    assert do(api, "retry", count_max=told["count"], amount_max=told["max_amount"])["count"] == 1


def test_the_client_buys_what_its_dry_run_has_told(
    api: httpx.Client, rows: Session, shown: list[UUID], url: str
) -> None:
    moderate(rows, shown[0])
    with Client(url) as client:
        told = client.campaigns.retry("autumn", dry_run=True)
        moderate(rows, shown[1])
        with pytest.raises(ConflictError, match=r"would now render 2 clips for up to 1\.50 USD"):
            client.campaigns.retry("autumn", agreed=told)

        again = client.campaigns.retry("autumn", dry_run=True)
        assert client.campaigns.retry("autumn", agreed=again).count == 2


@pytest.fixture
def unpriced(api: httpx.Client, rows: Session, shown: list[UUID]) -> None:
    """One of three moderated clips, and one of five that wait, has a parameter without a price."""
    for job_id in shown[:3]:
        moderate(rows, job_id)
    rows.get_one(RenderJob, shown[1]).extra_options = {"raw": {"fps": 60}}
    rows.commit()
    submit_clips(api, clips_of(1)[0] | {"custom_id": "odd", "raw": {"fps": 60}})


@pytest.mark.parametrize("action", ["retry", "approve"])
@pytest.mark.parametrize("agreed", [{"amount_max": "99"}, {"amount_max": "99", "unpriced_max": 0}, {"unpriced_max": 0}])
def test_an_agreement_on_an_amount_covers_all_of_it_or_refuses(
    api: httpx.Client, unpriced: None, action: str, agreed: dict[str, Any]
) -> None:
    answer = api.post(f"/v1/campaigns/autumn/{action}", json=agreed)

    assert (answer.status_code, problem(answer)["field"]) == (409, "unpriced_max")
    assert "have no price, so no amount covers them; nothing was submitted" in problem(answer)["detail"]
    assert read(api)["counts"]["moderated"] == 3
    assert read(api)["approved_at"] is None


@pytest.mark.parametrize("action", ["retry", "approve"])
def test_what_has_no_price_is_bought_where_that_was_agreed_to(api: httpx.Client, unpriced: None, action: str) -> None:
    assert api.post(f"/v1/campaigns/autumn/{action}", json={"amount_max": "99", "unpriced_max": 1}).status_code == 200


def test_a_refusal_names_what_has_no_price(api: httpx.Client, unpriced: None) -> None:
    answer = api.post("/v1/campaigns/autumn/approve", json={"amount_max": "99"})

    assert problem(answer)["detail"].endswith("agree to them with unpriced_max, or leave them out: odd")


def test_the_client_agrees_to_the_unpriced_clips_that_it_was_shown(
    api: httpx.Client, rows: Session, unpriced: None, url: str
) -> None:
    with Client(url) as client:
        shown = client.campaigns.waiting("autumn")
        submit_clips(api, clips_of(1)[0] | {"custom_id": "odder", "raw": {"fps": 61}})
        with pytest.raises(ConflictError, match="more than you confirmed"):
            client.campaigns.approve("autumn", agreed=shown)
        client.campaigns.approve("autumn", agreed=client.campaigns.waiting("autumn"))

    assert (shown.unpriced_count, shown.unpriced_ids) == (1, ["odd"])


def test_the_page_agrees_to_the_unpriced_clips_that_it_names(
    desk: Desk, api: httpx.Client, unpriced: None, url: str
) -> None:
    desk.page.goto(f"{url}/campaigns/autumn")
    desk.page.get_by_role("button", name="Approve the rest").click()
    asked = desk.page.get_by_role("dialog", name="Render the other 5 clips?")
    expect(asked).to_contain_text("Nobody has published a price for 1 of them")
    asked.get_by_role("button", name="Render them").click()

    says(desk.page, "autumn: approved, and the other 5 clips will be rendered")
    assert read(api)["phase"] == "running"


def test_what_waits_is_priced_as_clip_by_clip(api: httpx.Client, rows: Session) -> None:
    make(api)
    base = {"prompt": "a boat", "duration": 5}
    picture, video = "https://media.example/a.png", "https://media.example/{}.mp4?sign=1"
    lines: list[dict[str, Any]] = [
        {"model": "wan2.6-t2v", "resolution": "720P"},
        {"model": "wan2.6-t2v", "resolution": "1080P", "duration": 10},
        {"model": "wan2.6-i2v", "image": picture},
        {"model": "wan2.6-r2v", "reference_urls": [video.format("a")]},
        {"model": "wan2.6-r2v", "reference_urls": [video.format("b"), video.format("c")]},
        {"model": "wan2.6-r2v", "reference_urls": ["https://media.example/d.mp4", picture]},
        {"model": "some-new-t2v", "mode": "text-to-video"},
    ]
    sent = [base | one | {"custom_id": f"{n}-{k}", "seed": k} for n, one in enumerate(lines) for k in range(n + 1)]
    answer = submit_clips(api, *sent).json()
    assert answer["bad"] == 0, answer["problems"]

    campaign = rows.scalars(select(Campaign)).one()
    jobs = rows.scalars(select(RenderJob)).all()
    each = retried(rows, jobs, region=SINGAPORE, is_dry_run=True)

    waits = waiting(rows, campaign.id, region=SINGAPORE)

    named = (waits.unpriced_ids, each.priced_by)
    assert waits == Offer(len(jobs), each.max_amount, each.currency, each.unpriced_count, *named)
    assert (each.count, each.unpriced_count) == (28, 7)
    assert waits.unpriced_ids[0] in each.unpriced_ids
    assert each.unpriced_ids == [f"6-{number}" for number in range(7)]


def test_urls_that_differ_in_what_they_may_lead_to_are_priced_apart(api: httpx.Client, rows: Session) -> None:
    make(api)
    urls = ["a.png?v=1", "a.png?v=b.mp4", "a.mp4?v=1", "a?v=b.png", "a?v=1", "a.jpg"]
    base = {"model": "wan2.6-r2v", "prompt": "a boat", "duration": 5}
    # A power of two of each, so that no two mistakes make up for each other.
    sent = [
        base | {"custom_id": f"{n}-{k}", "seed": k, "reference_urls": [f"https://media.example/{url}"]}
        for n, url in enumerate(urls)
        for k in range(2**n)
    ]
    assert submit_clips(api, *sent).json()["new"] == len(sent)

    campaign = rows.scalars(select(Campaign)).one()
    each = retried(rows, rows.scalars(select(RenderJob)).all(), region=SINGAPORE, is_dry_run=True)

    assert waiting(rows, campaign.id, region=SINGAPORE).max_amount == each.max_amount


def test_the_rest_is_approved_on_the_page(
    desk: Desk, api: httpx.Client, shown: list[UUID], url: str, tmp_path: Path
) -> None:
    page = desk.page
    page.goto(f"{url}/campaigns/autumn")
    page.get_by_role("button", name="Approve the rest").click()
    asked = page.get_by_role("dialog", name="Render the other 4 clips?")
    expect(asked).to_contain_text("They cost at most 3.00 USD.")
    shot(page, tmp_path, "approve-ask")
    asked.get_by_role("button", name="Not yet").click()
    assert read(api)["approved_at"] is None

    page.get_by_role("button", name="Approve the rest").click()
    asked.get_by_role("button", name="Render them").click()
    says(page, "autumn: approved, and the other 4 clips will be rendered")
    expect(page.get_by_role("button", name="Approve the rest")).to_have_count(0)
    shot(page, tmp_path, "approved")
    assert read(api)["phase"] == "running"


def test_a_rest_that_has_grown_is_told_on_the_page(desk: Desk, api: httpx.Client, shown: list[UUID], url: str) -> None:
    desk.page.goto(f"{url}/campaigns/autumn")
    submit_clips(api, REST[0] | {"custom_id": "one-more", "prompt": "one more"})
    desk.page.get_by_role("button", name="Approve the rest").click()
    desk.page.get_by_role("button", name="Render them").click()

    expect(desk.page.get_by_role("alert")).to_contain_text("would now render 5 clips for up to 3.75 USD")
    assert read(api)["approved_at"] is None
    desk.complaints.clear()  # Chromium notes each answer of 409
