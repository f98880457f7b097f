"""Where a task of ours can be in the provider's time: the clocks of both are compared, and windows are shifted by it.

A list is asked for a window of the provider's clock, and what we know is a moment of the database's. Two things say
how far they are apart: the ``Date`` header of each answer, and the times that the provider has put on tasks whose
submit we know to the second. A window covers what both say, and an allowance on both sides.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.account_clock import AccountClock
from models.attempt import Attempt
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.errors import ConfigurationError
from reelqueue.states import AttemptState
from workers.dashscope import MOST_OFFSET, ClockComparison, ClockReading, ProviderError
from workers.dashscope.limits import LONGEST_WINDOW
from workers.runtime.context import Context
from workers.settings import ReconcileSettings

MOST_UNCERTAIN_SECONDS: Final = 5.0
"""A reading that may be off by more is not kept: the next answer is quicker."""
UNKNOWN_ALLOWANCE: Final = timedelta(hours=1)
"""On both sides of a window as long as the provider has put a time on no task of ours."""
_NEWEST_TASKS: Final = 500
_ONE_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class ClockRange:
    """How far the provider's clock may be ahead of the database's, by all that is known; negative is behind."""

    low: timedelta
    high: timedelta
    allowance: timedelta

    def window(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """When, by the provider's clock, something can have happened that happened from *since* to *until* by ours."""
        return since + self.low - self.allowance, until + self.high + self.allowance

    @property
    def width(self) -> timedelta:
        """By how much a window grows on each side at most, seen from either clock."""
        return self.high - self.low + self.allowance


def clock_range(
    session: Session,
    account_id: UUID,
    rules: ReconcileSettings,
    *,
    model: str | None = None,
    sent_with: Iterable[float | None] = (),
) -> ClockRange:
    """What is known of an account's clock.

    Args:
        session: To read with.
        account_id: Whose.
        rules: How far the clocks may drift apart unseen.
        model: Its tasks' times count; None: those of all models.
        sent_with: Offsets that were known when attempts were sent, which the window must cover as well.
    """
    reading = session.get(AccountClock, account_id, populate_existing=True)
    stamps = _stamps(session, account_id, model)
    measured = None if reading is None else reading.offset_seconds
    seconds = [one for one in (measured, *sent_with, *stamps) if one is not None and _is_possible(one)]
    skew = timedelta(seconds=rules.clock_skew_seconds)
    # A window for one model is for an attempt in doubt: there the times of its own tasks count, not the header.
    is_sure = bool(stamps) if model is not None else bool(seconds)
    low, high = min(seconds, default=0.0), max(seconds, default=0.0)
    return ClockRange(
        timedelta(seconds=low), timedelta(seconds=high), skew if is_sure else max(skew, UNKNOWN_ALLOWANCE)
    )


def _stamps(session: Session, account_id: UUID, model: str | None) -> list[float]:
    """Offsets by the times on the newest tasks: each was made after its POST left, and before its answer was read."""
    newest = select(ProviderTask).order_by(ProviderTask.id.desc()).limit(_NEWEST_TASKS).subquery()
    of_model = () if model is None else (RenderJob.model == model,)
    rows = session.execute(
        select(newest.c.made_at, Attempt.sent_at, newest.c.submitted_at)
        .join(Attempt, Attempt.id == newest.c.attempt_id)
        .join(RenderJob, RenderJob.id == newest.c.job_id)
        .where(
            newest.c.account_id == account_id,
            newest.c.made_at.is_not(None),
            Attempt.state == AttemptState.BOUND,
            Attempt.sent_at.is_not(None),
            *of_model,
        )
    )
    offsets = [made_at - ours for made_at, *moments in rows for ours in moments]
    return [offset.total_seconds() for offset in offsets if _is_possible(offset.total_seconds())]


def _is_possible(offset_seconds: float) -> bool:
    return abs(offset_seconds) <= MOST_OFFSET.total_seconds()


def stored_time(created_at: datetime | None, now: datetime) -> datetime:
    """When a listed task was made, as it may be stored among times of ours: in the last day, as the list is.

    Args:
        created_at: By the provider's clock, which may be wrong; None: it does not say, and now is stored.
        now: The database's time.
    """
    return now if created_at is None else min(max(created_at, now - LONGEST_WINDOW), now)


def keep_reading(context: Context, account_id: UUID, clock: ClockComparison | None) -> ClockReading | None:
    """Store the offset of an account's clock that a client's answers gave, if it is exact enough.

    Returns:
        The reading, however uncertain it is.
    """
    reading = None if clock is None else clock.reading
    if reading is not None and reading.uncertainty_seconds <= MOST_UNCERTAIN_SECONDS:
        with context.sessions.begin() as session:
            values = {
                "offset_seconds": reading.offset_seconds,
                "uncertainty_seconds": reading.uncertainty_seconds,
                "measured_at": context.clock.now(session),
            }
            kept = insert(AccountClock).values(account_id=account_id, **values)
            session.execute(kept.on_conflict_do_update(index_elements=["account_id"], set_=values))
    return reading


def knows_clock(context: Context, session: Session, account_id: UUID, *, now: datetime) -> bool:
    """Whether this process knows an account's clock, and no other process has seen since that it was set."""
    known = context.clocks.of(account_id, now=now, seconds=context.host.seconds())
    seen = session.get(AccountClock, account_id)
    if known is None or known.offset_seconds is None or seen is None:
        return known is not None
    return abs(seen.offset_seconds - known.offset_seconds) <= 2 * MOST_UNCERTAIN_SECONDS


def compare_clocks(context: Context, account: Account) -> None:
    """Ask the provider for anything, to know its clock before something is sent that may have to be looked for."""
    with context.sessions() as session:
        now = context.clock.now(session)
        since = context.host.seconds()

    async def ask() -> ClockComparison | None:
        async with context.provider(account) as provider:
            with contextlib.suppress(ProviderError):  # a refusal tells the time as well
                await provider.list_tasks(model=None, since=now - _ONE_SECOND, until=now)
            return provider.clock

    try:
        reading = keep_reading(context, account.id, context.host.run(ask()))
    except ConfigurationError:
        return  # the claim says so
    is_good = reading is not None and reading.uncertainty_seconds <= MOST_UNCERTAIN_SECONDS
    context.clocks.keep(account.id, reading.offset_seconds if reading and is_good else None, now=now, seconds=since)
