"""The canaries of campaigns: chosen when their first clips get slots, and again where clips of them are gone."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from models.campaign import STANDING_CAMPAIGN_NAME, Campaign
from models.operations.admission.canary_selection import Candidate, select_canary
from models.operations.admission.usage import Usage
from models.operations.jobs.current_clip import IS_CURRENT
from models.render_job import RenderJob
from reelqueue.requests.option_table import REQUEST_OPTIONS, Role
from reelqueue.states import RenderState

_SAMPLE: Final = 500
"""Clips of each model that are compared, or as many as are wanted: few enough for a dispatch, which holds locks."""
_GONE: Final = (RenderState.CANCELLED, RenderState.EXPIRED)
_EACH_ITS_OWN: Final = frozenset({"prompt", "seed"})
"""Options that differ from clip to clip in most files, and would tell nothing apart."""
_AXES: Final = (
    *(
        option.name
        for option in REQUEST_OPTIONS
        if option.has_column
        and option.role in {Role.MODEL, Role.TEXT, Role.PARAMETER}
        and option.name not in _EACH_ITS_OWN
    ),
    "clip_variant",
    "clip_line",
)
"""Columns that tell clips apart, beside their variables."""


def held_back(usage: Usage) -> set[UUID]:
    """The campaigns of which only chosen clips get slots; jobs that are no clips of a file cannot be chosen."""
    return {one for one in usage.canaries if usage.campaigns[one].name != STANDING_CAMPAIGN_NAME}


def choose_canaries(session: Session, usage: Usage) -> None:
    """Choose clips for each canary that lacks some, and note all of them in *usage*; a dispatch stores them."""
    for campaign_id in held_back(usage):
        campaign, room = usage.campaigns[campaign_id], usage.canaries[campaign_id]
        usage.canary_clips[campaign_id] = list(campaign.canary_ids or ())
        if room > (waiting := _waiting_count(session, usage, campaign_id)):
            chosen = select_canary(_candidates(session, campaign, max(room, _SAMPLE)), room - waiting)
            usage.canary_clips[campaign_id] += chosen


def is_of_canary(usage: Usage, campaign_id: UUID) -> ColumnElement[bool]:
    """Whether a job is a chosen clip of a campaign."""
    chosen = usage.canary_clips.get(campaign_id, ())
    return and_(RenderJob.campaign_id == campaign_id, RenderJob.custom_id.in_(chosen), *IS_CURRENT)


def _waiting_count(session: Session, usage: Usage, campaign_id: UUID) -> int:
    chosen = select(func.count()).where(is_of_canary(usage, campaign_id), RenderJob.state == RenderState.QUEUED)
    return session.scalars(chosen).one() if usage.canary_clips[campaign_id] else 0


def _candidates(session: Session, campaign: Campaign, sample_count: int) -> list[Candidate]:
    chosen = set(campaign.canary_ids or ())
    place = func.row_number().over(partition_by=RenderJob.model, order_by=(func.md5(RenderJob.custom_id), RenderJob.id))
    here = (RenderJob.campaign_id == campaign.id, RenderJob.state.not_in(_GONE), *IS_CURRENT)
    sample = select(RenderJob.id, RenderJob.state, place.label("place")).where(*here).subquery("sample")
    before = aliased(RenderJob)
    found = (
        select(RenderJob.custom_id, RenderJob.state, RenderJob.is_awaiting, RenderJob.clip_variables)
        .add_columns(before.custom_id.label("after"), *(getattr(RenderJob, name) for name in _AXES))
        .join(sample, sample.c.id == RenderJob.id)
        .outerjoin(before, before.id == RenderJob.after_job_id)
        .where(or_(sample.c.place <= sample_count, sample.c.state != RenderState.QUEUED))
        .order_by(RenderJob.priority.desc(), RenderJob.created_at, RenderJob.id)
    )
    return [_candidate(row, chosen) for row in session.execute(found)]


def _candidate(row: Row[*tuple[Any, ...]], chosen: set[str]) -> Candidate:
    facts = {name: getattr(row, name) for name in _AXES}
    facts |= {f"var.{name}": value for name, value in (row.clip_variables or {}).items()}
    return Candidate(
        custom_id=row.custom_id,
        facts=facts,
        after=row.after if row.is_awaiting else None,
        is_chosen=row.state is not RenderState.QUEUED or row.custom_id in chosen,
    )
