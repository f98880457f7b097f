"""Reports what happened: a row for each occurrence that has none, and a delivery for each receiver of it.

Level-triggered: it looks at rows alone, so it does not matter how often it runs, or what died before. Rows and
deliveries are one transaction, which locks no job, campaign or account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.notice import LASTING, Notice
from models.operations.webhooks.events import announce_notices
from workers.failpoints import Failpoint, failpoint
from workers.notices.campaigns import campaign_facts, campaign_occurrences
from workers.notices.channels import due_channels, queue_notifications
from workers.notices.occurrence import Occurrence
from workers.notices.server import server_occurrences
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_LOCK: Final = 0x6E6F7469636573
"""Advisory, of this task alone: one that looked earlier must not end what a later one has found."""


@dataclass(frozen=True)
class Reported:
    """What one look found; its text is what Flower shows."""

    new: int
    over: int
    """Lasting conditions that are over."""

    def __str__(self) -> str:
        return f"new={self.new} over={self.over}" if self.new or self.over else "nothing new"


def report_notices(context: Context) -> Reported:
    """Report what has happened since the last look."""
    with context.sessions.begin() as session:
        if not session.scalars(select(func.pg_try_advisory_xact_lock(_LOCK))).one():
            return Reported(0, 0)
        now = context.clock.now(session)
        alarm = timedelta(hours=context.settings.archive.expiry_alarm_hours)
        found = [*campaign_occurrences(session, now), *server_occurrences(session, alarm, now)]
        over = _end_what_is_over(session, found, now)
        new = _record(session, found)
        endpoints = announce_notices(session, new, now=now)
        queue_notifications(session, new, now=now)
        is_due = session.scalars(due_channels(now).limit(1)).first() is not None
        if new:
            failpoint(Failpoint.REPORTING)
    if new:
        failpoint(Failpoint.REPORTED)
    for endpoint_id in endpoints:
        context.hints.notify(endpoint_id)
    if is_due:  # also what failed before and is to be tried again
        context.hints.notify_people()
    return Reported(len(new), over)


def _end_what_is_over(session: Session, found: Sequence[Occurrence], now: datetime) -> int:
    lasting = [one.key for one in found if one.kind in LASTING]
    over = update(Notice).where(
        Notice.kind.in_(LASTING),
        Notice.ended_at.is_(None),
        tuple_(Notice.kind, Notice.subject, Notice.marker).not_in(lasting),
    )
    done = session.execute(over.values(ended_at=now).execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined] # an UPDATE's result has it


def _record(session: Session, found: Sequence[Occurrence]) -> list[UUID]:
    """Insert the notices that there are none of yet."""
    there = select(Notice.kind, Notice.subject, Notice.marker).where(
        Notice.ended_at.is_(None),
        tuple_(Notice.kind, Notice.subject, Notice.marker).in_([one.key for one in found]),
    )
    known = {tuple(key) for key in session.execute(there)} if found else set()
    return [_insert(session, one) for one in found if one.key not in known]


def _insert(session: Session, one: Occurrence) -> UUID:
    facts = one.facts | (campaign_facts(session, one.campaign) if one.campaign else {})
    notice_id = new_id()
    row = insert(Notice).values(
        id=notice_id,
        kind=str(one.kind),
        subject=one.subject,
        marker=one.marker,
        campaign_id=one.campaign.id if one.campaign else None,
        facts=facts,
        occurred_at=one.occurred_at,
    )
    session.execute(row)
    log.info("notice.new", kind=str(one.kind), subject=one.subject, notice_id=str(notice_id))
    return notice_id
