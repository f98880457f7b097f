"""Entering what was spent: once per provider task or text attempt, in one transaction with the campaign's budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.campaign import Campaign
from models.ledger_entry import EntryKind, LedgerEntry
from models.provider_task import ProviderTask
from models.slot import Slot


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Money that is gone, or must be taken for gone."""

    kind: EntryKind
    """``settle`` or ``write_off``."""
    campaign_id: UUID
    account_id: UUID
    amount: Decimal | None
    """None: no price is known."""
    currency: str | None


@dataclass(frozen=True, kw_only=True)
class LedgerCharge(Charge):
    """What a render job cost."""

    job_id: UUID
    provider_task_id: UUID | None
    """Our row of the task; None: no task is known."""
    seconds: Decimal | None
    """What the provider counts; None: unknown."""


@dataclass(frozen=True, kw_only=True)
class TextCharge(Charge):
    """What a call to a language model cost."""

    text_attempt_id: UUID


def post_charges(session: Session, charges: Iterable[Charge], *, now: datetime) -> None:
    """Enter charges; the second settlement of a task or a call changes nothing, the first takes back its write-off.

    Args:
        session: In a transaction that has locked the jobs; the caller commits. To be called last: it locks campaigns,
            in the order of their ids, as everybody does who locks more than one.
        charges: Any number.
        now: The time.
    """
    given = list(charges)
    # Also those without a budget: one that is being set counts the ledger, and must not miss what is entered meanwhile.
    spenders = (
        select(Campaign.id, Campaign.tenant_id)
        .where(Campaign.id.in_({one.campaign_id for one in given}))
        .order_by(Campaign.id)
        .with_for_update(key_share=True)
    )
    tenants = dict(session.execute(spenders).all())
    # In the order of the rows of `daily_spending` that the ledger's trigger locks.
    for one in sorted(given, key=lambda one: (tenants[one.campaign_id], one.account_id, one.currency or "")):
        if not _enter(session, one, now):
            continue
        _charge(session, one)
        for write_off in _ended_doubts(session, one):
            _enter(session, write_off, now)
            _charge(session, write_off)


def _enter(session: Session, spending: Charge, now: datetime) -> bool:
    entered = insert(LedgerEntry).values(at=now, **vars(spending))
    once = entered.on_conflict_do_nothing()
    return session.execute(once.returning(LedgerEntry.id)).first() is not None


def _ended_doubts(session: Session, spending: Charge) -> Sequence[Charge]:
    """What takes back the write-offs for a task, or a call, that is settled after all.

    A job that an operator wrote off may have had no task yet: then the write-off stands for its last attempt.
    """
    if spending.kind is not EntryKind.SETTLE:
        return []
    if isinstance(spending, TextCharge):
        return _text_doubts(session, spending)
    if not isinstance(spending, LedgerCharge):
        return []
    newest = select(func.max(Attempt.number)).where(Attempt.job_id == spending.job_id).scalar_subquery()
    is_of_newest = exists().where(
        ProviderTask.id == spending.provider_task_id,
        Attempt.id == ProviderTask.attempt_id,
        Attempt.number == newest,
    )
    is_for_it = or_(
        LedgerEntry.provider_task_id == spending.provider_task_id,
        and_(LedgerEntry.job_id == spending.job_id, LedgerEntry.provider_task_id.is_(None), is_of_newest),
    )
    return _taken_back(session, is_for_it)


def _text_doubts(session: Session, spending: TextCharge) -> list[TextCharge]:
    written_off = select(func.sum(LedgerEntry.amount)).where(
        LedgerEntry.text_attempt_id == spending.text_attempt_id, LedgerEntry.kind == EntryKind.WRITE_OFF
    )
    amount = session.scalars(written_off).one()
    return [replace(spending, kind=EntryKind.WRITE_OFF, amount=-amount)] if amount else []


def without_task(session: Session, job_id: UUID) -> list[LedgerCharge]:
    """What takes back the write-off of a job, none of whose tasks was known; empty: there is none, or not any more.

    Args:
        session: In a transaction that has locked the job.
        job_id: The job.
    """
    return _taken_back(session, and_(LedgerEntry.job_id == job_id, LedgerEntry.provider_task_id.is_(None)))


def _taken_back(session: Session, is_for_it: ColumnElement[bool]) -> list[LedgerCharge]:
    entry = LedgerEntry
    columns = (entry.campaign_id, entry.job_id, entry.account_id, entry.provider_task_id, entry.currency)
    written_off = func.sum(entry.amount)
    rows = session.execute(
        select(*columns, written_off)
        .where(entry.kind == EntryKind.WRITE_OFF, is_for_it)
        .group_by(*columns)
        .having(written_off != 0)
    )
    return [
        LedgerCharge(
            kind=EntryKind.WRITE_OFF,
            campaign_id=campaign_id,
            job_id=job_id,
            account_id=account_id,
            provider_task_id=provider_task_id,
            seconds=None,
            amount=-amount if amount else None,
            currency=currency,
        )
        for campaign_id, job_id, account_id, provider_task_id, currency, amount in rows
        if job_id is not None
    ]


def write_off_of(slot: Slot) -> LedgerCharge:
    """What a job held with its slot, written off as none of its tasks is known."""
    return LedgerCharge(
        kind=EntryKind.WRITE_OFF,
        campaign_id=slot.campaign_id,
        job_id=slot.job_id,
        account_id=slot.account_id,
        provider_task_id=None,
        seconds=None,
        amount=slot.reserved_amount,
        currency=slot.currency,
    )


def _charge(session: Session, spending: Charge) -> None:
    session.execute(
        update(Campaign)
        .where(Campaign.id == spending.campaign_id, Campaign.budget_currency == spending.currency)
        .values(spent_amount=Campaign.spent_amount + (spending.amount or Decimal(0)))
        .execution_options(synchronize_session=False)
    )
