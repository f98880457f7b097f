"""Hashing the clips of a campaign again whose hashes an older version has made.

What a clip sends has not changed, so none is rendered again: without this, the next file would be compared with hashes
that no file gives any more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models.campaign import CONTENT_VERSION, Campaign
from models.job_reference import JobReference
from models.operations.campaigns.current_clips import lock_clips
from models.operations.jobs.request_rows import to_request
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from reelqueue.builder import content_sha256
from reelqueue.campaigns.clips import continued_image
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.signed_urls import SIGNED_URL

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 100
"""Few enough that their transaction never stands idle for long while they are hashed."""
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
    """Bring the content hashes of a campaign's clips up to date, if they are not; commits after every hundred.

    Called before a file is compared with what the campaign holds.
    """
    last = UUID(int=0)
    while _is_old(session, campaign_id):
        lock_clips(session, campaign_id)
        jobs = _next(session, campaign_id, last)
        if jobs:
            last = jobs[-1].id
            _renew(session, jobs)
        else:
            campaign = update(Campaign).where(Campaign.id == campaign_id)
            session.execute(campaign.values(content_version=CONTENT_VERSION))
            log.info("campaign.contents_renewed", campaign=str(campaign_id))
        session.commit()


def _is_old(session: Session, campaign_id: UUID) -> bool:
    version = select(Campaign.content_version).where(Campaign.id == campaign_id)
    return session.scalars(version).one() < CONTENT_VERSION


def _next(session: Session, campaign_id: UUID, last: UUID) -> Sequence[RenderJob]:
    clips = select(RenderJob).where(
        RenderJob.campaign_id == campaign_id, RenderJob.content_sha256.is_not(None), RenderJob.id > last, _IS_SIGNED
    )
    return session.scalars(clips.order_by(RenderJob.id).limit(_AT_ONCE)).all()


def _renew(session: Session, jobs: Sequence[RenderJob]) -> None:
    """The hashes of jobs, and of the clips that begin where these end, which have them in theirs."""
    while jobs:
        contents = _contents(session, jobs)
        changed = [
            (job, contents[job.id]) for job in jobs if contents.get(job.id, job.content_sha256) != job.content_sha256
        ]
        for job, renewed in changed:
            shared = update(ClipTwin).where(ClipTwin.campaign_id == job.campaign_id)
            shared = shared.where(ClipTwin.content_sha256 == job.content_sha256)
            session.execute(shared.values(content_sha256=renewed).execution_options(synchronize_session=False))
            job.content_sha256 = renewed
        session.flush()
        ended = [job.id for job, _ in changed]
        followers = select(RenderJob).where(RenderJob.after_job_id.in_(ended), RenderJob.is_continued)
        jobs = session.scalars(followers).all()


def _contents(session: Session, jobs: Sequence[RenderJob]) -> dict[UUID, str]:
    """The hashes by today's rules; what no rule takes any more is left out."""
    references: dict[UUID, list[JobReference]] = {job.id: [] for job in jobs}
    for reference in session.scalars(
        select(JobReference).where(JobReference.job_id.in_(references)).order_by(JobReference.position)
    ):
        references[reference.job_id].append(reference)
    befores = {job.after_job_id for job in jobs if job.is_continued}
    ends = select(RenderJob.id, RenderJob.content_sha256).where(RenderJob.id.in_(befores))
    content_before: dict[UUID, str | None] = dict(session.execute(ends).all())
    found = {}
    for job in jobs:
        before = content_before.get(job.after_job_id) if job.after_job_id else None
        with contextlib.suppress(InvalidRequestError):
            frame = continued_image(before or "") if job.is_continued else None
            found[job.id] = content_sha256(to_request(job, references[job.id], first_frame=frame))
    return found
