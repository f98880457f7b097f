"""Paid clips, put into the tables as they are wanted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from models import Account, Attempt, EntryKind, ProviderTask, RenderJob
from models.operations.money.ledger import LedgerCharge, post_charges
from reelqueue.states import AttemptState, RenderState
from tests.support.stored_jobs import NOW, store_account, store_job

PRICE = Decimal("0.10")


def store_payment(
    session: Session,
    *,
    seconds: int = 5,
    settled_seconds: int = 5,
    at: datetime = NOW,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    **values: Any,
) -> None:
    """A job whose task the provider billed.

    Args:
        session: The caller commits.
        seconds: What the provider says it billed.
        settled_seconds: What the ledger says.
        at: When.
        started_at: When it got a slot at the provider.
        ended_at: When it had rendered.
        **values: Columns of the job.
    """
    job = session.get_one(RenderJob, store_job(session, RenderState.SUCCEEDED, **values))
    account = session.get_one(Account, store_account(session, name=f"account of {job.id}"))
    facts = {"job_id": job.id, "account_id": account.id, "base_url": account.base_url}
    attempt = Attempt(number=1, state=AttemptState.BOUND, epoch=1, spec_sha256="0" * 64, send_by=at, **facts)
    session.add(attempt)
    session.flush()
    task = ProviderTask(
        attempt_id=attempt.id,
        provider_task_id=f"task of {job.id}",
        status="SUCCEEDED",
        submitted_at=at,
        started_at=started_at,
        ended_at=ended_at,
        result_url="https://result.test/1.mp4",
        billed_seconds=Decimal(seconds),
        **facts,
    )
    session.add(task)
    session.flush()
    paid = LedgerCharge(
        kind=EntryKind.SETTLE,
        campaign_id=job.campaign_id,
        job_id=job.id,
        account_id=account.id,
        provider_task_id=task.id,
        seconds=Decimal(settled_seconds),
        amount=settled_seconds * PRICE,
        currency="USD",
    )
    post_charges(session, [paid], now=at)
