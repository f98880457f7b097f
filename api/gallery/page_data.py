"""A campaign's gallery from the database: a page to serve, a page to take along, a sheet to print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.gallery.order import count_up_to, shown_jobs
from api.gallery.static_export import StaticPage, static_page
from api.gallery.tile_queries import load_summary, load_tiles
from api.gallery.tiles import PAGE_COUNT, Approval, Gallery, Money, Tile
from api.spending.cost_preview import Offer, waiting
from api.views.jobs import asset_url, poster_url
from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.operations.campaigns.status import campaign_view
from models.render_job import RenderJob
from models.storage import Archive
from reelqueue.schemas.campaigns import GalleryPage, Phase
from reelqueue.states import RenderState

SHEET_COUNT: Final = 3000
"""Clips on a contact sheet: a hundred pages of paper."""

LIST_PATH: Final = "/campaigns"


def gallery_path(name: str) -> str:
    """Where a campaign's gallery is served."""
    return f"{LIST_PATH}/{quote(name, safe='')}"


def campaign_page(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    region: str,
    after: UUID | None = None,
    only: RenderState | None = None,
) -> Gallery:
    """One page of a campaign's gallery, with the API's own addresses.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        now: The time, by the database's clock.
        region: The provider's, which prices depend on.
        after: The job of the last tile of the page before; the next page is linked by the query parameter ``after``.
        only: The one state that is shown; None: all.
    """
    tiles = load_tiles(session, campaign.id, _served, after=after, only=only, limit=PAGE_COUNT + 1)
    page = tiles[:PAGE_COUNT]
    chosen = f"&state={only}" if only else ""
    calls = f"/v1/campaigns/{quote(campaign.name, safe='')}"
    view = campaign_view(session, campaign, now=now)
    waits = view.phase is Phase.AWAITING_APPROVAL
    return replace(
        _head(session, campaign, now),
        tiles=page,
        first_number=count_up_to(session, campaign.id, after, only) + 1,
        previous_url=f"?{chosen.lstrip('&')}" if after else None,
        next_url=f"?after={page[-1].id}{chosen}" if len(tiles) > PAGE_COUNT else None,
        decisions_url=f"{calls}/decisions",
        sheet_url=f"{calls}/sheet",
        list_url=LIST_PATH,
        money=view.money,
        reason=view.reason,
        holds=[hold.reason for hold in view.holds],
        approval=_approval(waiting(session, campaign.id, region=region), f"{calls}/approve") if waits else None,
        only=only,
    )


def campaign_sheet(session: Session, campaign: Campaign, *, now: datetime) -> Gallery:
    """What a contact sheet shows of a campaign; files go by their key in the archive, see :func:`poster_in`."""
    tiles = load_tiles(session, campaign.id, _key, limit=SHEET_COUNT)
    return replace(_head(session, campaign, now), tiles=tiles)


def poster_in(archive: Archive) -> Callable[[Tile], bytes | None]:
    """Reads the poster of a sheet's tile; None where there is none, or none any more."""

    def read(tile: Tile) -> bytes | None:
        try:
            return b"".join(archive.open(tile.poster.url)) if tile.poster else None
        except FileNotFoundError:
            return None

    return read


def export_page(
    session: Session, campaign: Campaign, *, now: datetime, number: int, after: UUID | None = None
) -> GalleryPage:
    """One page of a campaign's gallery that works from ``file://``, and the files that belong beside it.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        now: The time, by the database's clock.
        number: Of the page, from 1; its name depends on it.
        after: The job of the last tile of the page before.
    """
    tiles = load_tiles(session, campaign.id, _served, after=after, limit=PAGE_COUNT + 1)
    page, is_last = tiles[:PAGE_COUNT], len(tiles) <= PAGE_COUNT
    head = replace(_head(session, campaign, now), first_number=count_up_to(session, campaign.id, after, None) + 1)
    made: StaticPage = static_page(head, page, number, is_last=is_last, twins=_twins(session, campaign.id))
    return GalleryPage(
        file_name=made.file_name,
        html=made.html,
        clip_count=len(page),
        files=made.files,
        next_after=None if is_last else UUID(page[-1].id),
    )


def _approval(offer: Offer, url: str) -> Approval:
    most = Money(amount=offer.max_amount, currency=offer.currency) if offer.currency else None
    return Approval(url=url, count=offer.count, most=most, unpriced_count=offer.unpriced_count)


def _head(session: Session, campaign: Campaign, now: datetime) -> Gallery:
    summary = load_summary(session, campaign.id)
    return Gallery(id=str(campaign.id), title=campaign.name, summary=summary, tiles=(), made_at=now)


def _twins(session: Session, campaign_id: UUID) -> set[str]:
    """Paths that several clips have, by other patterns of other files, or but for upper and lower case."""
    path = func.lower(RenderJob.output_path)
    several = select(path).where(*shown_jobs(campaign_id)).group_by(path).having(func.count() > 1)
    return {twin for twin in session.scalars(several) if twin is not None}


def _served(asset: Asset) -> str:
    return asset_url(asset.job_id) if asset.kind is AssetKind.VIDEO else poster_url(asset.job_id)


def _key(asset: Asset) -> str:
    return asset.path
