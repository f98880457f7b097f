"""Taking turns on text lanes: requests and tokens per minute of an account and model, and what refusals change.

The provider counts both over all keys and hosts; so does this table. It refuses bursts, too, so calls are spaced
evenly. The lane is slowed, not the job that happened to be refused: the next one would be refused as well.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.text_lane import TextLane

SLOWEST_PACE_FACTOR: Final = 1 / 16
PACE_REGAINED: Final = 1 / 32
"""Part of the published rate that each answer wins back."""


def lock_text_lanes(session: Session, model: str, account_ids: Collection[UUID]) -> list[TextLane]:
    """The lanes of a model at some accounts, locked in the order of their ids; made where there are none."""
    if not account_ids:
        return []
    known = select(TextLane).where(TextLane.model == model, TextLane.account_id.in_(account_ids))
    missing = set(account_ids) - set(session.scalars(known.with_only_columns(TextLane.account_id)))
    for account_id in sorted(missing):
        made = insert(TextLane).values(account_id=account_id, model=model, pace_factor=1.0, refusal_count=0)
        session.execute(made.on_conflict_do_nothing())
    locked = known.order_by(TextLane.account_id).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(locked))


def lock_text_lane(session: Session, account_id: UUID, model: str) -> TextLane:
    """One lane, locked."""
    return lock_text_lanes(session, model, [account_id])[0]


def free_from(lane: TextLane, now: datetime) -> datetime:
    """When the next call may be sent on a lane."""
    return max(now, lane.free_at or now, lane.held_until or now)


def take_turn(lane: TextLane, seconds: float, *, now: datetime) -> datetime:
    """Take the next turn on a locked lane, which then is taken for so many seconds at its full pace.

    Returns:
        When the call may be sent, now or later.
    """
    turn_at = free_from(lane, now)
    lane.free_at = turn_at + timedelta(seconds=seconds / lane.pace_factor)
    return turn_at


def add_tokens(lane: TextLane, seconds: float, *, now: datetime) -> None:
    """An answer took more tokens than its turn had counted."""
    lane.free_at = max(now, lane.free_at or now) + timedelta(seconds=seconds / lane.pace_factor)


def regain_pace(lane: TextLane) -> None:
    """The provider answered: the lane wins back a part of its pace."""
    lane.refusal_count, lane.held_until, lane.held_reason = 0, None, None
    lane.pace_factor = min(1.0, lane.pace_factor + PACE_REGAINED)


def hold_lane(
    lane: TextLane, until: datetime, reason: str, *, now: datetime, at_least_until: datetime, slower_by: float = 1
) -> None:
    """Send nothing until a time, and less afterwards; calls that were under way when it was held count as one.

    Args:
        lane: Locked.
        until: By how often it was refused in a row.
        reason: The refusal, for operators.
        now: The time.
        at_least_until: What this refusal asks for by itself.
        slower_by: What its pace is divided by.
    """
    if lane.held_until is not None and lane.held_until > now:
        lane.held_until = max(lane.held_until, at_least_until)
        return
    lane.held_until, lane.held_reason = max(until, lane.held_until or until), reason
    lane.refusal_count += 1
    lane.pace_factor = max(SLOWEST_PACE_FACTOR, lane.pace_factor / slower_by)


def plan_wake(lane: TextLane, *, now: datetime, overdue: timedelta) -> datetime | None:
    """When a hint must come so that a lane goes on; None: one is under way.

    Args:
        lane: Locked.
        now: The time.
        overdue: A hint that should have come so long ago is believed lost.
    """
    free_at = free_from(lane, now)
    if lane.wake_at is not None and now - overdue < lane.wake_at <= free_at + overdue:
        return None
    lane.wake_at = free_at
    return free_at
