"""Render jobs put into the table as they are wanted, without the steps that lead there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, JobEvent, RenderJob, Slot
from models.base import new_id
from reelqueue.states import RenderState

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def store_job(session: Session, state: RenderState = RenderState.QUEUED, **values: Any) -> UUID:
    """A job in any state."""
    facts = {
        "id": new_id(),
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
    account = Account(name=name, base_url="https://dashscope.test", key_env="ALIBABA_API_KEY", headers={})
    session.add(account)
    session.flush()
    return account.id


def lease_slot(session: Session, job_id: UUID) -> None:
    """A slot for a job, of an account of its own."""
    account_id = store_account(session, name=f"account of {job_id}")
    session.add(Slot(job_id=job_id, account_id=account_id, model="wan2.6-t2v", submit_at=NOW, leased_at=NOW))
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
