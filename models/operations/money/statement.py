"""Statements: the ledger added up by day, campaign, model or account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from models.account import Account
from models.campaign import Campaign
from models.ledger_entry import SPENT_KINDS, EntryKind, LedgerEntry
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from models.tenant import Tenant
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.schemas.grouping import Grouping
from reelqueue.schemas.statement import (
    Statement,
    StatementLine,
    StatementSums,
    TextStatementLine,
    TextStatementSums,
)
from reelqueue.states import OPEN_TEXT_ATTEMPT, TaskStatus

Moment = InstrumentedAttribute[datetime]
Jobs = type[RenderJob] | type[TextJob]
Columns = TypeVarTuple("Columns")


@dataclass(frozen=True)
class Scope:
    """Which payments a statement is about."""

    tenant_id: UUID | None = None
    """Whose; None: everybody's."""
    first_day: date | None = None
    """Of UTC, included; None: from the beginning."""
    last_day: date | None = None
    """Of UTC, included; None: up to now."""

    def covers(self, moment: Moment, jobs: Jobs = RenderJob) -> ColumnElement[bool]:
        """Whether a row of a job, of a table of jobs, is within."""
        conditions: list[ColumnElement[bool]] = []
        if self.tenant_id is not None:
            conditions.append(jobs.tenant_id == self.tenant_id)
        if self.first_day is not None:
            conditions.append(moment >= datetime.combine(self.first_day, time.min, UTC))
        if self.last_day is not None:
            conditions.append(moment <= datetime.combine(self.last_day, time.max, UTC))
        return and_(True, *conditions)


class _Adding:
    """Sums that rows of queries are added to, by their columns' names."""

    def add(self, row: RowMapping) -> None:
        for name, value in row.items():
            if name in vars(self) and value is not None:
                setattr(self, name, getattr(self, name) + value)


@dataclass
class _TextSums(_Adding):
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    amount: Decimal = field(default_factory=Decimal)
    written_off: Decimal = field(default_factory=Decimal)
    reserved: Decimal = field(default_factory=Decimal)


@dataclass
class _Sums(_Adding):
    clips: int = 0
    seconds: Decimal = field(default_factory=Decimal)
    amount: Decimal = field(default_factory=Decimal)
    estimate: Decimal = field(default_factory=Decimal)
    written_off: Decimal = field(default_factory=Decimal)
    reserved: Decimal = field(default_factory=Decimal)


def make_statement(session: Session, by: Grouping, scope: Scope) -> Statement:
    """Add up what was paid.

    Args:
        session: To read with, in one transaction.
        by: What the lines are about.
        scope: Which payments.
    """
    by_group: dict[tuple[str, str | None], _Sums] = {}
    by_currency: dict[str | None, _Sums] = {}
    for row in [*_payments(session, by, scope), *_reservations(session, by, scope)]:
        by_group.setdefault((row["group"], row["currency"]), _Sums()).add(row)
        by_currency.setdefault(row["currency"], _Sums()).add(row)
    texts, text_totals = _texts(session, by, scope)
    return Statement(
        by=by,
        first_day=scope.first_day,
        last_day=scope.last_day,
        lines=[
            StatementLine(group=group, currency=currency, **vars(by_group[group, currency]))
            for group, currency in sorted(by_group, key=lambda key: (key[0], key[1] or ""))
        ],
        totals=[
            StatementSums(currency=currency, **vars(by_currency[currency]))
            for currency in sorted(by_currency, key=lambda currency: currency or "")
        ],
        texts=texts,
        text_totals=text_totals,
        unaccounted_seconds=_unaccounted_seconds(session, scope),
    )


def _payments(session: Session, by: Grouping, scope: Scope) -> Sequence[RowMapping]:
    entry, is_paid = LedgerEntry, LedgerEntry.kind == EntryKind.SETTLE
    reservation = aliased(LedgerEntry)
    # A job that was submitted more than once has more than one: the last before the payment was for it.
    estimate = (
        select(reservation.amount)
        .where(reservation.job_id == entry.job_id, reservation.kind == EntryKind.RESERVE, reservation.id < entry.id)
        .order_by(reservation.id.desc())
        .limit(1)
        .lateral()
    )
    group = _group(by, entry.at, scope)
    query = (
        select(
            group.label("group"),
            entry.currency,
            func.count().filter(is_paid).label("clips"),
            func.sum(entry.seconds).filter(is_paid).label("seconds"),
            func.sum(entry.amount).filter(is_paid).label("amount"),
            func.sum(estimate.c.amount).filter(is_paid).label("estimate"),
            func.sum(entry.amount).filter(~is_paid).label("written_off"),
        )
        .join(RenderJob, RenderJob.id == entry.job_id)
        .outerjoin(estimate, is_paid)
        .where(entry.kind.in_(SPENT_KINDS), scope.covers(entry.at))
        .group_by(group, entry.currency)
    )
    return session.execute(_named(query, entry.account_id)).mappings().all()


