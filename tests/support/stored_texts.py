"""Text jobs put into the table as they are wanted, without the steps that lead there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models import TextAttempt, TextJob
from models.base import new_id
from models.campaign import ensure_campaign
from models.tenant import ensure_tenant
from reelqueue.states import TextAttemptState, TextState
from tests.support.stored_jobs import NOW, store_account

REQUEST = {"model": "qwen-plus", "prompt": "Name a paper boat."}


def store_text(session: Session, state: TextState = TextState.QUEUED, **values: Any) -> UUID:
    """A text job in any state."""
    owner_id = values.get("tenant_id") or ensure_tenant(session)
    facts = {
        "id": new_id(),
        "tenant_id": owner_id,
        "campaign_id": values.get("campaign_id") or ensure_campaign(session, owner_id),
        "request_sha256": "0" * 64,
        "model": "qwen-plus",
        "request": REQUEST,
        "state": state,
        "created_at": NOW,
    }
    job = TextJob(**facts | values)
    session.add(job)
    session.flush()
    return job.id


def store_text_attempt(
    session: Session, job_id: UUID, state: TextAttemptState = TextAttemptState.SENT, **values: Any
) -> UUID:
    """An attempt of a text job in any state, at an account of its own."""
    account_id = values.pop("account_id", None) or store_account(session, name=f"account of {job_id}")
    facts = {
        "id": new_id(),
        "job_id": job_id,
        "number": 1,
        "account_id": account_id,
        "base_url": "https://dashscope.test/compatible-mode/v1",
        "state": state,
        "epoch": 1,
        "spec_sha256": "0" * 64,
        "send_by": NOW + timedelta(seconds=15),
    }
    attempt = TextAttempt(**facts | values)
    session.add(attempt)
    session.flush()
    return attempt.id


def read_text(session: Session, job_id: UUID) -> TextJob:
    """A text job as the database has it now."""
    return session.get_one(TextJob, job_id, populate_existing=True)
