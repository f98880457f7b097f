"""A campaign's gallery as the API serves it: a page at a time, with the API's own addresses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.gallery.loading import load_summary, load_tiles
from api.gallery.tiles import PAGE_COUNT, Gallery
from api.views import asset_url, poster_url
from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.render_job import RenderJob


def campaign_gallery(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    after: UUID | None = None,
    decisions_url: str | None = None,
    sheet_url: str | None = None,
) -> Gallery:
    """One page of a campaign's gallery.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        now: The time, by the database's clock.
        after: The job of the last tile of the page before; its page is linked by the query parameter ``after``.
        decisions_url: Where decisions are sent; see :class:`api.gallery.tiles.Gallery`.
        sheet_url: The contact sheet to download.
    """
    tiles = list(load_tiles(session, campaign.id, _url, after=after, limit=PAGE_COUNT + 1))
    page = tiles[:PAGE_COUNT]
    return Gallery(
        id=str(campaign.id),
        title=campaign.name,
        summary=load_summary(session, campaign.id),
        tiles=page,
        made_at=now,
        first_number=_count_up_to(session, campaign.id, after) + 1,
        previous_url="?" if after else None,
        next_url=f"?after={page[-1].id}" if len(tiles) > PAGE_COUNT else None,
        decisions_url=decisions_url,
        sheet_url=sheet_url,
    )


def _url(asset: Asset) -> str:
    return asset_url(asset.job_id) if asset.kind is AssetKind.VIDEO else poster_url(asset.job_id)


def _count_up_to(session: Session, campaign_id: UUID, job_id: UUID | None) -> int:
    if job_id is None:
        return 0
    jobs = select(func.count()).where(RenderJob.campaign_id == campaign_id, RenderJob.id <= job_id)
    return session.scalars(jobs).one()
