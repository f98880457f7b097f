"""The clips of a campaign as rows of files: what came of them, and what is to be repaired.

Rows come in pages, each read with a session of its own: whoever writes them to a slow reader holds no connection.
Which clips there are is read ahead, so that one that is rendered again meanwhile is there once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, null, select, true, tuple_
from sqlalchemy.orm import Session, aliased, sessionmaker
from sqlalchemy.sql.selectable import LateralFromClause

from models.asset import Asset, AssetKind
from models.clip_decision import ClipDecision
from models.job_reference import JobReference
from models.ledger_entry import LedgerEntry
from models.operations.campaigns.current_clips import COUNTS
from models.operations.jobs.enqueue import to_request
from models.operations.money.budget import SPENT_KINDS
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from reelqueue.campaigns.clips import LAST_FRAME
from reelqueue.campaigns.rows.csv_dialect import PROBLEM_HEADING
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import ClipResult
from reelqueue.states import RenderState

Row = Mapping[str, Any]

RESULT_HEADINGS: Final = tuple(ClipResult.model_fields)
FAILURE_HEADINGS: Final = (
    PROBLEM_HEADING, "custom_id", "model", "mode", "prompt", "negative_prompt", "resolution", "ratio", "duration",
    "seed", "image", "last_frame", "reference_urls", "media", "audio_url", "audio", "prompt_extend", "shot_type",
    "watermark", "metadata", "raw", "headers", "priority", "on_timeout", "poll_interval_ms", "poll_timeout_ms",
    "after", "first_frame",
)  # fmt: skip
_IDS_AT_ONCE: Final = 10_000
_CLIPS_AT_ONCE: Final = 500
_ROWS_AT_ONCE: Final = 1_000
"""A clip may be shared by any number of rows."""
_FAILURES_AT_ONCE: Final = 10
"""Each may hold pictures of some ten MB."""
_TO_REPAIR: Final = (RenderState.FAILED, RenderState.MODERATED, RenderState.LOST)


def result_pages(sessions: sessionmaker[Session], campaign_id: UUID) -> Iterator[list[Row]]:
    """Every clip that counts, in the file's order, with what came of it; read as it is asked for."""
    for ids in _clip_ids(sessions, campaign_id, COUNTS, _CLIPS_AT_ONCE):
        offset = 0
        while page := _result_page(sessions, ids, offset):
            yield page
            offset += _ROWS_AT_ONCE


def _result_page(sessions: sessionmaker[Session], ids: Sequence[UUID], offset: int) -> list[Row]:
    with sessions() as session:
        found = session.execute(_results(ids).limit(_ROWS_AT_ONCE).offset(offset)).mappings().all()
    return [ClipResult.model_validate(row).model_dump(mode="json") for row in found]


def _clip_ids(
    sessions: sessionmaker[Session], campaign_id: UUID, conditions: Sequence[ColumnElement[bool]], size: int
) -> Iterator[Sequence[UUID]]:
    """The jobs of some clips in the file's order, a few at a time."""
    place = (RenderJob.created_at, RenderJob.id)
    query = select(*place).where(RenderJob.campaign_id == campaign_id, *conditions).order_by(*place).limit(_IDS_AT_ONCE)
    after = None
    while True:
        with sessions() as session:
            found = session.execute(query if after is None else query.where(tuple_(*place) > after)).all()
        for first in range(0, len(found), size):
            yield [job_id for _, job_id in found[first : first + size]]
        if len(found) < _IDS_AT_ONCE:
            return
        after = tuple_(*found[-1])


