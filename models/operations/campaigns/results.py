"""The clips of a campaign as rows of a file: what came of them.

Rows come in pages, each read with a session of its own: writing them to a slow reader holds no connection.
Which clips there are is read ahead, so that one that is rendered again meanwhile is there once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, null, select, true, tuple_
from sqlalchemy.orm import Session, aliased, sessionmaker
from sqlalchemy.sql.selectable import LateralFromClause

from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.clip_decision import ClipDecision
from models.ledger_entry import SPENT_KINDS, LedgerEntry
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.jobs.newest_task import newest_task
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from reelqueue.schemas.campaigns import ClipResult

Row = Mapping[str, Any]

RESULT_HEADINGS: Final = tuple(ClipResult.model_fields)
_IDS_AT_ONCE: Final = 10_000
_CLIPS_AT_ONCE: Final = 500
_ROWS_AT_ONCE: Final = 1_000
"""A clip may be shared by any number of rows."""


def result_pages(sessions: sessionmaker[Session], campaign_id: UUID) -> Iterator[list[Row]]:
    """Every clip that counts, in the file's order, with what came of it; read as it is asked for."""
    names = variable_names(sessions, campaign_id)
    for ids in _clip_ids(sessions, campaign_id):
        offset = 0
        while page := _result_page(sessions, ids, offset, names):
            yield page
            offset += _ROWS_AT_ONCE


def variable_names(sessions: sessionmaker[Session], campaign_id: UUID) -> Sequence[str]:
    """The variables of a campaign in the order of its file."""
    with sessions() as session:
        return session.scalars(select(Campaign.variable_names).where(Campaign.id == campaign_id)).one() or ()


def in_file_order(variables: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The variables of a row in the order of the file, which the database does not keep in a row."""
    place = {name: index for index, name in enumerate(names)}
    return dict(sorted(variables.items(), key=lambda item: place.get(item[0], len(place))))


def _result_page(sessions: sessionmaker[Session], ids: Sequence[UUID], offset: int, names: Sequence[str]) -> list[Row]:
    with sessions() as session:
        found = session.execute(_results(ids).limit(_ROWS_AT_ONCE).offset(offset)).mappings().all()
    rows = [ClipResult.model_validate(row).model_dump(mode="json") for row in found]
    return [row | {"variables": row["variables"] and in_file_order(row["variables"], names)} for row in rows]


def _clip_ids(sessions: sessionmaker[Session], campaign_id: UUID) -> Iterator[Sequence[UUID]]:
    """The jobs of the clips that count in the file's order, a few at a time."""
    place = (RenderJob.created_at, RenderJob.id)
    query = select(*place).where(RenderJob.campaign_id == campaign_id, *IS_CURRENT).order_by(*place).limit(_IDS_AT_ONCE)
    after = None
    while True:
        with sessions() as session:
            found = session.execute(query if after is None else query.where(tuple_(*place) > after)).all()
        for first in range(0, len(found), _CLIPS_AT_ONCE):
            yield [job_id for _, job_id in found[first : first + _CLIPS_AT_ONCE]]
        if len(found) < _IDS_AT_ONCE:
            return
        after = tuple_(*found[-1])


def _results(ids: Sequence[UUID]) -> Select[Any]:
    newest = newest_task(RenderJob.id)
    task = newest.with_only_columns(ProviderTask.provider_task_id, ProviderTask.actual_prompt).lateral("task")
    cost = (
        select(func.sum(LedgerEntry.amount).label("amount"), func.max(LedgerEntry.currency).label("currency"))
        .where(LedgerEntry.job_id == RenderJob.id, LedgerEntry.kind.in_(SPENT_KINDS))
        .lateral("cost")
    )
    video = aliased(Asset, name="video")
    row = clip_rows()
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


def clip_rows() -> LateralFromClause:
    """The row of a clip, and the rows that share it: those name the first."""
    named = ("clip_variant", "output_path", "clip_variables", "clip_line")
    own = select(RenderJob.custom_id, null().label("same_as"), *(getattr(RenderJob, name) for name in named)).correlate(
        RenderJob
    )
    twins = (
        select(ClipTwin.custom_id, RenderJob.custom_id, *(getattr(ClipTwin, name) for name in named))
        .where(ClipTwin.campaign_id == RenderJob.campaign_id, ClipTwin.content_sha256 == RenderJob.content_sha256)
        .correlate(RenderJob)
    )
    return own.union_all(twins).lateral("row")
