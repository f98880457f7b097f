"""Clips put into a campaign as an import does it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.campaign import Campaign, ensure_campaign
from models.job_reference import JobReference
from models.operations.campaign_import.apply import StoredClips
from models.operations.campaign_import.store_batch import store_clips
from models.operations.campaigns.current_clips import current_clips, lock_clips
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.jobs.request_rows import to_request
from models.operations.jobs.transitions import move
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from models.tenant import ensure_tenant
from reelqueue.builder import body_of
from reelqueue.campaigns.clip_json import read_clip
from reelqueue.campaigns.clips import continued_image
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.catalog import lookup
from reelqueue.states import RenderState
from tests.support.stored_jobs import NOW, read_job

RENDERED = (
    RenderState.ADMITTED,
    RenderState.SUBMITTING,
    RenderState.RENDERING,
    RenderState.ARCHIVING,
    RenderState.SUCCEEDED,
)
ENDED_FAILED = (RenderState.ADMITTED, RenderState.SUBMITTING, RenderState.FAILED)


def end(session: Session, job: RenderJob, *states: RenderState) -> None:
    """Take a job to its end as its workers would."""
    for state in states:
        move(session, job.id, [read_job(session, job.id).state], state, now=NOW)


def make_campaign(session: Session, name: str = "autumn", **values: Any) -> Campaign:
    """A campaign of the default tenant."""
    campaign = session.get_one(Campaign, ensure_campaign(session, ensure_tenant(session), name))
    for field, value in values.items():
        setattr(campaign, field, value)
    session.flush()
    return campaign


def clip(custom_id: str, **options: Any) -> dict[str, Any]:
    """A clip as a producer sends it; `after` and `first_frame` go where they belong."""
    own = {name: options.pop(name) for name in ("after", "first_frame", "variables", "line") if name in options}
    model = "wan2.6-i2v" if "first_frame" in own else "wan2.6-t2v"
    return {"custom_id": custom_id, "model": model, "prompt": f"clip {custom_id}", "clip": own, **options}


def apply(session: Session, campaign: Campaign, *objects: dict[str, Any]) -> StoredClips:
    """Store clips as one batch."""
    lock_clips(session, campaign.id)
    afters = {one["clip"]["after"] for one in objects if "after" in one["clip"]}
    contents = {name: found.content_sha256 for name, found in current_clips(session, campaign.id, afters).items()}
    clips = []
    for one in objects:
        clips.append(read_clip(one, CampaignOptions(name=campaign.name), contents.get))
        contents[clips[-1].custom_id] = clips[-1].content_sha256
    return store_clips(session, campaign, clips, now=NOW)


def standing(session: Session, campaign: Campaign) -> dict[str, RenderJob]:
    """The jobs that stand for the campaign's ids."""
    session.flush()
    found = select(RenderJob).where(RenderJob.campaign_id == campaign.id, *IS_CURRENT)
    jobs = session.scalars(found.order_by(RenderJob.id).execution_options(populate_existing=True))
    return {str(job.custom_id): job for job in jobs}


def age(session: Session, campaign: Campaign) -> None:
    """Give the clips the hashes of version 1, which counted every letter of a URL."""
    jobs = select(RenderJob).where(RenderJob.campaign_id == campaign.id).order_by(RenderJob.id)
    for job in session.scalars(jobs.execution_options(populate_existing=True)).all():
        references = session.scalars(select(JobReference).where(JobReference.job_id == job.id)).all()
        before = session.get(RenderJob, job.after_job_id) if job.after_job_id else None
        frame = continued_image(str(before.content_sha256)) if before and job.is_continued else None
        request = to_request(job, references, first_frame=frame)
        spec = lookup(request.model)
        assert spec is not None
        sent = {"path": spec.path, "body": body_of(request), "headers": request.headers}
        text = json.dumps(sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        renewed = hashlib.sha256(text.encode()).hexdigest()
        session.execute(
            update(ClipTwin).where(ClipTwin.content_sha256 == job.content_sha256).values(content_sha256=renewed)
        )
        job.content_sha256 = renewed
        session.flush()
    campaign.content_version = 1
    session.flush()
