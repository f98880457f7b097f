"""Leasing a provider slot together with the money that its task may cost, and giving both back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from models.ledger_entry import EntryKind, LedgerEntry
from models.render_job import RenderJob
from models.slot import Slot


@dataclass(frozen=True)
class Quote:
    """What a job may cost at an account, by the prices that count."""

    max_amount: Decimal
    """At most: reserved until the bill is known."""
    per_second: Decimal
    currency: str


def lease_slot(
    session: Session, job: RenderJob, account_id: UUID, quote: Quote | None, *, now: datetime, submit_at: datetime
) -> None:
    """Give a job a slot, and reserve what it may cost.

    Args:
        session: In the transaction that admits the job; the caller has counted slots and money under the account's and
            the campaign's lock.
        job: The job.
        account_id: Whose slot.
        quote: What it may cost; None: no price is known, and nothing is reserved.
        now: Time of the admission.
        submit_at: When its submit is due.
    """
    slot = Slot(
        job_id=job.id,
        account_id=account_id,
        model=job.model,
        campaign_id=job.campaign_id,
        submit_at=submit_at,
        leased_at=now,
        reserved_amount=quote.max_amount if quote else None,
        price_per_second=quote.per_second if quote else None,
        currency=quote.currency if quote else None,
    )
    session.add(slot)
    session.flush()
    _enter(session, slot, EntryKind.RESERVE, slot.reserved_amount, now)


def release_slot(session: Session, job_id: UUID, *, now: datetime) -> Slot | None:
    """Give back the slot that a job holds, and its reservation.

    Args:
        session: In a transaction; the caller commits.
        job_id: The job.
        now: The time.

    Returns:
        What it held, or None if it held nothing.
    """
    slot = session.scalars(delete(Slot).where(Slot.job_id == job_id).returning(Slot)).one_or_none()
    if slot is not None:
        released = None if slot.reserved_amount is None else -slot.reserved_amount
        _enter(session, slot, EntryKind.RELEASE, released, now)
    return slot


def _enter(session: Session, slot: Slot, kind: EntryKind, amount: Decimal | None, now: datetime) -> None:
    session.execute(
        insert(LedgerEntry).values(
            at=now,
            kind=kind,
            campaign_id=slot.campaign_id,
            job_id=slot.job_id,
            account_id=slot.account_id,
            amount=amount,
            currency=slot.currency,
        )
    )
