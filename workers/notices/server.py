"""What happened to the server, for its operators, read from rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.notice import Notice, OperatorEvent
from models.operations.money.caps import describe_cap, is_exhausted
from models.spending_cap import SpendingCap
from workers.archive.backlog import read_backlog
from workers.notices.occurrence import Occurrence


def server_occurrences(session: Session, alarm: timedelta, now: datetime) -> Iterator[Occurrence]:
    """What is so with accounts, archive and caps now, as far as it may not have been reported.

    Args:
        session: In a transaction.
        alarm: How long before a result is gone the archive counts as in trouble.
        now: The time.
    """
    for account in session.scalars(select(Account).order_by(Account.name)).all():
        yield from _account(session, account, now)
    waiting = read_backlog(session)
    if not waiting.is_healthy(now, alarm):
        yield Occurrence(OperatorEvent.ARCHIVE_IN_TROUBLE, "archive", "", now, facts={"reason": waiting.words(now)})
    for cap in session.scalars(select(SpendingCap)).all():
        yield from _cap(session, cap, now)


def _account(session: Session, account: Account, now: datetime) -> Iterator[Occurrence]:
    if account.paused_at is not None:
        facts = {"account": account.name, "reason": account.paused_reason}
        since = account.paused_at.isoformat()
        yield Occurrence(OperatorEvent.ACCOUNT_PAUSED, str(account.id), since, account.paused_at, facts=facts)
    if account.orphan_task_ids:
        reported = select(Notice.facts["task_ids"]).where(
            Notice.kind == OperatorEvent.ORPHANS_FOUND, Notice.subject == str(account.id)
        )
        known = {task_id for task_ids in session.scalars(reported) for task_id in task_ids}
        if new := sorted(set(account.orphan_task_ids) - known):
            marker = hashlib.sha256(" ".join(new).encode()).hexdigest()
            listed = {"account": account.name, "task_ids": new}
            at = account.orphans_seen_at or now
            yield Occurrence(OperatorEvent.ORPHANS_FOUND, str(account.id), marker, at, facts=listed)


def _cap(session: Session, cap: SpendingCap, now: datetime) -> Iterator[Occurrence]:
    """The threshold that dispatch has noted in the cap; 100 % also where a job waits for what is left."""
    day, percent = cap.reported_day, cap.reported_percent
    if is_exhausted(cap, now):
        day, percent = cap.period.first_day(now.astimezone(UTC).date()), 100
    if day is None or not percent:
        return
    facts = {"cap": describe_cap(session, cap), "percent": percent, "day": day.isoformat()}
    marker = f"{day.isoformat()} {cap.amount.normalize():f} {percent}"
    yield Occurrence(OperatorEvent.CAP_REACHED, str(cap.id), marker, now, facts=facts)
