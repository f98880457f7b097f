"""Render jobs made of staged clips, and changed by them: thousands in one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, case, column, func, insert, literal, literal_column, null, select, table, text, true
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from models.campaign import Campaign
from models.operations.bulk_copy import new_job_values
from models.operations.campaigns.retry import RETRYABLE
from models.operations.jobs.request_rows import OPTION_ATTRIBUTES
from models.render_job import RenderJob
from models.staged_clip import StagedClip
from reelqueue.states import TERMINAL, RenderState

_ASKED: Final = (
    *sorted(OPTION_ATTRIBUTES.keys() - {"start_by"}), "extra_options", "warnings", "request_sha256", "content_sha256",
    "output_path", "clip_variant", "clip_variables", "clip_line", "is_continued",
)  # fmt: skip
"""Columns of a job that its row decides alone."""
_JOBS: Final = RenderJob.__table__
_INCOMING: Final = table(
    "incoming", column("batch", StagedClip.batch.type), column("line"), column("job_id"), column("action")
)
_BEFORES: Final = table("befores", column("custom_id"), column("job_id"), column("state"))
_asked = func.jsonb_populate_record(literal_column("NULL::render_jobs"), StagedClip.job).table_valued(
    *(column(name, _JOBS.columns[name].type) for name in (*_ASKED, "start_by")), name="asked"
)

_REFERENCES: Final = text("""
INSERT INTO job_references (job_id, position, role, media_type, url, voice_url, path)
SELECT f.job_id, r.position, r.role, r.media_type, r.url, r.voice_url, r.path
FROM incoming f JOIN staged_clips s ON s.import_id = :import_id AND s.batch = f.batch AND s.line = f.line,
     LATERAL jsonb_populate_recordset(NULL::job_references, s.job_references) r
WHERE f.action = 'new' AND f.batch BETWEEN :first AND :last AND s.job_references IS NOT NULL
""")
_EVENTS: Final = text("""
INSERT INTO job_events (job_id, at, kind, to_state, detail)
SELECT job_id, :now, 'state', 'queued', '{}' FROM incoming
WHERE action = 'new' AND batch BETWEEN :first AND :last ORDER BY job_id
""")
# What a row may change without changing what it sends, as long as its clip waits.
_AMEND: Final = text("""
UPDATE render_jobs j SET priority = a.priority, start_by = coalesce(a.start_by, :start_by)
FROM staged_clips s, LATERAL jsonb_populate_record(NULL::render_jobs, s.job) a
WHERE s.import_id = :import_id AND j.campaign_id = :campaign_id AND j.custom_id = s.custom_id
  AND j.content_sha256 = s.content_sha256 AND j.superseded_at IS NULL AND j.state = 'queued'
  AND (j.priority, j.start_by) IS DISTINCT FROM (a.priority, coalesce(a.start_by, :start_by))
RETURNING 1
""")
# The same media under another signature: what has not been sent, or is sent again by a retry, needs the newest.
_SIGN_AUDIO: Final = text("""
UPDATE render_jobs j SET audio_url = a.audio_url
FROM staged_clips s, LATERAL jsonb_populate_record(NULL::render_jobs, s.job) a
WHERE s.import_id = :import_id AND j.campaign_id = :campaign_id AND j.custom_id = s.custom_id
  AND j.content_sha256 = s.content_sha256 AND j.superseded_at IS NULL AND j.state = ANY (:unsent)
  AND j.audio_url IS DISTINCT FROM a.audio_url
""")
_SIGN_REFERENCES: Final = text("""
UPDATE job_references r SET url = n.url, voice_url = n.voice_url
FROM staged_clips s
JOIN render_jobs j ON j.campaign_id = :campaign_id AND j.custom_id = s.custom_id
     AND j.content_sha256 = s.content_sha256 AND j.superseded_at IS NULL
     AND j.state = ANY (:unsent),
     LATERAL jsonb_populate_recordset(NULL::job_references, s.job_references) n
WHERE s.import_id = :import_id AND s.job_references IS NOT NULL
  AND r.job_id = j.id AND r.position = n.position AND r.role = n.role
  AND (r.url, r.voice_url) IS DISTINCT FROM (n.url, n.voice_url)
""")


def amend_jobs(session: Session, campaign_id: UUID, import_id: UUID, *, start_by: datetime | None) -> int:
    """Give waiting jobs the priority and the latest start that their rows have now.

    They get the URLs of their rows as well, and so does what has ended without a video and may be rendered again: the
    contents are the same, and a signature may be new.

    Returns:
        How many changed.
    """
    names = {"campaign_id": campaign_id, "import_id": import_id, "start_by": start_by}
    amended = len(session.execute(_AMEND, names).all())
    unsent = {"unsent": [RenderState.QUEUED.value, *(state.value for state in RETRYABLE)]}
    session.execute(_SIGN_AUDIO, names | unsent)
    session.execute(_SIGN_REFERENCES, names | unsent)
    return amended


def insert_jobs(
    session: Session,
    campaign: Campaign,
    import_id: UUID,
    batches: tuple[int, int],
    *,
    start_by: datetime | None,
    now: datetime,
) -> None:
    """Store the new jobs that an import needs, with their references and first events.

    Args:
        session: In a transaction that has matched the import.
        campaign: Theirs.
        import_id: What was staged.
        batches: The first and the last of them.
        start_by: For those that say none of their own.
        now: When they are made.
    """
    values = _constants(campaign, now) | {name: _asked.c[name] for name in _ASKED} | _chained()
    values |= {"id": _INCOMING.c.job_id, "start_by": func.coalesce(_asked.c.start_by, start_by)}
    here = and_(
        StagedClip.import_id == import_id,
        StagedClip.batch == _INCOMING.c.batch,
        StagedClip.line == _INCOMING.c.line,
    )
    found = (
        select(*values.values())
        .select_from(_INCOMING)
        .join(StagedClip, here)
        .join(_asked, true())
        .outerjoin(_BEFORES, _BEFORES.c.custom_id == StagedClip.after_id)
        .where(_INCOMING.c.action == "new", _INCOMING.c.batch.between(*batches))
        .order_by(_INCOMING.c.job_id)
    )
    session.execute(insert(RenderJob).from_select(list(values), found, include_defaults=False))
    names = {"import_id": import_id, "first": batches[0], "last": batches[1], "now": now}
    session.execute(_REFERENCES, names)
    session.execute(_EVENTS, names)


def _constants(campaign: Campaign, now: datetime) -> dict[str, ColumnElement[Any]]:
    values = new_job_values() | {
        "tenant_id": campaign.tenant_id,
        "campaign_id": campaign.id,
        "state": RenderState.QUEUED,
        "created_at": now,
    }
    return {name: literal(value, _JOBS.columns[name].type) for name, value in values.items()}


def _chained() -> dict[str, ColumnElement[Any]]:
    """Whether it waits for another clip: for its end, or for its video."""
    is_over = case(
        (_asked.c.is_continued, _BEFORES.c.state == RenderState.SUCCEEDED.value),
        else_=_BEFORES.c.state.in_([state.value for state in TERMINAL]),
    )
    is_awaiting = case((_BEFORES.c.job_id.is_(null()), literal(value=False)), else_=~is_over)
    return {"after_job_id": _BEFORES.c.job_id, "is_awaiting": is_awaiting}
