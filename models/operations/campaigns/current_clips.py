"""What stands for the ids of a campaign: a job of their own, or the one that they share with another row."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, not_, select, update
from sqlalchemy.orm import Session

from models.operations.jobs.current_clip import IS_CLIP, IS_CURRENT
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState

RESTORABLE: Final = (
    IS_CLIP,
    RenderJob.superseded_at.is_not(None),
    not_(
        and_(
            RenderJob.state == RenderState.CANCELLED,
            func.coalesce(RenderJob.failure_code, "") == FailureCode.SUPERSEDED,
        )
    ),
)
"""A clip that stood for an id once and was submitted: should its content come back, it is not rendered again."""


class CurrentClip(NamedTuple):
    """The job that stands for an id of a campaign."""

    job_id: UUID
    content_sha256: str
    state: RenderState


def lock_clips(session: Session, campaign_id: UUID) -> None:
    """Take the lock on a campaign's clips until the commit; waits for other transactions that hold it.

    Not the campaign's row, which every transaction that has locked jobs locks last.
    """
    key = int.from_bytes(campaign_id.bytes[8:], signed=True)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def current_clips(session: Session, campaign_id: UUID, custom_ids: Collection[str]) -> dict[str, CurrentClip]:
    """The jobs that stand for some ids of a campaign; rows that share a clip have the other's."""
    if not custom_ids:
        return {}
    job = (RenderJob.id, RenderJob.content_sha256, RenderJob.state)
    here = (RenderJob.campaign_id == campaign_id, *IS_CURRENT)
    own = select(RenderJob.custom_id, *job).where(*here, RenderJob.custom_id.in_(custom_ids))
    shared = (
        select(ClipTwin.custom_id, *job)
        .join(RenderJob, and_(*here, RenderJob.content_sha256 == ClipTwin.content_sha256))
        .where(ClipTwin.campaign_id == campaign_id, ClipTwin.custom_id.in_(custom_ids))
    )
    rows = session.execute(own.union_all(shared))
    return {str(custom_id): CurrentClip(job_id, content or "", state) for custom_id, job_id, content, state in rows}


def supersede(session: Session, job_ids: Collection[UUID], *, now: datetime) -> None:
    """Note that jobs stand for their ids no more; others are about to."""
    session.execute(
        update(RenderJob)
        .where(RenderJob.id.in_(job_ids))
        .values(superseded_at=now)
        .execution_options(synchronize_session=False)
    )
