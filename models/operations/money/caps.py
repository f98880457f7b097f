"""Caps above campaigns: what they leave, and which of them a job would exceed.

Dispatchers and callers of a language model take turns at the caps' rows, so what is counted here stays true until
their commit: nothing else reserves, and a reservation that becomes a payment meanwhile is counted once or, at worst,
twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Self
from uuid import UUID

import structlog
from sqlalchemy import Select, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.daily_spending import DailySpending
from models.slot import Slot
from models.spending_cap import CapPeriod, SpendingCap
from models.tenant import Tenant
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.schemas.statement import money_text
from reelqueue.states import OPEN_TEXT_ATTEMPT

log = structlog.get_logger(__name__)

THRESHOLDS: Final = (50, 80, 100)
"""Percent of a cap that are reported, once each in a period."""

_ALL: Final = select(SpendingCap).order_by(SpendingCap.id)

_Scope = tuple[UUID, UUID, str]
"""Tenant, account and currency."""


@dataclass(frozen=True)
class Wanted:
    """Money that a job asks for."""

    tenant_id: UUID
    account_id: UUID
    currency: str | None
    """Of the price, or of the account's region where no price is known; None: that is not known either."""
    amount: Decimal | None
    """The most that it may cost; None: no price is known."""


@dataclass
class Caps:
    """The caps with what is spent and reserved, for one transaction."""

    caps: Sequence[SpendingCap]
    now: datetime
    _used: dict[tuple[CapPeriod, _Scope], Decimal] = field(default_factory=dict)

    @classmethod
    def open(cls, session: Session, now: datetime) -> Self:
        """Lock the caps and read what is used of them.

        Args:
            session: In a transaction that has locked accounts and campaigns; other locks come after.
            now: The time.
        """
        return cls._of(session, _ALL.with_for_update(), now)

    @classmethod
    def look(cls, session: Session, now: datetime) -> Self:
        """Read the caps and what is used of them, to be shown: no transaction waits for it.

        Args:
            session: In a transaction.
            now: The time.
        """
        return cls._of(session, _ALL, now)

    @classmethod
    def _of(cls, session: Session, which: Select[SpendingCap], now: datetime) -> Self:
        found = cls(session.scalars(which.execution_options(populate_existing=True)).all(), now)
        if found.caps:
            for period, scope, amount in _used(session, now):
                found._add(period, scope, amount)
        return found

    def copy(self) -> Caps:
        """As they are now, to go on from in another way."""
        return replace(self, _used=dict(self._used))

    def without_room(self, wanted: Wanted) -> SpendingCap | None:
        """The first cap that has no room for a job; None where the job may be admitted."""
        for cap in self._covering(wanted):
            if wanted.amount is None or self.used(cap) + wanted.amount > cap.amount:
                return cap
        return None

    def short(self, wanted: Wanted) -> SpendingCap | None:
        """As `without_room`; the cap notes that a job waits for it."""
        cap = self.without_room(wanted)
        if cap is not None:
            self.note_short(cap, wanted)
        return cap

    def note_short(self, cap: SpendingCap, wanted: Wanted) -> None:
        """Let a cap note that a job waits for it."""
        if not is_exhausted(cap, self.now):
            cap.exhausted_at = self.now
            log.warning("cap.exhausted", cap=str(cap.id), period=cap.period.value, amount=str(cap.amount),
                        currency=cap.currency, used=str(self.used(cap)), next=str(wanted.amount))  # fmt: skip

    def reserve(self, wanted: Wanted) -> None:
        """Count what a job that is admitted has reserved, and report the thresholds that it has reached."""
        self.count(wanted)
        self.note_reserved(wanted)

    def count(self, wanted: Wanted) -> None:
        """Count what a job has reserved."""
        if wanted.amount is None or wanted.currency is None:
            return
        scope = wanted.tenant_id, wanted.account_id, wanted.currency
        for period in CapPeriod:
            self._add(period, scope, wanted.amount)

    def note_reserved(self, wanted: Wanted) -> None:
        """Let the caps above an admitted job note that they had room, and report the thresholds that it has reached."""
        if wanted.amount is None:
            return
        for cap in self._covering(wanted):
            cap.exhausted_at = None
            self._report(cap)

    def used(self, cap: SpendingCap) -> Decimal:
        """What is spent and reserved of a cap."""
        return sum(
            (amount for (period, scope), amount in self._used.items() if period is cap.period and covers(cap, *scope)),
            Decimal(0),
        )

    def _covering(self, wanted: Wanted) -> Iterator[SpendingCap]:
        if wanted.currency is not None:
            yield from (cap for cap in self.caps if covers(cap, wanted.tenant_id, wanted.account_id, wanted.currency))

    def _add(self, period: CapPeriod, scope: _Scope, amount: Decimal) -> None:
        self._used[period, scope] = self._used.get((period, scope), Decimal(0)) + amount

    def _report(self, cap: SpendingCap) -> None:
        period_day = cap.period.first_day(self.now.astimezone(UTC).date())
        reported = cap.reported_percent if cap.reported_day == period_day else 0
        used = self.used(cap)
        reached = max((one for one in THRESHOLDS if used * 100 >= cap.amount * one), default=0)
        if reached > reported:
            cap.reported_percent, cap.reported_day = reached, period_day
            log.warning("cap.reached", cap=str(cap.id), percent=reached, period=cap.period.value, used=str(used),
                        amount=str(cap.amount), currency=cap.currency)  # fmt: skip


