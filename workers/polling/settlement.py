"""What a provider task that has ended cost: once, by the seconds that the provider counts.

=========================  =====================================================================
it ended as                then
=========================  =====================================================================
SUCCEEDED, with usage      settled: billed seconds times the price of what usage says was rendered, as it was known
                           when the attempt was claimed; a price that changes later changes no bill
FAILED, CANCELED           nothing: the provider does not bill it
an unknown word, with      settled likewise: what has a result is billed
a result
SUCCEEDED, without usage   written off while it is asked about further, since its slot is free and its cost unknown;
                           settled by the first answer with usage, or at its reservation when asking ends,
                           with an alarm
anything else              written off: its cost stays unknown, and the provider may have billed it;
                           unless it is settled already
=========================  =====================================================================
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.ledger_entry import EntryKind, LedgerEntry
from models.operations.jobs.newest_task import newest_task
from models.operations.jobs.transitions import record
from models.operations.money.ledger import LedgerCharge, post_charges
from models.operations.money.prices import known_prices
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.pricing import billed_price
from reelqueue.schemas.statement import money_text
from reelqueue.states import UNBILLED, TaskStatus
from workers.dashscope import ProviderError, TaskAnswer
from workers.polling.decisions import WAITS_FOR_URL

log = structlog.get_logger(__name__)


def charges_of(
    session: Session, task_row_id: UUID, answer: TaskAnswer | ProviderError, *, is_followed: bool, now: datetime
) -> list[LedgerCharge]:
    """What an ended task cost: one spending, or none.

    A settlement takes back what was written off before it.

    Args:
        session: In the transaction that stores the answer.
        task_row_id: Our row of the task.
        answer: The last that the provider said.
        is_followed: Whether the provider will be asked about it again.
        now: The time.
    """
    if isinstance(answer, TaskAnswer) and answer.status in UNBILLED:
        return []
    if _is_entered(session, task_row_id, EntryKind.SETTLE):
        return []
    task = session.get_one(ProviderTask, task_row_id)
    # An error says nothing about the task: what was said before it counts.
    said = answer if isinstance(answer, TaskAnswer) else TaskAnswer(task.status)
    is_paid = said.status == TaskStatus.SUCCEEDED or said.result_url
    if is_paid and (said.billed_seconds or not is_followed):
        return [settlement_of(session, task, said, now=now)]
    if _is_entered(session, task_row_id, EntryKind.WRITE_OFF):
        return []
    reserved = _reserved(session, task)
    log.error("provider_task.written_off", job_id=str(task.job_id), provider_task_id=task.provider_task_id,
              amount=str(reserved), currency=task.currency, is_followed=is_followed)  # fmt: skip
    campaign_id = session.scalars(select(RenderJob.campaign_id).where(RenderJob.id == task.job_id)).one()
    return [_charge(EntryKind.WRITE_OFF, task, campaign_id, None, (reserved, task.currency))]


def put_off_usage(session: Session, job_id: UUID, *, now: datetime) -> bool:
    """Ask for a job's usage once more, at the end of its time, as asking for it ends workers; False: it is over.

    Args:
        session: In a transaction.
        job_id: The job.
        now: The time.
    """
    task = session.scalars(newest_task(job_id)).one_or_none()
    if task is None or task.status != TaskStatus.SUCCEEDED or task.usage_until is None or task.usage_until <= now:
        return False
    is_decided = RenderJob.state.not_in(WAITS_FOR_URL)
    mine = update(RenderJob).where(RenderJob.id == job_id, RenderJob.next_poll_at.is_not(None), is_decided)
    put_off = mine.values(next_poll_at=task.usage_until, death_count=0)
    return session.execute(put_off.returning(RenderJob.id)).first() is not None


def settle_set_aside(session: Session, job_id: UUID, *, now: datetime) -> None:
    """Settle what was written off for a job's task that succeeded, as its usage is asked for no more.

    Args:
        session: In the transaction that sets the job aside; to be called last: it locks campaigns.
        job_id: The job.
        now: The time.
    """
    paid = select(ProviderTask.id).where(ProviderTask.job_id == job_id, ProviderTask.status == TaskStatus.SUCCEEDED)
    said = TaskAnswer(TaskStatus.SUCCEEDED)
    for task_row_id in session.scalars(paid).all():
        post_charges(session, charges_of(session, task_row_id, said, is_followed=False, now=now), now=now)


def _is_entered(session: Session, task_row_id: UUID, kind: EntryKind) -> bool:
    """Whether an earlier answer about a task had it settled, or written off: it may have been called SUCCEEDED."""
    entered = select(LedgerEntry.id).where(LedgerEntry.provider_task_id == task_row_id, LedgerEntry.kind == kind)
    return session.scalars(entered).first() is not None


def settlement_of(session: Session, task: ProviderTask, answer: TaskAnswer, *, now: datetime) -> LedgerCharge:
    """What a task that succeeded cost, with an alarm where that is unknown, or more than was reserved for it.

    Tier, sound and seconds are those that the provider names, since they are what it bills. Where it names no tier,
    the price at admission counts; where it names no seconds, the most that was reserved.

    Args:
        session: In the transaction that stores the answer.
        task: Our row of the task.
        answer: The provider's last.
        now: The time.
    """
    job = session.get_one(RenderJob, task.job_id)
    reserved = _reserved(session, task)
    if answer.billed_seconds is None:
        at = "without an amount" if reserved is None else f"at the {money_text(reserved)} {task.currency} reserved"
        seen = f"{answer.status} without usage, settled {at}"
        _raise_alarm(session, task, "provider_task.unmeasured", seen, now)
        return _charge(EntryKind.SETTLE, task, job.campaign_id, None, (reserved, task.currency))
    per_second, currency = _price(session, task, job, answer)
    amount = None if per_second is None else answer.billed_seconds * per_second
    if amount is not None and reserved is not None and amount > reserved:
        seen = f"billed {money_text(amount)} {currency}, and {money_text(reserved)} was reserved"
        _raise_alarm(session, task, "provider_task.billed_more_than_reserved", seen, now)
    return _charge(EntryKind.SETTLE, task, job.campaign_id, answer.billed_seconds, (amount, currency))


def _reserved(session: Session, task: ProviderTask) -> Decimal | None:
    """The most that a task could cost at admission; other attempts of its job may have had other prices."""
    reservations = select(LedgerEntry.amount).where(
        LedgerEntry.job_id == task.job_id,
        LedgerEntry.kind == EntryKind.RESERVE,
        LedgerEntry.account_id == task.account_id,
        LedgerEntry.currency == task.currency,
    )
    return session.scalars(reservations.order_by(LedgerEntry.id.desc()).limit(1)).one_or_none()


def _price(
    session: Session, task: ProviderTask, job: RenderJob, answer: TaskAnswer
) -> tuple[Decimal | None, str | None]:
    region = session.scalars(select(Account.region).where(Account.id == task.account_id)).one()
    # Claimed before it was sent; one that was found afterwards was sent before that.
    submitted_at = func.least(Attempt.created_at, Attempt.sent_at)
    at = session.scalars(select(submitted_at).where(Attempt.id == task.attempt_id)).one()
    prices = known_prices(session, task.account_id, at=at)
    sound = (job.extra_options.get("raw") or {}).get("audio", job.audio)  # rows older than the rule have it in raw
    found = billed_price(job.model, answer.usage or {}, region, is_silent=sound is False, prices=prices)
    return found or (task.price_per_second, task.currency)


def _raise_alarm(session: Session, task: ProviderTask, word: str, seen: str, now: datetime) -> None:
    log.error(word, job_id=str(task.job_id), provider_task_id=task.provider_task_id, seen=seen)
    detail = {"seen": seen, "provider_task_id": task.provider_task_id}
    record(session, task.job_id, "alarm", now=now, detail=detail)


def _charge(
    kind: EntryKind,
    task: ProviderTask,
    campaign_id: UUID,
    seconds: Decimal | None,
    money: tuple[Decimal | None, str | None],
) -> LedgerCharge:
    return LedgerCharge(
        kind=kind,
        campaign_id=campaign_id,
        job_id=task.job_id,
        account_id=task.account_id,
        provider_task_id=task.id,
        seconds=seconds,
        amount=money[0],
        currency=money[1],
    )
