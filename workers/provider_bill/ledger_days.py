"""What the ledger says that the provider must bill, by day of Beijing and model."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from models.ledger_entry import SPENT_KINDS, EntryKind, LedgerEntry
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from workers.provider_bill.differences import BEIJING, BOUNDARY, DayKey, LedgerDay

_ZONE: Final = "'Asia/Shanghai'"


def read_ledger_days(
    session: Session, account_ids: Collection[UUID], currency: str, first_day: date, last_day: date
) -> dict[DayKey, LedgerDay]:
    """The ledger of some accounts added up.

    A task counts on the day on which it ended at the provider, which is when the provider bills it.

    Args:
        session: To read with.
        account_ids: Whose entries.
        currency: Entries in another one are left out; those without a price count.
        first_day: Of Beijing, included.
        last_day: Of Beijing, included.
    """
    entry, task = LedgerEntry, ProviderTask
    moment = func.coalesce(task.ended_at, entry.at)
    local = func.timezone(literal_column(_ZONE), moment)
    day = func.date_trunc(literal_column("'day'"), local)
    is_paid = entry.kind == EntryKind.SETTLE
    is_first = local < day + BOUNDARY
    is_last = local >= day + (timedelta(days=1) - BOUNDARY)
    query = (
        select(
            day.label("day"),
            RenderJob.model,
            func.sum(entry.seconds).filter(is_paid),
            func.sum(entry.amount).filter(is_paid),
            func.array_agg((entry.amount / func.nullif(entry.seconds, 0)).distinct()).filter(
                is_paid, entry.amount.is_not(None), entry.seconds > 0
            ),
            func.sum(entry.seconds).filter(is_paid, entry.amount.is_(None)),
            func.sum(entry.amount).filter(~is_paid, entry.amount > 0, _stands()),
            func.sum(entry.seconds).filter(is_paid, is_first),
            func.sum(entry.seconds).filter(is_paid, is_last),
        )
        .join(RenderJob, RenderJob.id == entry.job_id)
        .outerjoin(task, task.id == entry.provider_task_id)
        .where(
            entry.kind.in_(SPENT_KINDS),
            entry.account_id.in_(account_ids),
            func.coalesce(entry.currency, currency) == currency,
            moment >= datetime.combine(first_day, time.min, BEIJING),
            moment < datetime.combine(last_day + timedelta(days=1), time.min, BEIJING),
        )
        .group_by(day, RenderJob.model)
    )
    none = Decimal(0)
    return {
        (when.date(), model): LedgerDay(
            seconds=seconds or none,
            amount=amount or none,
            prices=frozenset(price.normalize() for price in prices or ()),
            unpriced_seconds=unpriced or none,
            written_off=written_off or none,
            first_seconds=first or none,
            last_seconds=last or none,
        )
        for when, model, seconds, amount, prices, unpriced, written_off, first, last in session.execute(query)
    }


def _stands() -> ColumnElement[bool]:
    """Whether a write-off was not taken back: one that was has its bill in a settlement, and explains no other."""
    entry, other = LedgerEntry, aliased(LedgerEntry)
    taken_back = exists().where(
        other.kind == EntryKind.WRITE_OFF,
        other.amount < 0,
        other.id > entry.id,
        other.job_id == entry.job_id,
        other.account_id == entry.account_id,
        other.provider_task_id.is_not_distinct_from(entry.provider_task_id),
    )
    return ~taken_back
