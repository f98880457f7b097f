"""How fast models render here: what their slots carry, from the accounts and from the latest clips."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.lane_limits import lane_limits, offers
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.campaigns.answers import ModelSpeed

LATEST_TASKS: Final = 5_000
_SUCCEEDED: Final = "SUCCEEDED"


def model_speeds(session: Session, models: Collection[str]) -> list[ModelSpeed]:
    """The speed of each of *models*, by name."""
    accounts = session.scalars(select(Account).where(Account.paused_at.is_(None))).all()
    measured = _measured(session, models)
    return [
        _speed(model, [one for one in accounts if offers(one, model)], measured.get(model)) for model in sorted(models)
    ]


def _measured(session: Session, models: Collection[str]) -> dict[str, Row[Any]]:
    latest = (
        select(ProviderTask)
        .where(ProviderTask.status == _SUCCEEDED, ProviderTask.ended_at.is_not(None))
        .order_by(ProviderTask.id.desc())
        .limit(LATEST_TASKS)
        .subquery()
    )
    # Without the wait in the provider's own queue: the slots are counted beside it.
    began = func.coalesce(latest.c.started_at, latest.c.submitted_at)
    seconds = func.extract("epoch", latest.c.ended_at - began)
    told = (
        select(
            RenderJob.model,
            func.count().label("count"),
            func.percentile_cont(0.5).within_group(seconds).label("p50"),
            func.percentile_cont(0.9).within_group(seconds).label("p90"),
        )
        .join(latest, latest.c.job_id == RenderJob.id)
        .where(RenderJob.model.in_(models))
        .group_by(RenderJob.model)
    )
    return {row.model: row for row in session.execute(told)}


def _speed(model: str, accounts: list[Account], measured: Row[Any] | None) -> ModelSpeed:
    limits = [lane_limits(account, model) for account in accounts] or [lane_limits(Account(slot_limits={}), model)]
    return ModelSpeed(
        model=model,
        slots=sum(one.slots for one in limits),
        submits_per_second=sum(one.submits_per_second for one in limits),
        clip_count=measured.count if measured else 0,
        p50_seconds=float(measured.p50) if measured else None,
        p90_seconds=float(measured.p90) if measured else None,
    )
