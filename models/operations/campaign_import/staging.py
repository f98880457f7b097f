"""Staging the clips of an import: checked and complete, but in force only with its commit."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.orm import Session

from models.base import new_id
from models.clip_import import ClipImport
from models.job_reference import ReferenceRole
from models.operations.bulk_copy import copy_rows
from models.operations.jobs.request_rows import columns_of, places_of, references_of, request_sha256
from models.staged_clip import StagedClip
from reelqueue.campaigns.clips import Clip

KEPT: Final = timedelta(days=1)
"""How long an idle import can still be committed."""
STAGED_COLUMNS: Final = (
    "import_id", "batch", "line", "job_id", "custom_id", "content_sha256", "after_id", "first_frame", "job",
    "job_references",
)  # fmt: skip


def sweep_imports(session: Session, *, now: datetime, limit: int) -> int:
    """Forget imports that were not committed within a day, and what they staged; gives how many, *limit* at most."""
    left = select(ClipImport.id).where(ClipImport.created_at < now - KEPT, ClipImport.committed_at.is_(None))
    found = session.scalars(left.limit(limit).with_for_update(skip_locked=True)).all()
    for import_id in found:
        drop_import(session, import_id)
    return len(found)


def drop_import(session: Session, import_id: UUID) -> None:
    """Forget an import and what it staged; what is in force stays."""
    session.execute(delete(StagedClip).where(StagedClip.import_id == import_id))
    session.execute(delete(ClipImport).where(ClipImport.id == import_id))


def stage_clips(session: Session, import_id: UUID, batch: int, clips: Sequence[Clip]) -> None:
    """Keep a batch until the commit; one that was staged under the same number is replaced.

    Args:
        session: In a transaction; the caller commits.
        import_id: Theirs.
        batch: Its number.
        clips: In the file's order, each id once; those that come after others behind them, or in an earlier batch.
    """
    before = _batch_bytes(session, import_id, batch)
    session.execute(delete(StagedClip).where(StagedClip.import_id == import_id, StagedClip.batch == batch))
    rows = (_row(import_id, batch, line, clip) for line, clip in enumerate(clips, 1))
    copy_rows(session, StagedClip, STAGED_COLUMNS, rows)
    more = _batch_bytes(session, import_id, batch) - before
    counted = update(ClipImport).where(ClipImport.id == import_id)
    session.execute(
        counted.values(staged_bytes=ClipImport.staged_bytes + more).execution_options(synchronize_session=False)
    )
    begun = session.get(ClipImport, import_id, with_for_update=True, populate_existing=True)
    if begun is not None:  # clips that are stored at once are of no import
        begun.variable_names = in_order(begun.variable_names, variables_of(clips))


def variables_of(clips: Iterable[Clip]) -> list[str]:
    """The names of the variables of some rows in the order in which these have them; tables keep them in no order."""
    return list(dict.fromkeys(name for clip in clips for name in clip.variables))


def in_order(first: Sequence[str] | None, then: Sequence[str] | None) -> list[str]:
    """Names, each once: the first ones, and behind them the others."""
    return list(dict.fromkeys((*(first or ()), *(then or ()))))


def _batch_bytes(session: Session, import_id: UUID, batch: int) -> int:
    """What a batch takes as it is stored: long values compressed, and not read for this."""
    columns = (func.coalesce(func.pg_column_size(column), 0) for column in (StagedClip.job, StagedClip.job_references))
    size = select(func.coalesce(func.sum(sum(columns, start=literal(0))), 0))
    return int(session.scalars(size.where(StagedClip.import_id == import_id, StagedClip.batch == batch)).one())


def staged_contents(session: Session, import_id: UUID, custom_ids: Collection[str], *, before: int) -> dict[str, str]:
    """The contents of staged clips by their ids, of batches before one; ids that are not there are left out."""
    if not custom_ids:
        return {}
    found = select(StagedClip.custom_id, StagedClip.content_sha256).where(
        StagedClip.import_id == import_id, StagedClip.custom_id.in_(custom_ids), StagedClip.batch < before
    )
    return dict(session.execute(found).all())


def staged_count(session: Session, import_id: UUID) -> int:
    """How many clips an import has staged."""
    return session.scalars(select(func.count()).where(StagedClip.import_id == import_id)).one()


def _row(import_id: UUID, batch: int, line: int, clip: Clip) -> Sequence[object]:
    job_id = new_id()
    first_frame = clip.request.given("image") if clip.is_continued else None
    options = clip.request.options()
    references = list(_references(job_id, clip, options))
    return (
        import_id,
        batch,
        line,
        job_id,
        clip.custom_id,
        clip.content_sha256,
        clip.after,
        first_frame,
        json.dumps(_job(clip, options)),
        json.dumps(references) if references else None,
    )


def _job(clip: Clip, options: Mapping[str, Any]) -> dict[str, Any]:
    """The job's columns that its row decides, as JSON has them; those that are null are left out."""
    values = columns_of(clip.request, options)
    start_by = values.pop("start_by")
    values |= {
        "metadata": values.pop("job_metadata", None),
        "start_by": start_by and start_by.isoformat(),
        "request_sha256": request_sha256(clip.request, options),
        "warnings": clip.warnings,
        "content_sha256": clip.content_sha256,
        "output_path": clip.output,
        "clip_variant": clip.variant,
        "clip_variables": dict(clip.variables) or None,
        "clip_line": clip.row_line,
        "is_continued": clip.is_continued,
        # No person waits for a single clip; where the file does not say it, the model's render times do.
        "poll_interval_ms": clip.request.poll_interval_ms if clip.has_own_interval else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _references(job_id: UUID, clip: Clip, options: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for reference, place in zip(references_of(job_id, options), places_of(options), strict=True):
        # The picture that it begins with is not there yet; what stands in its place was for checks.
        if not (clip.is_continued and reference.role is ReferenceRole.IMAGE):
            yield {
                "position": reference.position,
                "role": reference.role,
                "media_type": reference.media_type,
                "url": reference.url,
                "voice_url": reference.voice_url,
                "path": clip.paths.get(place),
            }