def is_exhausted(cap: SpendingCap, now: datetime) -> bool:
    """Whether a job waits for a cap in the period that is now."""
    if cap.exhausted_at is None:
        return False
    days = (moment.astimezone(UTC).date() for moment in (cap.exhausted_at, now))
    since, today = (cap.period.first_day(day) for day in days)
    return since == today


def describe_cap(session: Session, cap: SpendingCap) -> str:
    """A cap for people, such as ``100.00 USD a day for tenant acme``."""
    tenant = None if cap.tenant_id is None else session.get_one(Tenant, cap.tenant_id).name
    account = None if cap.account_id is None else session.get_one(Account, cap.account_id).name
    scope = " ".join([*([f"for tenant {tenant}"] if tenant else []), *([f"at account {account}"] if account else [])])
    return f"{money_text(cap.amount)} {cap.currency} a {cap.period.value} {scope or 'in all'}"


def covers(cap: SpendingCap, tenant_id: UUID, account_id: UUID, currency: str | None) -> bool:
    """Whether a cap is about a tenant's money at an account; one whose currency is not known is covered by none."""
    return cap.currency == currency and cap.tenant_id in {None, tenant_id} and cap.account_id in {None, account_id}


def _used(session: Session, now: datetime) -> Iterator[tuple[CapPeriod, _Scope, Decimal]]:
    """Spent and reserved by period, tenant, account and currency; by one statement, so at one moment."""
    today = now.astimezone(UTC).date()
    spent = [
        select(
            literal(period.value).label("period"),
            DailySpending.tenant_id.label("tenant_id"),
            DailySpending.account_id.label("account_id"),
            DailySpending.currency.label("currency"),
            func.sum(DailySpending.amount).label("amount"),
        )
        .where(DailySpending.day >= period.first_day(today))
        .group_by(DailySpending.tenant_id, DailySpending.account_id, DailySpending.currency)
        for period in CapPeriod
    ]
    # What is reserved may be paid in any period to come, so it counts in each.
    held = (
        select(null(), Campaign.tenant_id, Slot.account_id, Slot.currency, func.sum(Slot.reserved_amount))
        .join(Campaign, Campaign.id == Slot.campaign_id)
        .where(Slot.reserved_amount.is_not(None))
        .group_by(Campaign.tenant_id, Slot.account_id, Slot.currency)
    )
    call = TextAttempt
    asking = (
        select(null(), TextJob.tenant_id, call.account_id, call.currency, func.sum(call.reserved_amount))
        .join(TextJob, TextJob.id == call.job_id)
        .where(call.state.in_(OPEN_TEXT_ATTEMPT), call.reserved_amount.is_not(None))
        .group_by(TextJob.tenant_id, call.account_id, call.currency)
    )
    for row in session.execute(union_all(*spent, held, asking)).mappings():
        scope = row["tenant_id"], row["account_id"], row["currency"]
        for period in CapPeriod if row["period"] is None else [CapPeriod(row["period"])]:
            yield period, scope, row["amount"]
