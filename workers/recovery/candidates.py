"""The jobs that may have made a listed task before the database forgot it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from reelqueue.states import RenderState
from workers.reconciliation.task_matching import is_echo
from workers.recovery.matching import Candidate

TAKING: Final = (RenderState.QUEUED, RenderState.ADMITTED)
"""Nothing was sent for them, as far as the database knows."""
_RETURNING: Final = (RenderState.SUBMITTING, RenderState.RENDERING)
"""They may come back to the queue: their POST may be proven not to have arrived, or the provider may fail them."""
_SILENT_AT_ONCE: Final = 200


def has_candidates(session: Session, models: Collection[str] | None = None) -> bool:
    """Whether any job could be submitted again, of any model or of some."""
    return session.scalars(select(RenderJob.id).where(_of(models)).limit(1)).first() is not None


def candidates_for(
    session: Session, models: Collection[str] | None, echoes: Collection[str], *, silent: bool
) -> list[Candidate]:
    """The jobs that one of the tasks may belong to, in the order in which they would be submitted.

    Args:
        session: To read with.
        models: Of the tasks; None: of any.
        echoes: The prompts that the tasks echo.
        silent: Whether some echo nothing: then any job of the models counts, the first of them.
    """
    found: list[Candidate] = []
    silent_count = 0
    for job in _waiting(session, models):
        is_needed = any(is_echo(job.prompt or "", echo) for echo in echoes)
        if not is_needed and silent and silent_count < _SILENT_AT_ONCE:
            silent_count, is_needed = silent_count + 1, True
        if is_needed:
            found.append(job)
    return found


def _waiting(session: Session, models: Collection[str] | None) -> Iterator[Candidate]:
    """Streamed: a campaign of 100,000 clips may wait."""
    columns = (
        RenderJob.id,
        RenderJob.model,
        RenderJob.campaign_id,
        RenderJob.content_sha256,
        RenderJob.request_sha256,
        RenderJob.prompt,
        RenderJob.duration,
        RenderJob.resolution,
        RenderJob.created_at,
        RenderJob.state,
    )
    order = (RenderJob.priority.desc(), RenderJob.created_at, RenderJob.id)
    for row in session.execute(select(*columns).where(_of(models)).order_by(*order).execution_options(yield_per=1000)):
        yield Candidate(
            job_id=row.id,
            model=row.model,
            request=f"{row.campaign_id} {row.content_sha256 or row.request_sha256}",
            prompt=row.prompt,
            duration=row.duration,
            resolution=row.resolution,
            created_at=row.created_at,
            can_take=row.state in TAKING,
        )


def _of(models: Collection[str] | None) -> ColumnElement[bool]:
    may_be = RenderJob.state.in_(TAKING + _RETURNING)
    return may_be if models is None else and_(may_be, RenderJob.model.in_(models))
