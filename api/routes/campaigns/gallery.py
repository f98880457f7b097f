"""A campaign to look at elsewhere: its gallery as a folder, its contact sheet, a link to its page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.campaign_access import CampaignName, PathCampaign, find_campaign
from api.auth.job_access import CurrentCaller
from api.auth.session_cookies import LINK_LIFE, Pass, Purpose, signed
from api.dependencies import ApiContext, OpenClock, OpenContext, OpenSession
from api.gallery.page_data import export_page, gallery_path
from api.gallery.sheet_process import Order
from api.gallery.sheet_queue import Sheet
from api.http.fair_entrance import leave_entrance
from api.problem_details import documented
from reelqueue.schemas.campaigns import GalleryLink, GalleryPage

router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

PAGES_MAX: Final = 1000
_REFUSALS: Final = documented(401, 403, 404, 422, 503)


@router.get("/gallery", responses=_REFUSALS)
def get_gallery_page(
    campaign: PathCampaign,
    session: OpenSession,
    clock: OpenClock,
    page: Annotated[int, Query(ge=1, le=PAGES_MAX, description="Its number; names the file.")] = 1,
    after: Annotated[UUID | None, Query(description="`next_after` of the page before.")] = None,
) -> GalleryPage:
    """One page of the gallery that needs no server, and the files that belong beside it."""
    return export_page(session, campaign, now=clock(), number=page, after=after)


@router.post("/link", responses=_REFUSALS)
def create_gallery_link(
    campaign: PathCampaign, clock: OpenClock, context: OpenContext, caller: CurrentCaller
) -> GalleryLink:
    """A link to the campaign's page that signs in the person who follows it within ten minutes."""
    path = gallery_path(campaign.name)
    if caller.key_id is None:
        return GalleryLink(path=path, expires_at=None)
    until = Pass(caller.key_id, clock() + LINK_LIFE)
    # Behind the #, so that it is in no log, and in no address that a browser tells others.
    key = signed(until, Purpose.LINK, context.session_secret)
    return GalleryLink(path=f"/sign-in?to={quote(path, safe='')}#pass={key}", expires_at=until.expires_at)


def _picture(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": "The sheet", "content": content}, **_REFUSALS}


@dataclass(frozen=True)
class _Subject:
    """The campaign to draw, read with a session that is closed again before the sheet is waited for."""

    campaign_id: UUID
    tenant_id: UUID
    name: str


def _subject(name: CampaignName, context: OpenContext, caller: CurrentCaller) -> _Subject:
    with context.sessions() as session:
        campaign = find_campaign(name, session, caller)
        return _Subject(campaign.id, campaign.tenant_id, campaign.name)


Subject = Annotated[_Subject, Depends(_subject)]


@router.get("/sheet.png", response_class=Response, responses=_picture("image/png"))
async def download_contact_sheet_png(request: Request, subject: Subject, context: OpenContext) -> Response:
    """All clips on one picture, as many as stay recognisable. 503: enough sheets are being drawn, ask again."""
    leave_entrance(request)  # waits for its turn to be drawn
    return await _sheet(subject, context, "image/png", "png")


@router.get("/sheet.pdf", response_class=Response, responses=_picture("application/pdf"))
async def download_contact_sheet_pdf(request: Request, subject: Subject, context: OpenContext) -> Response:
    """All clips on pages of A4, to print. 503: enough sheets are being drawn, ask again."""
    leave_entrance(request)
    return await _sheet(subject, context, "application/pdf", "pdf")


async def _sheet(subject: _Subject, context: ApiContext, media_type: str, suffix: str) -> Response:
    sheet = Sheet(subject.tenant_id, subject.campaign_id, suffix)
    content = await context.sheets.draw(sheet, partial(_drawn, context, sheet))
    name = quote(f"{subject.name}.{suffix}", safe="")
    headers = {"Content-Disposition": f"inline; filename*=UTF-8''{name}", "Cache-Control": "private, no-cache"}
    return Response(content, media_type=media_type, headers=headers)


def _drawn(context: ApiContext, sheet: Sheet) -> bytes:
    with context.sessions() as session:
        now = context.clock.now(session)
    return context.sheet_process.draw(Order(context.settings, sheet.campaign_id, sheet.suffix, now))
