"""Taking turns on a submit lane: one POST under way, at a pace that the provider's refusals set.

One at a time, so that an answer that gets lost has few candidates in the provider's listing. The lane is
slowed, not the job that happened to be refused: the next one would be refused as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Update, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from models.slot import Slot
from models.submit_lane import SubmitLane
from reelqueue.states import RenderState

SLOWEST_PACE_FACTOR: Final = 1 / 16
LONG_WAIT_SECONDS: Final = 120.0
"""A refusal that names a longer wait is about the whole account: a plan or a quota that is used up."""
PACE_REGAINED: Final = 1 / 8
"""Part of the published rate that each accepted submit wins back."""


def begin_posting(
    session: Session, account_id: UUID, model: str, attempt_id: UUID, *, now: datetime, until: datetime
) -> bool:
    """Take the lane for one attempt's POST.

    Args:
        session: In the transaction that commits the attempt's intent.
        account_id: Whose lane.
        model: The lane's model.
        attempt_id: Who posts.
        now: The time.
        until: After this the poster is believed dead.

    Returns:
        False while another one posts, or while the provider wants less.
    """
    poster = {"posting_attempt_id": attempt_id, "posting_until": until}
    taken = (
        insert(SubmitLane)
        .values(account_id=account_id, model=model, **poster)
        .on_conflict_do_update(
            index_elements=["account_id", "model"],
            set_=poster,
            where=and_(
                or_(SubmitLane.posting_until.is_(None), SubmitLane.posting_until <= now),
                or_(SubmitLane.throttled_until.is_(None), SubmitLane.throttled_until <= now),
            ),
        )
    )
    return session.execute(taken.returning(SubmitLane.model)).first() is not None


def extend_posting(session: Session, attempt_id: UUID, *, until: datetime) -> bool:
    """The POST is about to leave; False if the lane has a new poster."""
    extended = session.execute(_mine(attempt_id).values(posting_until=until).returning(SubmitLane.model))
    return extended.first() is not None


def end_posting(session: Session, attempt_id: UUID) -> None:
    """The POST has its outcome: the lane is free."""
    session.execute(_mine(attempt_id).values(posting_attempt_id=None, posting_until=None))


def raise_rate(session: Session, attempt_id: UUID) -> None:
    """The provider took it: the lane wins back a part of its pace."""
    session.execute(
        _mine(attempt_id).values(
            throttle_count=0,
            throttled_until=None,
            pace_factor=func.least(1.0, SubmitLane.pace_factor + PACE_REGAINED),
        )
    )


def throttle(session: Session, attempt_id: UUID, until: datetime, *, slower: bool) -> None:
    """Send nothing until a time; *slower* afterwards, where the provider said that it was too fast."""
    pace_factor = func.greatest(SLOWEST_PACE_FACTOR, SubmitLane.pace_factor / 2) if slower else SubmitLane.pace_factor
    held = {"throttled_until": until, "throttle_count": SubmitLane.throttle_count + 1, "pace_factor": pace_factor}
    session.execute(_mine(attempt_id).values(held))


def hold_lanes(session: Session, account_id: UUID, until: datetime) -> None:
    """Submit nothing to an account until a time; a lane that another transaction holds gets its own refusal."""
    free = select(SubmitLane.model).where(SubmitLane.account_id == account_id).with_for_update(skip_locked=True)
    later = func.greatest(func.coalesce(SubmitLane.throttled_until, until), until)
    held = update(SubmitLane).where(
        SubmitLane.account_id == account_id, SubmitLane.model.in_(session.scalars(free).all())
    )
    session.execute(held.values(throttled_until=later).execution_options(synchronize_session=False))


def refusals_in_a_row(session: Session, attempt_id: UUID) -> int:
    """How often the lane that an attempt holds was held up since its last success."""
    counted = select(SubmitLane.throttle_count).where(SubmitLane.posting_attempt_id == attempt_id)
    return session.scalars(counted).one_or_none() or 0


def next_to_submit(session: Session, account_id: UUID, model: str, *, now: datetime) -> tuple[UUID, int] | None:
    """Job and epoch of the admitted job that has waited longest for its turn on the lane, if one is due."""
    waiting = (
        select(RenderJob.id, RenderJob.epoch)
        .join(Slot, Slot.job_id == RenderJob.id)
        .where(
            Slot.account_id == account_id,
            Slot.model == model,
            Slot.submit_at <= now,
            RenderJob.state == RenderState.ADMITTED,
        )
        .order_by(Slot.submit_at)
        .limit(1)
    )
    found = session.execute(waiting).first()
    return None if found is None else (found.id, found.epoch)


def _mine(attempt_id: UUID) -> Update:
    return (
        update(SubmitLane)
        .where(SubmitLane.posting_attempt_id == attempt_id)
        .execution_options(synchronize_session=False)
    )
