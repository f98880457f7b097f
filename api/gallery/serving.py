"""A campaign's gallery from the database: a page to serve, a folder to take along, a sheet to print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.gallery.export import export_folder
from api.gallery.loading import all_tiles, load_summary, load_tiles
from api.gallery.tiles import PAGE_COUNT, Gallery, Tile
from api.views import asset_url, poster_url
from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.render_job import RenderJob
from models.storage import LocalArchive

SHEET_COUNT: Final = 3000
"""Clips on a contact sheet: a hundred pages of paper."""


def campaign_page(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    after: UUID | None = None,
    decisions_url: str | None = None,
    sheet_url: str | None = None,
) -> Gallery:
    """One page of a campaign's gallery, with the API's own addresses.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        now: The time, by the database's clock.
        after: The job of the last tile of the page before; the next page is linked by the query parameter ``after``.
        decisions_url: Where decisions are sent; see :class:`api.gallery.tiles.Gallery`.
        sheet_url: The contact sheet to download.
    """
    tiles = load_tiles(session, campaign.id, _served, after=after, limit=PAGE_COUNT + 1)
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


def campaign_sheet(session: Session, campaign: Campaign, *, now: datetime) -> Gallery:
    """What a contact sheet shows of a campaign; files go by their key in the archive, see :func:`poster_in`."""
    return Gallery(
        id=str(campaign.id),
        title=campaign.name,
        summary=load_summary(session, campaign.id),
        tiles=load_tiles(session, campaign.id, _key, limit=SHEET_COUNT),
        made_at=now,
    )


def poster_in(archive: LocalArchive) -> Callable[[Tile], Path | None]:
    """Finds the poster of a sheet's tile."""
    return lambda tile: archive.path(tile.poster.url) if tile.poster else None


def export_campaign(
    sessions: Callable[[], Session], archive: LocalArchive, campaign: Campaign, folder: Path, *, now: datetime
) -> int:
    """Write a campaign's gallery to a folder that works from ``file://``.

    Args:
        sessions: Opens a session for each few hundred clips; none is open while files are copied.
        archive: Where the files are.
        campaign: The campaign.
        folder: Made if it is not there.
        now: The time, by the database's clock.

    Returns:
        How many clips, rendered or not.
    """
    with sessions() as session:
        summary = load_summary(session, campaign.id)
    head = Gallery(id=str(campaign.id), title=campaign.name, summary=summary, tiles=(), made_at=now)
    return export_folder(folder, head, all_tiles(sessions, campaign.id, _key), archive.path)


def _served(asset: Asset) -> str:
    return asset_url(asset.job_id) if asset.kind is AssetKind.VIDEO else poster_url(asset.job_id)


def _key(asset: Asset) -> str:
    return asset.path


def _count_up_to(session: Session, campaign_id: UUID, job_id: UUID | None) -> int:
    if job_id is None:
        return 0
    jobs = select(func.count()).where(RenderJob.campaign_id == campaign_id, RenderJob.id <= job_id)
    return session.scalars(jobs).one()
