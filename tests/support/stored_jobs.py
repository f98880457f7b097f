"""Render jobs put into the table as they are wanted, without the steps that lead there."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, JobEvent, RenderJob, Slot
from models.base import new_id
from models.campaign import ensure_campaign
from models.operations.money import slot_reservations as leases
from models.operations.money.slot_reservations import Quote
from models.tenant import ensure_tenant
from reelqueue.states import RenderState

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def store_job(session: Session, state: RenderState = RenderState.QUEUED, **values: Any) -> UUID:
    """A job in any state."""
    owner_id = values.get("tenant_id") or ensure_tenant(session)
    facts = {
        "id": new_id(),
        "tenant_id": owner_id,
        "campaign_id": values.get("campaign_id") or ensure_campaign(session, owner_id),
        "request_sha256": "0" * 64,
        "priority": 0,
        "model": "wan2.6-t2v",
        "mode": "text-to-video",
        "prompt": "a paper boat",
        "poll_interval_ms": 5000,
        "poll_timeout_ms": 600_000,
        "on_timeout": "collect",
        "state": state,
    }
    job = RenderJob(**facts | values)
    session.add(job)
    session.flush()
    return job.id


def store_account(session: Session, name: str = "studio") -> UUID:
    """A provider account."""
    account = Account(name=name, base_url="https://dashscope.test", region="ap-southeast-1", key_env="ALIBABA_API_KEY")
    session.add(account)
    session.flush()
    return account.id


def lease_slot(session: Session, job_id: UUID) -> None:
    """A slot for a job, of an account of its own."""
    account_id = store_account(session, name=f"account of {job_id}")
    price = Quote(Decimal("0.50"), Decimal("0.10"), "USD")
    leases.lease_slot(session, session.get_one(RenderJob, job_id), account_id, price, now=NOW, submit_at=NOW)
    session.flush()


def has_slot(session: Session, job_id: UUID) -> bool:
    """Whether a job holds a slot."""
    return session.scalars(select(Slot.job_id).where(Slot.job_id == job_id)).one_or_none() is not None


def read_job(session: Session, job_id: UUID) -> RenderJob:
    """A job as the database has it now."""
    return session.get_one(RenderJob, job_id, populate_existing=True)


def events_of(session: Session, job_id: UUID) -> list[JobEvent]:
    """What happened to a job, oldest first."""
    return list(session.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id)))
