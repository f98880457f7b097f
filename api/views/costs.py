"""What jobs have cost, from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import among
from models.ledger_entry import SPENT_KINDS, LedgerEntry
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.schemas.jobs import PaidCost
from reelqueue.states import TERMINAL


def read_costs(session: Session, jobs: Sequence[RenderJob]) -> Mapping[UUID, PaidCost]:
    """What *jobs* have cost; one whose bill is not known is left out."""
    ids = [job.id for job in jobs]
    # Slots before the ledger: a slot is given back in the transaction that enters what its task has cost.
    held = set(session.scalars(select(Slot.job_id).where(among(Slot.job_id, ids))))
    free = PaidCost(amount=Decimal(0), currency=None)
    costs = {job.id: free for job in jobs if job.state in TERMINAL and job.id not in held}
    spent = session.execute(
        select(LedgerEntry.job_id, func.sum(LedgerEntry.amount), func.max(LedgerEntry.currency))
        .where(among(LedgerEntry.job_id, ids), LedgerEntry.kind.in_(SPENT_KINDS))
        .group_by(LedgerEntry.job_id)
    )
    return costs | {
        job_id: PaidCost(amount=amount, currency=currency) for job_id, amount, currency in spent if job_id is not None
    }
