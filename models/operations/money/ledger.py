"""Entering what was spent: once per provider task, and against the campaign's budget in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.ledger_entry import EntryKind, LedgerEntry


@dataclass(frozen=True, kw_only=True)
class LedgerCharge:
    """Money that is gone, or must be taken for gone."""

    kind: EntryKind
    """``settle`` or ``write_off``."""
    campaign_id: UUID
    job_id: UUID
    account_id: UUID
    provider_task_id: UUID | None
    """Our row of the task; None: no task is known."""
    seconds: Decimal | None
    """What the provider counts; None: unknown."""
    amount: Decimal | None
    """None: no price is known."""
    currency: str | None


def post_charges(session: Session, charges: Iterable[LedgerCharge], *, now: datetime) -> None:
    """Enter charges; the second settlement of a task changes nothing.

    Args:
        session: In a transaction that has locked the jobs; the caller commits. To be called last: it locks campaigns,
            in the order of their ids, as everybody does who locks more than one.
        charges: Any number.
        now: The time.
    """
    ordered = sorted(charges, key=lambda spending: spending.campaign_id)
    # Also those without a budget: one that is being set counts the ledger, and must not miss what is entered meanwhile.
    spenders = select(Campaign.id).where(Campaign.id.in_({one.campaign_id for one in ordered})).order_by(Campaign.id)
    session.execute(spenders.with_for_update(key_share=True))
    for one in ordered:
        if _enter(session, one, now):
            spent = (one.amount or Decimal(0)) - _take_back_write_off(session, one, now)
            _charge(session, one, spent)


def _enter(session: Session, spending: LedgerCharge, now: datetime) -> bool:
    entered = insert(LedgerEntry).values(at=now, **vars(spending))
    once = entered.on_conflict_do_nothing(index_elements=["provider_task_id"], index_where=text("kind = 'settle'"))
    return session.execute(once.returning(LedgerEntry.id)).first() is not None


def _take_back_write_off(session: Session, spending: LedgerCharge, now: datetime) -> Decimal:
    """What was written off for a task that is settled after all, which ends the doubt."""
    if spending.kind is not EntryKind.SETTLE:
        return Decimal(0)
    given_up = session.scalars(
        select(func.sum(LedgerEntry.amount)).where(
            LedgerEntry.provider_task_id == spending.provider_task_id, LedgerEntry.kind == EntryKind.WRITE_OFF
        )
    ).one()
    if not given_up:
        return Decimal(0)
    taken_back = vars(spending) | {"kind": EntryKind.WRITE_OFF, "amount": -given_up, "seconds": None}
    session.execute(insert(LedgerEntry).values(at=now, **taken_back))
    return Decimal(given_up)


def _charge(session: Session, spending: LedgerCharge, amount: Decimal) -> None:
    session.execute(
        update(Campaign)
        .where(Campaign.id == spending.campaign_id, Campaign.budget_currency == spending.currency)
        .values(spent_amount=Campaign.spent_amount + amount)
        .execution_options(synchronize_session=False)
    )
