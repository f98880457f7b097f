"""Hashing the clips of a campaign again whose hashes an older version has made.

What a clip sends has not changed, so none is bought again: without this, the next file would be compared with hashes
that no file gives any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models.campaign import CONTENT_VERSION, Campaign
from models.job_reference import JobReference
from models.operations.campaigns.current_clips import lock_clips
from models.operations.jobs.enqueue import to_request
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from reelqueue.builder import content_sha256
from reelqueue.campaigns.clips import continued_image
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.signed_urls import SIGNED_URL

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 500
_IS_SIGNED: Final = or_(
    RenderJob.audio_url.regexp_match(SIGNED_URL, flags="i"),
    RenderJob.extra_options.has_key("headers"),
    select(JobReference.job_id)
    .where(
        JobReference.job_id == RenderJob.id,
        or_(
            JobReference.url.regexp_match(SIGNED_URL, flags="i"),
            JobReference.voice_url.regexp_match(SIGNED_URL, flags="i"),
        ),
    )
    .exists(),
)


def renew_contents(session: Session, campaign_id: UUID) -> None:
    """Bring the content hashes of a campaign's clips up to date, if they are not; commits after every few hundred.

    Whoever compares a file with what the campaign holds calls this first.
    """
    version = select(Campaign.content_version).where(Campaign.id == campaign_id)
    if session.scalars(version).one() >= CONTENT_VERSION:
        return
    last = UUID(int=0)
    while jobs := _next(session, campaign_id, last):
        lock_clips(session, campaign_id)
        for job in jobs:
            _renew(session, job)
        last = jobs[-1].id
        session.commit()
    session.execute(update(Campaign).where(Campaign.id == campaign_id).values(content_version=CONTENT_VERSION))
    session.commit()
    log.info("campaign.contents_renewed", campaign=str(campaign_id))


def _next(session: Session, campaign_id: UUID, last: UUID) -> Sequence[RenderJob]:
    clips = select(RenderJob).where(
        RenderJob.campaign_id == campaign_id, RenderJob.content_sha256.is_not(None), RenderJob.id > last, _IS_SIGNED
    )
    return session.scalars(clips.order_by(RenderJob.id).limit(_AT_ONCE)).all()


def _renew(session: Session, job: RenderJob) -> None:
    """A job's hash, and those of the clips that begin where it ends, which have it in theirs."""
    changed = [job]
    while changed:
        one = changed.pop()
        renewed, before = _content(session, one), one.content_sha256
        if renewed is None or renewed == before:
            continue
        one.content_sha256 = renewed
        shared = update(ClipTwin).where(ClipTwin.campaign_id == one.campaign_id, ClipTwin.content_sha256 == before)
        session.execute(shared.values(content_sha256=renewed))
        session.flush()
        followers = select(RenderJob).where(RenderJob.after_job_id == one.id, RenderJob.is_continued)
        changed += session.scalars(followers)


def _content(session: Session, job: RenderJob) -> str | None:
    """The hash by today's rules; None for what no rule takes any more."""
    references = session.scalars(select(JobReference).where(JobReference.job_id == job.id)).all()
    before = select(func.coalesce(RenderJob.content_sha256, "")).where(RenderJob.id == job.after_job_id)
    frame = continued_image(session.scalars(before).one()) if job.is_continued else None
    try:
        return content_sha256(to_request(job, references, first_frame=frame))
    except InvalidRequestError:
        return None
