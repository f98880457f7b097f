"""Reads the queue for admission: which models and campaigns have waiting jobs, and which job is first.

Found by hopping through an index from one to the next: reading every queued row would be half a campaign at
each dispatch.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.admission.canaries import held_back, is_of_canary
from models.operations.admission.conditions import campaign_conditions, job_conditions
from models.operations.admission.fair_share import CampaignQueue, QueuedJob
from models.operations.admission.usage import Usage
from models.render_job import RenderJob
from models.tenant import Tenant
from reelqueue.states import RenderState

_QUEUED = and_(RenderJob.state == RenderState.QUEUED, ~RenderJob.is_awaiting)


def waiting_models(session: Session) -> list[str]:
    """Models with queued jobs."""
    hop = select(func.min(RenderJob.model).label("model")).where(_QUEUED).cte("hop", recursive=True)
    following = select(func.min(RenderJob.model)).where(_QUEUED, RenderJob.model > hop.c.model).correlate(hop)
    hop = hop.union_all(select(following.scalar_subquery()).where(hop.c.model.is_not(None)))
    return list(session.scalars(select(hop.c.model).where(hop.c.model.is_not(None))))


def waiting_campaigns(session: Session, model: str) -> list[UUID]:
    """Campaigns with queued jobs for a model."""
    of_model = and_(_QUEUED, RenderJob.model == model)
    hop = select(_first(of_model).scalar_subquery().label("campaign_id")).cte("hop", recursive=True)
    following = _first(of_model, RenderJob.campaign_id > hop.c.campaign_id).correlate(hop)
    hop = hop.union_all(select(following.scalar_subquery()).where(hop.c.campaign_id.is_not(None)))
    return list(session.scalars(select(hop.c.campaign_id).where(hop.c.campaign_id.is_not(None))))


def _first(*conditions: ColumnElement[bool]) -> Select[UUID]:
    return select(RenderJob.campaign_id).where(*conditions).order_by(RenderJob.campaign_id).limit(1)


def open_campaigns(
    session: Session, campaign_ids: set[UUID], now: datetime, *, is_locking: bool
) -> dict[UUID, Campaign]:
    """Those of the campaigns that may admit jobs, in the order of their ids.

    A dispatch locks them, also those without a budget: one that is set, or a pause, holds for whatever is admitted
    after its commit.
    """
    going = select(Campaign).where(Campaign.id.in_(campaign_ids), *campaign_conditions(now).values())
    found = going.order_by(Campaign.id).execution_options(populate_existing=True)
    locked = found.with_for_update(key_share=True) if is_locking else found
    return {one.id: one for one in session.scalars(locked)}


def lines(
    session: Session, model: str, usage: Usage, now: datetime, count: int, *, is_locking: bool
) -> list[CampaignQueue]:
    """The first *count* jobs of each campaign that wait for a model.

    A dispatch locks them, and leaves out those that others hold.
    """
    heads: dict[UUID, deque[QueuedJob]] = {}
    first = _waiting(model, now, count).where(RenderJob.id.not_in(usage.admitted))
    waiting = first.with_for_update(skip_locked=True) if is_locking else first
    for campaign_id, job_id, epoch, priority in _heads(session, usage, waiting):
        campaign = usage.campaigns[campaign_id]
        heads.setdefault(campaign_id, deque()).append(QueuedJob(job_id, epoch, priority + campaign.priority))
    tenants = {usage.campaigns[campaign_id].tenant_id for campaign_id in heads}
    rows = session.execute(select(Tenant.id, Tenant.last_admitted_at).where(Tenant.id.in_(tenants)))
    served = {tenant.id: usage.served_at.get(tenant.id, tenant.last_admitted_at) for tenant in rows}
    return [_line(usage, usage.campaigns[campaign_id], model, jobs, served) for campaign_id, jobs in heads.items()]


def _heads(session: Session, usage: Usage, waiting: Select[UUID, int, int]) -> list[tuple[UUID, UUID, int, int]]:
    held = held_back(usage)
    first = waiting.where(RenderJob.campaign_id == Campaign.id).correlate(Campaign).lateral("head")
    found = (
        select(Campaign.id, first.c.id, first.c.epoch, first.c.priority)
        .join(first, onclause=Campaign.id == Campaign.id)
        .where(Campaign.id.in_(usage.campaigns.keys() - held))
    )
    heads = [(campaign_id, job_id, epoch, priority) for campaign_id, job_id, epoch, priority in session.execute(found)]
    for campaign_id in sorted(held):
        if usage.canaries[campaign_id] > 0:
            chosen = session.execute(waiting.where(is_of_canary(usage, campaign_id)))
            heads += [(campaign_id, *job) for job in chosen]
    return heads


def _waiting(model: str, now: datetime, count: int) -> Select[UUID, int, int]:
    return (
        select(RenderJob.id, RenderJob.epoch, RenderJob.priority)
        .where(RenderJob.state == RenderState.QUEUED, RenderJob.model == model, *job_conditions(now).values())
        .order_by(RenderJob.priority.desc(), RenderJob.created_at, RenderJob.id)
        .limit(count)
    )


def _line(
    usage: Usage, campaign: Campaign, model: str, jobs: deque[QueuedJob], served: dict[UUID, datetime | None]
) -> CampaignQueue:
    return CampaignQueue(
        campaign_id=campaign.id,
        tenant_id=campaign.tenant_id,
        waiting=jobs,
        held_count=usage.by_campaign_and_model[campaign.id, model],
        room=usage.room(campaign),
        last_admitted_at=usage.served_at.get(campaign.id, campaign.last_admitted_at),
        tenant_last_admitted_at=served.get(campaign.tenant_id),
    )
