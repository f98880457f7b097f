"""What the record says that an operator must act on: one line each, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.account import Account
from models.account_clock import AccountClock
from models.operations.scheduling.submit_gates import obstacles
from models.submit_lane import SubmitLane
from workers.archive.backlog import read_backlog
from workers.operator.odd_tasks import odd_tasks
from workers.operator.record.price_health import price_problems
from workers.operator.text_health import text_troubles
from workers.orphans.adoption import adopted_since
from workers.runtime.context import Context

CLOCK_TOLERANCE_SECONDS: Final = 5.0
_LONG_HOLD: Final = timedelta(minutes=10)
"""A refusal for the pace alone holds a model for less."""


@dataclass(frozen=True)
class CheckLine:
    """The result of one check."""

    subject: str
    is_healthy: bool
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "ok " if self.is_healthy else "BAD"
        remedy = f" -> {self.remedy}" if self.remedy and not self.is_healthy else ""
        return f"{mark} {self.subject}: {self.seen}{remedy}"


def record_checks(context: Context, session: Session) -> Iterator[CheckLine]:
    """What the record says that an operator must act on, wherever it is read; nothing of this process's environment.

    Args:
        context: The worker's or the command's.
        session: In a transaction.
    """
    now = context.clock.now(session)
    yield from _accounts(session, now)
    yield from _provider_clocks(session, now)
    yield from _gates(session, now)
    yield from _orphans(session, now)
    yield from _backlog(context, session)
    yield from _prices(session)
    yield from _odd_tasks(session)
    yield from _texts(session, now)


def _accounts(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "accounts" not in tables(session):
        return
    held = select(Account.name, SubmitLane.model, SubmitLane.throttled_until).join(
        SubmitLane, SubmitLane.account_id == Account.id
    )
    for name, model, until in session.execute(held.where(SubmitLane.throttled_until > now + _LONG_HOLD)):
        remedy = f"raise the quota, or python -m workers accounts resume {name} submits at once"
        yield CheckLine(
            f"{model} of account {name}", False, f"the provider wants it held until {until:%Y-%m-%d %H:%M} UTC", remedy
        )
    for account in session.scalars(select(Account).where(Account.paused_at.is_not(None))):
        remedy = f"fix it, then python -m workers accounts resume {account.name}"
        yield CheckLine(f"account {account.name}", False, f"paused: {account.paused_reason}", remedy)


def _provider_clocks(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "account_clocks" not in tables(session):
        return
    measured = select(Account.name, AccountClock).join(Account, Account.id == AccountClock.account_id)
    for name, clock in session.execute(measured.order_by(Account.name)):
        minutes = max((now - clock.measured_at).total_seconds(), 0) / 60
        where = "ahead of" if clock.offset_seconds > 0 else "behind"
        seen = (
            f"the provider's is {abs(clock.offset_seconds):.1f} s {where} the database's "
            f"(within {clock.uncertainty_seconds:.1f} s, measured {minutes:.0f} min ago)"
        )
        is_healthy = abs(clock.offset_seconds) - clock.uncertainty_seconds < CLOCK_TOLERANCE_SECONDS
        remedy = "synchronise the database host's clock (NTP); docs/deployment.md says what hangs on it"
        yield CheckLine(f"clock of {name}", is_healthy, seen, remedy)


def _gates(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "submit_gates" not in tables(session):
        return
    for one in obstacles(session, now):
        models = "takes no submits" if one.models is None else f"takes no submits of {', '.join(one.models)}"
        remedy = "python -m workers recover shows what is open and decides it; see docs/runbooks.md"
        yield CheckLine(f"gate of {one.account}", False, f"{models}: {one.reason}", remedy)


def _orphans(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "accounts" not in tables(session):
        return
    for account in session.scalars(select(Account).where(Account.orphans_seen_at.is_not(None))):
        left = account.orphan_task_ids or []
        adopted = adopted_since(session, account, now - timedelta(hours=24))
        seen = (
            f"{len(left)} tasks that belong to no job, as of {account.orphans_seen_at:%Y-%m-%d %H:%M} UTC; "
            f"{adopted} adopted within 24 hours"
        )
        remedy = "python -m workers adopt shows them; find out who else uses the key"
        yield CheckLine(f"orphans of {account.name}", not left, seen, remedy)


def _backlog(context: Context, session: Session) -> Iterator[CheckLine]:
    if "render_jobs" not in tables(session):
        return
    now, alarm = context.clock.now(session), timedelta(hours=context.settings.archive.expiry_alarm_hours)
    waiting = read_backlog(session)
    remedy = "results are gone for good 24 hours after their render; fix the archive, and see docs/archive.md"
    yield CheckLine("archive backlog", waiting.is_healthy(now, alarm), waiting.words(now), remedy)


def _prices(session: Session) -> Iterator[CheckLine]:
    if "model_lists" not in tables(session):
        return
    for said in price_problems(session):
        yield CheckLine("prices", False, said, "python -m workers prices list; docs/prices.md")


def _odd_tasks(session: Session) -> Iterator[CheckLine]:
    if "render_jobs" not in tables(session):
        return
    odd = odd_tasks(session)
    remedy = "ask the provider about them within a day of their submit, while it keeps what they rendered"
    seen = str(odd) if odd.count else "each task is described in words that are known"
    yield CheckLine("odd answers", not odd.count, seen, remedy)


def _texts(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "text_lanes" not in tables(session):
        return
    for trouble in text_troubles(session, now):
        yield CheckLine(trouble.subject, False, trouble.seen, trouble.remedy)


def tables(session: Session) -> set[str]:
    """Names of the tables that there are; a database that is not migrated lacks some."""
    return set(session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
