"""Apply an import's staged clips: each id of a campaign gets the job of its content, and no content is rendered twice.

A content that stands under another id is shared or handed over; one that was submitted once and changed since comes
back; the rest is new. A job that stands for no id any more is superseded: what was not submitted is cancelled, what
was is finished and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.campaign_import.bulk_insert import amend_jobs, insert_jobs
from models.operations.campaign_import.diff import match_clips
from models.operations.campaign_import.relink_dependents import follow_heirs, tell_ended
from models.operations.campaign_import.staging import staged_count
from models.operations.jobs.pending_cancel import WHY_SUPERSEDED
from models.operations.jobs.transitions import move, move_many
from models.staged_clip import StagedClip
from reelqueue.campaigns.clips import continued_image
from reelqueue.states import RenderState

BATCHES_AT_ONCE: Final = 20
"""Of one statement, each of which must end within the database's time limit."""
_CANCELLED_AT_ONCE: Final = 2_000

_SUPERSEDE: Final = text("""
UPDATE render_jobs SET superseded_at = :now
WHERE id IN (SELECT id FROM outgoing UNION ALL SELECT job_id FROM incoming WHERE action = 'renamed')
""")
_PASS_ON: Final = text("""
UPDATE render_jobs j SET superseded_at = NULL, custom_id = t.custom_id, output_path = t.output_path,
       clip_variant = t.clip_variant, clip_variables = t.clip_variables, clip_line = t.clip_line
FROM outgoing l JOIN clip_twins t ON t.campaign_id = :campaign_id AND t.custom_id = l.passes_to WHERE j.id = l.id
""")
_DROP_TWINS: Final = text("""
DELETE FROM clip_twins WHERE campaign_id = :campaign_id
   AND custom_id IN (SELECT custom_id FROM incoming WHERE was_there UNION ALL SELECT passes_to FROM outgoing)
""")
_NAME: Final = text("""
UPDATE render_jobs j SET superseded_at = NULL, custom_id = f.custom_id, output_path = a.output_path,
       clip_variant = a.clip_variant, clip_variables = a.clip_variables, clip_line = a.clip_line
FROM incoming f JOIN staged_clips s ON s.import_id = :import_id AND s.batch = f.batch AND s.line = f.line,
     LATERAL jsonb_populate_record(NULL::render_jobs, s.job) a
WHERE j.id = f.job_id AND f.action IN ('renamed', 'restored')
""")
_TWINS: Final = text("""
INSERT INTO clip_twins
       (campaign_id, custom_id, content_sha256, output_path, clip_variant, clip_variables, clip_line)
SELECT :campaign_id, f.custom_id, f.content_sha256, a.output_path, a.clip_variant, a.clip_variables, a.clip_line
FROM incoming f JOIN staged_clips s ON s.import_id = :import_id AND s.batch = f.batch AND s.line = f.line,
     LATERAL jsonb_populate_record(NULL::render_jobs, s.job) a
WHERE f.action = 'shared'
""")
_RECORD: Final = text("""
INSERT INTO job_events (job_id, at, kind, detail)
SELECT job_id, :now, action, jsonb_build_object('custom_id', custom_id) FROM incoming
WHERE action IN ('renamed', 'restored')
UNION ALL SELECT id, :now, 'renamed', jsonb_build_object('custom_id', passes_to) FROM outgoing
WHERE passes_to IS NOT NULL
""")
_COUNTS: Final = text("""
SELECT count(*) FILTER (WHERE action = 'new' AND NOT was_there), count(*) FILTER (WHERE action = 'new' AND was_there),
       count(*) FILTER (WHERE action = 'restored'), count(*) FILTER (WHERE action IN ('shared', 'renamed'))
FROM incoming
""")
_SUPERSEDED: Final = text("""
SELECT j.id, j.state FROM outgoing l JOIN render_jobs j USING (id)
WHERE l.passes_to IS NULL AND j.state IN ('queued', 'admitted') ORDER BY j.id
""")


@dataclass(frozen=True, slots=True)
class StoredClips:
    """What became of the clips of an import."""

    new: int = 0
    """To be rendered, under new ids."""
    changed: int = 0
    """To be rendered, in place of another content."""
    restored: int = 0
    """A content that was there before came back: nothing is rendered."""
    shared: int = 0
    """Another row has, or had, the same content: nothing is rendered."""
    amended: int = 0
    """Of what waits, the priority or the latest start has changed."""
    present: int = 0
    """There already."""


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """One import that is put in force."""

    campaign: Campaign
    import_id: UUID
    start_by: datetime | None
    """For clips that say none of their own."""
    now: datetime

    @property
    def names(self) -> dict[str, Any]:
        """What statements are given."""
        return {"campaign_id": self.campaign.id, "import_id": self.import_id, "now": self.now}


def apply_import(session: Session, plan: ImportPlan) -> StoredClips:
    """Put what an import has staged in force, and forget that it was staged.

    Args:
        session: In a transaction that holds `lock_clips`; the caller commits, then sends a dispatch hint.
        plan: The import.

    Raises:
        DuplicateClipError: An id was staged twice.
        StaleImportError: A clip comes after one that has changed since it was staged.
    """
    match_clips(session, plan.campaign.id, plan.import_id, first_frame=continued_image("{}"))
    amended = amend_jobs(session, plan.campaign.id, plan.import_id, start_by=plan.start_by)
    for statement in (_SUPERSEDE, _PASS_ON, _DROP_TWINS, _NAME, _RECORD, _TWINS):
        session.execute(statement, plan.names)
    for batches in _batches(session, plan.import_id):
        insert_jobs(session, plan.campaign, plan.import_id, batches, start_by=plan.start_by, now=plan.now)
    follow_heirs(session)
    _cancel_superseded(session, plan.now)
    tell_ended(session, now=plan.now)
    return _stored(session, plan.import_id, amended)


def _batches(session: Session, import_id: UUID) -> Iterator[tuple[int, int]]:
    """The first and last batch of each part that one statement stores."""
    most = session.scalars(select(func.max(StagedClip.batch)).where(StagedClip.import_id == import_id)).one() or 0
    for first in range(1, most + 1, BATCHES_AT_ONCE):
        yield first, first + BATCHES_AT_ONCE - 1


def _cancel_superseded(session: Session, now: datetime) -> None:
    found = session.execute(_SUPERSEDED).all()
    queued = [job_id for job_id, state in found if state == RenderState.QUEUED]
    for begin in range(0, len(queued), _CANCELLED_AT_ONCE):
        part = queued[begin : begin + _CANCELLED_AT_ONCE]
        move_many(session, part, RenderState.QUEUED, RenderState.CANCELLED, now=now, **WHY_SUPERSEDED)
    for job_id, state in found:
        if state == RenderState.ADMITTED:
            move(session, job_id, [RenderState.ADMITTED], RenderState.CANCELLED, now=now, **WHY_SUPERSEDED)


def _stored(session: Session, import_id: UUID, amended: int) -> StoredClips:
    new, changed, restored, shared = session.execute(_COUNTS).one()
    count = staged_count(session, import_id)
    session.execute(delete(StagedClip).where(StagedClip.import_id == import_id))
    return StoredClips(new, changed, restored, shared, amended, count - new - changed - restored - shared - amended)
