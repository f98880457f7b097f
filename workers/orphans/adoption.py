"""Adopting a task that no job here asked for: a job of its own that is archived and paid like any other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Self
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.base import new_id
from models.campaign import Campaign, ensure_campaign
from models.operations.jobs.transitions import record
from models.operations.money.ledger import LedgerCharge, post_charges
from models.operations.money.prices import known_prices
from models.operations.scheduling.poll_wakeups import Wake, wake_for
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.tenant import ensure_tenant
from reelqueue.catalog import lookup, mode_by_id
from reelqueue.pricing import dearest_price
from reelqueue.schemas.statement import money_text
from reelqueue.states import AttemptState, RenderState, TaskStatus
from workers.dashscope import ListedTask, TaskAnswer
from workers.reconciliation.found_usage import store_and_charge
from workers.reconciliation.task_list import Located, query_task
from workers.reconciliation.written_off import take_back_write_off
from workers.runtime.context import Context
from workers.runtime.provider_clock import stored_time
from workers.settings import Settings
from workers.submission.known_tasks import is_stored, lock_task_id

log = structlog.get_logger(__name__)

ORPHANS: Final = "orphans"
"""The default tenant's campaign of adopted tasks."""
_UNKNOWN_MODEL: Final = "unknown"


@dataclass(frozen=True)
class Orphan:
    """A task of the provider's list that no job here asked for."""

    provider_task_id: str
    model: str
    status: str
    base_url: str
    created_at: datetime | None
    """When the provider made it, by its own clock."""
    job_id: UUID | None = None
    """The job that adopted it now; None: none, or another sweep was quicker."""
    seconds: Decimal | None = None
    """What the provider bills, where it was asked."""
    amount: Decimal | None = None
    currency: str | None = None

    @classmethod
    def of(cls, one: Located) -> Self:
        """From a row of the list."""
        task = one.task
        return cls(task.provider_task_id, task.model or _UNKNOWN_MODEL, task.status, one.base_url, task.created_at)

    def __str__(self) -> str:
        price = "price unknown" if self.amount is None else f"{money_text(self.amount)} {self.currency}"
        cost = f"{self.seconds} s, {price}"
        fate = f"adopted as render job {self.job_id} ({cost})" if self.job_id else "not adopted"
        made = self.created_at.isoformat(timespec="seconds") if self.created_at else "?"
        return f"{self.provider_task_id} {self.model} {self.status} made={made}: {fate}"


def adopt_orphan(context: Context, account: Account, orphan: Orphan, *, noted: TaskAnswer | None = None) -> Orphan:
    """Adopt a finished orphan as a render job, once, and have its video fetched.

    Where a job was written off that may have made it, the write-off is taken back.

    Args:
        context: The outside world.
        account: Whose task.
        orphan: A task that the list calls SUCCEEDED, or called so.
        noted: What it said while it was listed, for when the provider has forgotten it.

    Returns:
        The orphan with its job and its cost; unchanged if it cannot be adopted now.
    """
    answer = query_task(context, account, orphan.base_url, orphan.provider_task_id)
    if answer is None or answer.status != TaskStatus.SUCCEEDED:
        answer = noted
    # Without a URL it is paid all the same; the archive asks for one until the result is gone.
    if answer is None or answer.status != TaskStatus.SUCCEEDED:
        return orphan
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        stored = _store(session, account, orphan, answer, context.settings, now)
        if stored is None:
            session.rollback()  # it has an owner by now: the job that was made for it goes too
            return orphan
    bill, wake = stored
    if wake is not None:
        context.hints.poll(wake, now=now)
    context.hints.archive(bill.job_id, orphan.model)
    return replace(orphan, job_id=bill.job_id, seconds=bill.seconds, amount=bill.amount, currency=bill.currency)


def adopted_since(session: Session, account: Account, since: datetime) -> int:
    """How many tasks of an account were adopted from a moment on."""
    adopted = (
        select(func.count())
        .select_from(RenderJob)
        .join(Campaign, Campaign.id == RenderJob.campaign_id)
        .where(Campaign.name == ORPHANS, RenderJob.account_id == account.id, RenderJob.created_at >= since)
    )
    return session.scalars(adopted).one()