def _reservations(session: Session, by: Grouping, scope: Scope) -> Sequence[RowMapping]:
    group = _group(by, Slot.leased_at, scope)
    query = (
        select(group.label("group"), Slot.currency, func.sum(Slot.reserved_amount).label("reserved"))
        .join(RenderJob, RenderJob.id == Slot.job_id)
        .where(scope.covers(Slot.leased_at))
        .group_by(group, Slot.currency)
    )
    return session.execute(_named(query, Slot.account_id)).mappings().all()


def _texts(session: Session, by: Grouping, scope: Scope) -> tuple[list[TextStatementLine], list[TextStatementSums]]:
    by_group: dict[tuple[str, str | None], _TextSums] = {}
    by_currency: dict[str | None, _TextSums] = {}
    for row in [*_text_payments(session, by, scope), *_text_reservations(session, by, scope)]:
        by_group.setdefault((row["group"], row["currency"]), _TextSums()).add(row)
        by_currency.setdefault(row["currency"], _TextSums()).add(row)
    lines = [
        TextStatementLine(group=group, currency=currency, **vars(by_group[group, currency]))
        for group, currency in sorted(by_group, key=lambda key: (key[0], key[1] or ""))
    ]
    totals = [
        TextStatementSums(currency=currency, **vars(by_currency[currency]))
        for currency in sorted(by_currency, key=lambda currency: currency or "")
    ]
    return lines, totals


def _text_payments(session: Session, by: Grouping, scope: Scope) -> Sequence[RowMapping]:
    entry, is_paid = LedgerEntry, LedgerEntry.kind == EntryKind.SETTLE
    # A call whose answer came late has a write-off that was taken back, and is counted by its settlement.
    first = aliased(LedgerEntry)
    is_first = ~select(first.id).where(first.text_attempt_id == entry.text_attempt_id, first.id < entry.id).exists()
    group = _group(by, entry.at, scope, TextJob)
    query = (
        select(
            group.label("group"),
            entry.currency,
            func.count().filter(is_first).label("calls"),
            func.sum(TextAttempt.usage["prompt_tokens"].as_integer()).filter(is_first).label("input_tokens"),
            func.sum(TextAttempt.usage["completion_tokens"].as_integer()).filter(is_first).label("output_tokens"),
            func.sum(entry.amount).filter(is_paid).label("amount"),
            func.sum(entry.amount).filter(~is_paid).label("written_off"),
        )
        .join(TextAttempt, TextAttempt.id == entry.text_attempt_id)
        .join(TextJob, TextJob.id == TextAttempt.job_id)
        .where(entry.kind.in_(SPENT_KINDS), scope.covers(entry.at, TextJob))
        .group_by(group, entry.currency)
    )
    return session.execute(_named(query, entry.account_id, TextJob)).mappings().all()


def _text_reservations(session: Session, by: Grouping, scope: Scope) -> Sequence[RowMapping]:
    call = TextAttempt
    group = _group(by, call.created_at, scope, TextJob)
    query = (
        select(group.label("group"), call.currency, func.sum(call.reserved_amount).label("reserved"))
        .join(TextJob, TextJob.id == call.job_id)
        .where(call.state.in_(OPEN_TEXT_ATTEMPT), scope.covers(call.created_at, TextJob))
        .group_by(group, call.currency)
    )
    return session.execute(_named(query, call.account_id, TextJob)).mappings().all()


def _named(
    query: Select[*Columns], account_id: InstrumentedAttribute[UUID], jobs: Jobs = RenderJob
) -> Select[*Columns]:
    """With the tables that groups get their names from."""
    return (
        query.join(Campaign, Campaign.id == jobs.campaign_id)
        .join(Tenant, Tenant.id == jobs.tenant_id)
        .join(Account, Account.id == account_id)
    )


def _group(by: Grouping, moment: Moment, scope: Scope, jobs: Jobs = RenderJob) -> ColumnElement[str]:
    # Written out, because a parameter that stands twice counts as two, and SELECT must match GROUP BY.
    match by:
        case Grouping.DAY:
            return func.to_char(func.timezone(literal_column("'UTC'"), moment), literal_column("'YYYY-MM-DD'"))
        case Grouping.CAMPAIGN if scope.tenant_id is None:
            return Tenant.name + literal_column("'/'") + Campaign.name  # two tenants' may have one name
        case Grouping.CAMPAIGN:
            return Campaign.name.expression
        case Grouping.MODEL:
            return jobs.model.expression
        case Grouping.ACCOUNT:
            return Account.name.expression


def _unaccounted_seconds(session: Session, scope: Scope) -> Decimal:
    """What the provider says it billed, and the ledger does not, task by task, so that nothing cancels out."""
    settled = and_(LedgerEntry.provider_task_id == ProviderTask.id, LedgerEntry.kind == EntryKind.SETTLE)
    apart = func.abs(func.coalesce(ProviderTask.billed_seconds, 0) - func.coalesce(LedgerEntry.seconds, 0))
    query = (
        select(func.sum(apart))
        .select_from(ProviderTask)
        .join(RenderJob, RenderJob.id == ProviderTask.job_id)
        .outerjoin(LedgerEntry, settled)
        .where(ProviderTask.status == TaskStatus.SUCCEEDED, scope.covers(ProviderTask.submitted_at))
    )
    return session.scalars(query).one() or Decimal(0)