def _results(ids: Sequence[UUID]) -> Select[Any]:
    task = (
        select(ProviderTask.provider_task_id, ProviderTask.actual_prompt)
        .where(ProviderTask.job_id == RenderJob.id)
        .order_by(ProviderTask.id.desc())
        .limit(1)
        .lateral("task")
    )
    cost = (
        select(func.sum(LedgerEntry.amount).label("amount"), func.max(LedgerEntry.currency).label("currency"))
        .where(LedgerEntry.job_id == RenderJob.id, LedgerEntry.kind.in_(SPENT_KINDS))
        .lateral("cost")
    )
    video = aliased(Asset, name="video")
    row = _rows()
    columns = {
        "custom_id": row.c.custom_id,
        "same_as": row.c.same_as,
        "variant": row.c.clip_variant,
        "file": row.c.output_path,
        "sha256": video.sha256,
        "size_bytes": video.size_bytes,
        "seconds": video.duration_seconds,
        "cost": cost.c.amount,
        "currency": cost.c.currency,
        "actual_prompt": task.c.actual_prompt,
        "job_id": RenderJob.id,
        "provider_task_id": task.c.provider_task_id,
        "decision": ClipDecision.decision,
        "decided_by": ClipDecision.key_name,
        "decided_at": ClipDecision.decided_at,
        "variables": row.c.clip_variables,
    }
    return (
        select(RenderJob.state, RenderJob.model, RenderJob.seed, RenderJob.prompt)
        .add_columns(*(column.label(name) for name, column in columns.items()))
        .select_from(RenderJob)
        .join(row, true())
        .outerjoin(video, and_(video.job_id == RenderJob.id, video.kind == AssetKind.VIDEO))
        .outerjoin(ClipDecision, ClipDecision.job_id == RenderJob.id)
        .outerjoin(task, task.c.provider_task_id.is_not(None))
        .outerjoin(cost, and_(cost.c.currency.is_not(None), row.c.same_as.is_(None)))
        .where(RenderJob.id.in_(ids))
        .order_by(RenderJob.created_at, RenderJob.id, row.c.same_as.nulls_first(), row.c.custom_id)
    )


def _rows() -> LateralFromClause:
    """The row of a clip, and the rows that share it: those name the first."""
    named = ("clip_variant", "output_path", "clip_variables")
    own = select(RenderJob.custom_id, null().label("same_as"), *(getattr(RenderJob, name) for name in named)).correlate(
        RenderJob
    )
    twins = (
        select(ClipTwin.custom_id, RenderJob.custom_id, *(getattr(ClipTwin, name) for name in named))
        .where(ClipTwin.campaign_id == RenderJob.campaign_id, ClipTwin.content_sha256 == RenderJob.content_sha256)
        .correlate(RenderJob)
    )
    return own.union_all(twins).lateral("row")


def failure_pages(sessions: sessionmaker[Session], campaign_id: UUID) -> Iterator[list[Row]]:
    """The clips that failed or were moderated as rows of a campaign file, with the reason under its own heading."""
    for ids in _clip_ids(sessions, campaign_id, (RenderJob.state.in_(_TO_REPAIR), *COUNTS), _FAILURES_AT_ONCE):
        with sessions() as session:
            page = [_failed_row(session, job, after) for job, after in session.execute(_failures(ids)).all()]
        yield page


def _failures(ids: Sequence[UUID]) -> Select[RenderJob, str | None]:
    before = aliased(RenderJob)
    return (
        select(RenderJob, before.custom_id)
        .outerjoin(before, before.id == RenderJob.after_job_id)
        .where(RenderJob.id.in_(ids))
        .order_by(RenderJob.created_at, RenderJob.id)
    )


def _failed_row(session: Session, job: RenderJob, after: str | None) -> Row:
    references = select(JobReference).where(JobReference.job_id == job.id).order_by(JobReference.position)
    try:
        options = to_request(job, session.scalars(references)).options()
    except InvalidRequestError:  # the catalog has changed since
        options = {"model": job.model, "prompt": job.prompt, "custom_id": job.custom_id}
    if job.is_continued:
        options |= {"image": None, "first_frame": LAST_FRAME}
    if "reference_urls" in options:
        options["reference_urls"] = "\n".join(options["reference_urls"])
    why = ": ".join(part for part in (job.failure_code, job.failure_message) if part) or str(job.state)
    found = {PROBLEM_HEADING: why, "mode": job.mode, "after": after} | options
    return {name: found.get(name) for name in FAILURE_HEADINGS}
