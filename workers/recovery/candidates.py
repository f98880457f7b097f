"""The jobs that may have made a listed task before the database forgot it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, select
from sqlalchemy.orm import Session, sessionmaker

from models.base import among
from models.render_job import RenderJob
from reelqueue.states import UNSENT
from workers.dashscope.echoes import Echoes
from workers.reconciliation.competing_attempts import MAKERS
from workers.recovery.matching import Candidate

_READ_AT_ONCE: Final = 1000
_SHOWN_CHARACTERS: Final = 100
_COLUMNS: Final = (
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


def has_candidates(session: Session, models: Collection[str] | None = None) -> bool:
    """Whether any job could be submitted again, of any model or of some."""
    return session.scalars(select(RenderJob.id).where(_of(models)).limit(1)).first() is not None


def candidates_for(
    sessions: sessionmaker[Session], models: Collection[str] | None, echoes: Collection[str], *, silent: bool
) -> list[Candidate]:
    """The jobs that one of the tasks may belong to, in the order in which they would be submitted.

    Args:
        sessions: To read with. None is open while prompts are compared: with 100,000 jobs that takes seconds.
        models: Of the tasks; None: of any.
        echoes: The prompts that the tasks echo.
        silent: Whether some echo nothing: then any job of the models counts.
    """
    echoed = Echoes(echoes)
    read = (_candidate(row, echoed) for rows in _pages(sessions, models) for row in rows)
    return [job for job in read if silent or job.echoes]


def _pages(
    sessions: sessionmaker[Session], models: Collection[str] | None
) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    """The waiting jobs by their order at one moment, a transaction for each page.

    A job that was enqueued after that moment made none of the tasks, as the list was read before it.
    """
    with sessions() as session:
        order = (RenderJob.priority.desc(), RenderJob.created_at, RenderJob.id)
        ids = session.scalars(select(RenderJob.id).where(_of(models)).order_by(*order)).all()
    for start in range(0, len(ids), _READ_AT_ONCE):
        yield _rows(sessions, models, ids[start : start + _READ_AT_ONCE])


def _rows(
    sessions: sessionmaker[Session], models: Collection[str] | None, ids: Sequence[UUID]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Some jobs, in the order of their ids here; without those that wait no more."""
    with sessions() as session:
        rows = {row.id: row for row in session.execute(select(*_COLUMNS).where(among(RenderJob.id, ids), _of(models)))}
    return [rows[one] for one in ids if one in rows]


def _candidate(row: Row[*tuple[Any, ...]], echoed: Echoes) -> Candidate:
    prompt = row.prompt or ""
    return Candidate(
        job_id=row.id,
        model=row.model,
        request=f"{row.campaign_id} {row.content_sha256 or row.request_sha256}",
        prompt=prompt[:_SHOWN_CHARACTERS] or None,
        duration=row.duration,
        resolution=row.resolution,
        created_at=row.created_at,
        can_take=row.state in UNSENT,
        echoes=echoed.of(prompt),
    )


def _of(models: Collection[str] | None) -> ColumnElement[bool]:
    may_be = RenderJob.state.in_(MAKERS)
    return may_be if models is None else and_(may_be, RenderJob.model.in_(models))
