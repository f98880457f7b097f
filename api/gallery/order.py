"""Which jobs of a campaign are shown, and in which order: its file's; a clip rendered again stands where it stood."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Tuple, func, literal_column, select, tuple_
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from reelqueue.states import RenderState

# Jobs that are no clips have no line; ids are in the order in which rows were stored.
_LINE: Final = func.coalesce(RenderJob.clip_line, literal_column("0"))
PLACE: Final = (_LINE, RenderJob.id)
"""Columns to order by."""


def shown_jobs(campaign_id: UUID, only: RenderState | None = None) -> list[ColumnElement[bool]]:
    """Its jobs, or those in one state, without those in whose place others stand."""
    shown = [RenderJob.campaign_id == campaign_id, RenderJob.superseded_at.is_(None)]
    return shown if only is None else [*shown, RenderJob.state == only]


def page_ids(
    session: Session, campaign_id: UUID, *, after: UUID | None, only: RenderState | None, limit: int
) -> list[UUID]:
    """The jobs on a page, in their order; *limit* at most."""
    query = select(RenderJob.id).where(*shown_jobs(campaign_id, only)).order_by(*PLACE).limit(limit)
    return list(session.scalars(query.where(is_behind(after)) if after else query))


def is_behind(after: UUID) -> ColumnElement[bool]:
    """Whether a job comes after another, which may not be shown any more."""
    return tuple_(*PLACE) > _place_of(after)


def _is_up_to(after: UUID) -> ColumnElement[bool]:
    # Not as "not behind": that would be asked of every row, and this is a part of the index.
    return tuple_(*PLACE) <= _place_of(after)


def _place_of(job_id: UUID) -> Tuple:
    line = select(_LINE).where(RenderJob.id == job_id).correlate(None).scalar_subquery()
    return tuple_(line, job_id)


def count_up_to(session: Session, campaign_id: UUID, after: UUID | None, only: RenderState | None) -> int:
    """How many jobs are shown up to one; None: up to the beginning."""
    if after is None:
        return 0
    jobs = select(func.count()).select_from(RenderJob).where(*shown_jobs(campaign_id, only), _is_up_to(after))
    return session.scalars(jobs).one()
