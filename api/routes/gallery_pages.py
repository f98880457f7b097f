"""The pages that people look at: all campaigns, and the gallery of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth.authentication import caller
from api.auth.campaign_access import CampaignName, find_campaign, owner_of
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.gallery.campaigns_page import CAMPAIGNS_ASSETS, CampaignCard, campaigns_page, missing_page
from api.gallery.gallery_page import CHANGES_ASSETS, GALLERY_ASSETS, render, render_changes
from api.gallery.html_document import PageAssets, security_policy
from api.gallery.order import shown_jobs
from api.gallery.page_data import LIST_PATH, campaign_changes, campaign_page, gallery_path
from api.gallery.sign_in_page import RETURN_ASSETS, return_page
from api.gallery.tiles import Picture
from api.problem_details import PageError, ProblemError
from api.spending.shortfall import campaign_answer
from api.views.jobs import poster_url
from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.render_job import RenderJob
from reelqueue.states import RenderState

CAMPAIGNS_MAX: Final = 50
POSTERS_MAX: Final = 8


def _let_in(request: Request) -> None:
    """Send people who are not signed in to the form, instead of telling them about headers."""
    try:
        caller(request)
    except ProblemError as error:
        if error.status != 401:
            raise
        raise PageError(_elsewhere(request)) from error


def _elsewhere(request: Request) -> HTMLResponse:
    # The cookie stays behind when another site leads here. Asked for once more, the page gets it, or the form.
    if request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        return _answer(return_page(), RETURN_ASSETS)
    query = f"?{request.url.query}" if request.url.query else ""
    to = quote(f"{quote(request.url.path)}{query}", safe="")
    return HTMLResponse("", 303, {"Location": f"/sign-in?to={to}", "Cache-Control": "no-store"})


router = APIRouter(include_in_schema=False, dependencies=[Depends(_let_in)])


@router.get(LIST_PATH)
def read_campaigns(
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    before: Annotated[UUID | None, Query()] = None,
) -> HTMLResponse:
    """The caller's campaigns, newest first."""
    mine = select(Campaign).where(Campaign.tenant_id == owner_of(caller, session))
    older = mine.where(Campaign.id < before) if before else mine
    found = session.scalars(older.order_by(Campaign.id.desc()).limit(CAMPAIGNS_MAX + 1)).all()
    page, now = found[:CAMPAIGNS_MAX], clock()
    older_url = f"?before={page[-1].id}" if len(found) > CAMPAIGNS_MAX else None
    cards = _cards(session, page, now, context.region)
    return _answer(campaigns_page(cards, key_name=caller.key_name, older_url=older_url), CAMPAIGNS_ASSETS)


def _find(name: CampaignName, session: OpenSession, caller: CurrentCaller) -> Campaign:
    """The campaign named in the path, or a page that says that it is not there."""
    try:
        return find_campaign(name, session, caller)
    except ProblemError as error:
        raise PageError(_answer(missing_page(error.detail), CAMPAIGNS_ASSETS, error.status)) from error


@router.get(f"{LIST_PATH}/{{name}}")
def read_gallery(
    campaign: Annotated[Campaign, Depends(_find)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    after: Annotated[UUID | None, Query()] = None,
    state: Annotated[RenderState | None, Query()] = None,
) -> HTMLResponse:
    """One page of a campaign's clips."""
    now = clock()
    gallery = campaign_page(session, campaign, now=now, region=context.region, after=after, only=state)
    session.commit()  # no transaction stands open while the page is written
    return _answer(render(gallery, is_served=True), GALLERY_ASSETS)


@router.get(f"{LIST_PATH}/{{name}}/changes")
def read_gallery_changes(
    campaign: Annotated[Campaign, Depends(_find)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    since: Annotated[AwareDatetime | None, Query()] = None,
    after: Annotated[UUID | None, Query()] = None,
    state: Annotated[RenderState | None, Query()] = None,
) -> HTMLResponse:
    """What has changed on one page of a campaign's clips, for the script of that page."""
    now = clock()
    gallery = campaign_changes(session, campaign, now=now, region=context.region, since=since, after=after, only=state)
    session.commit()  # no transaction stands open while the page is written
    return _answer(render_changes(gallery), CHANGES_ASSETS)


def _cards(session: Session, campaigns: Iterable[Campaign], now: datetime, region: str) -> list[CampaignCard]:
    return [
        CampaignCard(
            campaign=campaign_answer(session, campaign, now=now, region=region),
            url=gallery_path(campaign.name),
            posters=_posters(session, campaign.id),
        )
        for campaign in campaigns
    ]


def _posters(session: Session, campaign_id: UUID) -> list[Picture]:
    """Some of its latest clips."""
    latest = (
        select(RenderJob.id)
        .where(*shown_jobs(campaign_id, RenderState.SUCCEEDED))
        .order_by(RenderJob.created_at.desc(), RenderJob.id.desc())
        .limit(POSTERS_MAX)
        .subquery()
    )
    posters = select(Asset).join(latest, Asset.job_id == latest.c.id).where(Asset.kind == AssetKind.POSTER)
    return [
        Picture(url=poster_url(asset.job_id), width_px=asset.width_px, height_px=asset.height_px)
        for asset in session.scalars(posters.order_by(Asset.job_id))
    ]


def _answer(page: str, assets: PageAssets, status_code: int = 200) -> HTMLResponse:
    policy = security_policy(assets, is_served=True)
    return HTMLResponse(page, status_code, {"Content-Security-Policy": policy, "Cache-Control": "private, no-cache"})
