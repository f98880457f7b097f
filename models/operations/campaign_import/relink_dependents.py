"""What an import does to clips that come after others whose rows have changed."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.job_reference import JobReference
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.jobs.request_rows import to_request
from models.operations.jobs.transitions import release_dependents
from models.render_job import RenderJob
from reelqueue.builder import content_sha256
from reelqueue.campaigns.clips import continued_image
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState

# Also what was given up because of the earlier job: to be rendered again, it needs the one that stands now.
_FOLLOW: Final = text("""
UPDATE render_jobs r SET after_job_id = l.replacement_id
FROM outgoing l
WHERE l.passes_to IS NULL AND r.after_job_id = l.id AND r.superseded_at IS NULL
  AND ((r.is_awaiting AND r.state = 'queued') OR r.failure_code = :predecessor_failed)
RETURNING r.id, l.replacement_id
""").bindparams(predecessor_failed=FailureCode.PREDECESSOR_FAILED.value)
_ENDED: Final = text("""
SELECT DISTINCT p.id, p.state FROM render_jobs r JOIN render_jobs p ON p.id = r.after_job_id
WHERE r.is_awaiting AND r.state = 'queued' AND p.finished_at IS NOT NULL
  AND r.after_job_id = ANY (SELECT job_id FROM befores UNION ALL SELECT replacement_id FROM outgoing)
""")


def follow_heirs(session: Session) -> None:
    """Let what waits for a superseded job wait for the one that stands in its place.

    A clip that begins where another ends has that one's content in its own: it is hashed again, so that its row in
    the next file is known to be the same.
    """
    for job_id, replacement_id in session.execute(_FOLLOW).all():
        _hash_anew(session, job_id, replacement_id)


def _hash_anew(session: Session, job_id: UUID, before_id: UUID) -> None:
    pairs = [(job_id, before_id)]
    while pairs:
        one, before = pairs.pop()
        job = session.get_one(RenderJob, one, populate_existing=True)
        if not job.is_continued:
            continue
        content = session.scalars(select(RenderJob.content_sha256).where(RenderJob.id == before)).one()
        references = session.scalars(select(JobReference).where(JobReference.job_id == one)).all()
        request = to_request(job, references, first_frame=continued_image(content or ""))
        job.content_sha256 = content_sha256(request)
        session.flush()
        followers = select(RenderJob.id).where(RenderJob.after_job_id == one, *IS_CURRENT)
        pairs += [(follower, one) for follower in session.scalars(followers)]


def tell_ended(session: Session, *, now: datetime) -> None:
    """Let go, or give up, what waits for jobs that have ended before it was stored."""
    for job_id, state in session.execute(_ENDED).all():
        release_dependents(session, job_id, RenderState(state), now=now)
