"""A campaign's gallery from the database: a page to serve, a page to take along, a sheet to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.gallery.order import count_up_to, page_ids, shown_jobs
from api.gallery.static_export import StaticPage, static_page
from api.gallery.tile_queries import changed_among, load_some, load_summary, load_tiles
from api.gallery.tiles import PAGE_COUNT, Approval, Gallery, Money, Tile
from api.problem_details import RETRY_AFTER_SECONDS
from api.spending.cost_preview import Offer, waiting
from api.spending.shortfall import campaign_answer
from api.views.jobs import asset_url, poster_url
from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.render_job import RenderJob
from models.storage import Archive
from reelqueue.schemas.campaigns import GalleryPage, Phase
from reelqueue.states import RenderState

SHEET_COUNT: Final = 3000
"""Clips on a contact sheet: a hundred pages of paper."""

COMMIT_TIME: Final = timedelta(seconds=60)
"""What happened before a page was made may have been committed so much later, and the page did not see it."""

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
    place = _Place(after, only)
    page = _served_page(session, campaign, place, now=now, region=region)
    tiles = load_tiles(session, campaign.id, _served, after=after, only=only, limit=PAGE_COUNT + 1)
    return replace(page, tiles=tiles[:PAGE_COUNT], next_url=place.next_url([tile.id for tile in tiles]))


def campaign_changes(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    region: str,
    since: datetime | None,
    after: UUID | None = None,
    only: RenderState | None = None,
) -> Gallery:
    """A page of a campaign's gallery with the tiles alone that have changed, and the order of all.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        now: The time, by the database's clock.
        region: The provider's, which prices depend on.
        since: When the page was made that is brought up to date; None: all tiles.
        after: As in `campaign_page`.
        only: As in `campaign_page`.
    """
    place = _Place(after, only)
    page = _served_page(session, campaign, place, now=now, region=region)
    ids = page_ids(session, campaign.id, after=after, only=only, limit=PAGE_COUNT + 1)
    shown = ids[:PAGE_COUNT]
    changed = shown if since is None else changed_among(session, shown, since - COMMIT_TIME)
    tiles, order = load_some(session, changed, _served), [str(found) for found in ids]
    return replace(page, tiles=tiles, order=order[:PAGE_COUNT], next_url=place.next_url(order))


@dataclass(frozen=True)
class _Place:
    """Which part of a campaign a page shows."""

    after: UUID | None
    only: RenderState | None

    def query(self, after: UUID | str | None) -> str:
        """What asks for the part behind a clip; None: for the first."""
        given = {"after": after, "state": self.only}
        return f"?{urlencode({name: value for name, value in given.items() if value})}"

    def next_url(self, ids: Sequence[str]) -> str | None:
        """The page behind this one, of which the first clip is known; None: there is none."""
        return self.query(ids[PAGE_COUNT - 1]) if len(ids) > PAGE_COUNT else None


def _served_page(session: Session, campaign: Campaign, place: _Place, *, now: datetime, region: str) -> Gallery:
    """A page but for its tiles, which are read after it: they may be newer than its version, never older.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        place: Which part of it is shown.
        now: The time.
        region: The provider's.
    """
    after, only = place.after, place.only
    path, calls = gallery_path(campaign.name), f"/v1/campaigns/{quote(campaign.name, safe='')}"
    view = campaign_answer(session, campaign, now=now, region=region)
    waits = view.phase is Phase.AWAITING_APPROVAL
    return replace(
        _head(session, campaign, now),
        first_number=count_up_to(session, campaign.id, after, only) + 1,
        previous_url=place.query(None) if after else None,
        decisions_url=f"{calls}/decisions",
        sheet_url=f"{calls}/sheet",
        list_url=LIST_PATH,
        events_url=f"{calls}/events",
        changes_url=f"{path}/changes{place.query(after)}",
        version=view.version,
        retry_seconds=RETRY_AFTER_SECONDS,
        money=view.money,
        reason=view.reason,
        shortfall=view.shortfall,
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
    names = campaign.variable_names or ()
    return Gallery(
        id=str(campaign.id), title=campaign.name, summary=summary, tiles=(), made_at=now, variable_names=names
    )


def _twins(session: Session, campaign_id: UUID) -> set[str]:
    """Paths that several clips have, by other patterns of other files, or but for upper and lower case."""
    path = func.lower(RenderJob.output_path)
    several = select(path).where(*shown_jobs(campaign_id)).group_by(path).having(func.count() > 1)
    return {twin for twin in session.scalars(several) if twin is not None}


def _served(asset: Asset) -> str:
    return asset_url(asset.job_id) if asset.kind is AssetKind.VIDEO else poster_url(asset.job_id)


def _key(asset: Asset) -> str:
    return asset.path