def _store(
    session: Session,
    account: Account,
    orphan: Orphan,
    answer: TaskAnswer,
    settings: Settings,
    now: datetime,
) -> tuple[LedgerCharge, Wake | None] | None:
    """What the task of a new job cost, and when it is asked for its usage; None if it has an owner by now."""
    job = _job(session, account, orphan, answer, now)
    session.add(job)
    session.flush()
    attempt = _attempt(job, account, orphan, now)
    session.add(attempt)
    session.flush()
    # Of a video whose request is not known, and whose usage may not name its tier.
    prices = known_prices(session, account.id, at=attempt.sent_at)
    price = dearest_price(orphan.model, account.region, prices=prices)
    task = _claim_task(session, attempt, orphan, price, now)
    if task is None:
        return None
    detail = {"provider_task_id": orphan.provider_task_id, "adopted": True}
    record(session, job.id, "state", now=now, to_state=RenderState.ARCHIVING, detail=detail)
    (bill,), next_poll = store_and_charge(session, job, task, answer, settings, now=now)
    listed = ListedTask(orphan.provider_task_id, answer.status, orphan.model, None, orphan.created_at)
    taken_back = take_back_write_off(
        session, Located(listed, orphan.base_url), answer, settings.reconcile, adopted_as=job.id, now=now
    )
    post_charges(session, [bill, *taken_back], now=now)  # after all jobs: it locks campaigns
    return bill, wake_for(session, next_poll)


def _job(session: Session, account: Account, orphan: Orphan, answer: TaskAnswer, now: datetime) -> RenderJob:
    tenant_id = ensure_tenant(session)
    spec = lookup(orphan.model)
    return RenderJob(
        id=new_id(),
        tenant_id=tenant_id,
        campaign_id=ensure_campaign(session, tenant_id, ORPHANS),
        request_sha256=_digest(orphan),
        job_metadata={"adopted": True},
        priority=0,
        state=RenderState.ARCHIVING,
        epoch=1,
        model=orphan.model,
        mode=spec.modes[0] if spec else mode_by_id(orphan.model),
        prompt=answer.orig_prompt,
        poll_interval_ms=15_000,
        poll_timeout_ms=600_000,
        on_timeout="collect",
        account_id=account.id,
        provider_status=answer.status,
        created_at=now,
        submitted_at=stored_time(orphan.created_at, now),
        next_archive_at=now,
    )


def _attempt(job: RenderJob, account: Account, orphan: Orphan, now: datetime) -> Attempt:
    made_at = stored_time(orphan.created_at, now)
    return Attempt(
        id=new_id(),
        job_id=job.id,
        number=1,
        account_id=account.id,
        base_url=orphan.base_url,
        state=AttemptState.ADOPTED,
        epoch=job.epoch,
        spec_sha256=job.request_sha256,
        created_at=now,
        send_by=made_at,
        sent_at=made_at,
        closed_at=now,
    )


def _digest(orphan: Orphan) -> str:
    """A hash in place of the request's, which is unknown."""
    return hashlib.sha256(f"orphan {orphan.provider_task_id}".encode()).hexdigest()


def _claim_task(
    session: Session, attempt: Attempt, orphan: Orphan, price: tuple[Decimal, str] | None, now: datetime
) -> ProviderTask | None:
    lock_task_id(session, orphan.provider_task_id)
    known = select(ProviderTask.id).where(is_stored(session, [orphan.provider_task_id]))
    if session.scalars(known).first() is not None:
        return None
    stored = insert(ProviderTask).values(
        id=new_id(),
        job_id=attempt.job_id,
        attempt_id=attempt.id,
        account_id=attempt.account_id,
        base_url=attempt.base_url,
        provider_task_id=orphan.provider_task_id,
        status=orphan.status,
        submitted_at=stored_time(orphan.created_at, now),
        price_per_second=price[0] if price else None,
        currency=price[1] if price else None,
    )
    once = stored.on_conflict_do_nothing(index_elements=["account_id", "provider_task_id"])
    return session.scalars(once.returning(ProviderTask)).one_or_none()
