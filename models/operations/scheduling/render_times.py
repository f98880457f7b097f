"""How fast models render here: what their slots carry, from the accounts and from the latest clips."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from models.account import Account
from models.model_price import ModelPrice
from models.operations.scheduling.account_limits import lane_limits, offers
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.schemas.campaigns import ModelSpeed
from reelqueue.states import TaskStatus

LATEST_TASKS: Final = 5_000


@dataclass(frozen=True, slots=True)
class RenderTimes:
    """How long a model's newest clips rendered, without the wait for a slot."""

    count: int
    mean_seconds: float
    p10_seconds: float
    p50_seconds: float
    p90_seconds: float


def model_speeds(session: Session, models: Collection[str]) -> list[ModelSpeed]:
    """The speed of each of *models*, by name."""
    accounts = session.scalars(select(Account).where(Account.paused_at.is_(None))).all()
    measured = render_times(session, models, latest=LATEST_TASKS)
    ends = model_ends(session, models)
    return [
        _speed(model, [one for one in accounts if offers(one, model)], measured.get(model), ends.get(model))
        for model in sorted(models)
    ]


def model_ends(session: Session, models: Collection[str]) -> dict[str, datetime]:
    """When each of *models* ends at the last account that lists it; none where one lists it without an end."""
    listed = (
        select(ModelPrice.model, ModelPrice.account_id, ModelPrice.ends_at)
        .where(ModelPrice.model.in_(models), ModelPrice.account_id.is_not(None))
        .ext(distinct_on(ModelPrice.model, ModelPrice.account_id))
        .order_by(ModelPrice.model, ModelPrice.account_id, ModelPrice.from_at.desc(), ModelPrice.id.desc())
        .subquery()
    )
    last = select(listed.c.model, func.max(listed.c.ends_at)).group_by(listed.c.model)
    ending = last.having(func.count() == func.count(listed.c.ends_at))
    return dict(session.execute(ending).all())


def render_times(session: Session, models: Collection[str], *, latest: int) -> dict[str, RenderTimes]:
    """How long the newest clips rendered, by model; those of which there is none are left out.

    Args:
        session: To read with.
        models: What is asked about.
        latest: How many of the newest tasks, of any model, are looked at.
    """
    newest = (
        select(ProviderTask)
        .where(ProviderTask.status == TaskStatus.SUCCEEDED, ProviderTask.ended_at.is_not(None))
        .order_by(ProviderTask.id.desc())
        .limit(latest)
        .subquery()
    )
    # Without the wait in the provider's own queue: the slots are counted beside it.
    began = func.coalesce(newest.c.started_at, newest.c.submitted_at)
    seconds = func.extract("epoch", newest.c.ended_at - began)
    quantiles = (func.percentile_cont(share).within_group(seconds) for share in (0.1, 0.5, 0.9))
    told = (
        select(RenderJob.model, func.count(), func.avg(seconds), *quantiles)
        .join(newest, newest.c.job_id == RenderJob.id)
        .where(RenderJob.model.in_(models))
        .group_by(RenderJob.model)
    )
    return {
        model: RenderTimes(count, *(float(one) for one in seconds)) for model, count, *seconds in session.execute(told)
    }


def _speed(model: str, accounts: list[Account], measured: RenderTimes | None, ends_at: datetime | None) -> ModelSpeed:
    limits = [lane_limits(account, model) for account in accounts] or [lane_limits(Account(slot_limits={}), model)]
    return ModelSpeed(
        model=model,
        slots=sum(one.slots for one in limits),
        submits_per_second=sum(one.submits_per_second for one in limits),
        clip_count=measured.count if measured else 0,
        mean_seconds=measured.mean_seconds if measured else None,
        p50_seconds=measured.p50_seconds if measured else None,
        p90_seconds=measured.p90_seconds if measured else None,
        ends_at=ends_at,
    )
