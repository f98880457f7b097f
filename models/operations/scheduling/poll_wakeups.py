"""The poll chain of an account: waking it, taking it, leaving it.

Who changes when a poll is due writes the job's row first and then touches the lane. The lane's row
lock then puts that writer before or after the end of a running batch, so no wake-up is ever missed:
before it, the batch sees the job when it looks for its next wake-up; after it, the writer sees that
wake-up and moves it forward.

So a lane comes last in a transaction: one that has locked a lane locks no job and no campaign any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.poll_lane import PollLane
from models.render_job import RenderJob

# A wake-up that comes this much early or late is as good: it saves a message per submit.
TOLERANCE = timedelta(milliseconds=20)


@dataclass(frozen=True)
class Wake:
    """The one valid poll message of an account, to be sent after the commit."""

    account_id: UUID
    seq: int
    at: datetime
    """When it is due."""
    account: str = field(compare=False)
    """The account's name, for people."""


@dataclass(frozen=True)
class NextPoll:
    """When a poll is due by what a transaction has written; it wakes the lane when it has written everything else."""

    account_id: UUID
    at: datetime
    is_lost: bool = False
    """Replace the message under way also if it stands earlier: it is believed lost."""


def ensure_lane(session: Session, account_id: UUID) -> None:
    """Make the account's lane if there is none."""
    session.execute(insert(PollLane).values(account_id=account_id, seq=0).on_conflict_do_nothing())


def wake_lane(session: Session, account_id: UUID, at: datetime, *, anyway: bool = False) -> Wake | None:
    """Move the account's next wake-up forward to *at*, if it stands later.

    Args:
        session: In a transaction that has written what is due; the caller commits, then sends.
        account_id: Whose lane.
        at: When the first poll is due.
        anyway: Replace the message also if it stands earlier: it is believed lost.

    Returns:
        The message to send, or None if the one under way comes early enough.
    """
    moved = session.execute(
        update(PollLane)
        .where(PollLane.account_id == account_id, *([] if anyway else [_comes_later(at)]))
        .values(seq=PollLane.seq + 1, wake_at=at)
        .returning(PollLane.seq, _name_of(account_id))
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if moved is None else Wake(account_id, moved[0], at, moved[1])


def wake_for(session: Session, due: NextPoll | None) -> Wake | None:
    """Wake the lane of a poll, and make it if there is none; the last that a transaction does.

    Args:
        session: In a transaction that has written what is due; the caller commits, then sends.
        due: The poll; None: there is nothing to wake for.

    Returns:
        The message to send, or None if the one under way comes early enough.
    """
    if due is None:
        return None
    made = insert(PollLane).values(account_id=due.account_id, seq=1, wake_at=due.at)
    woken = made.on_conflict_do_update(
        index_elements=["account_id"],
        set_={"seq": PollLane.seq + 1, "wake_at": due.at},
        where=None if due.is_lost else _comes_later(due.at),
    )
    moved = session.execute(woken.returning(PollLane.seq, _name_of(due.account_id))).one_or_none()
    return None if moved is None else Wake(due.account_id, moved[0], due.at, moved[1])


def _name_of(account_id: UUID) -> ScalarSelect[str]:
    """The account's name; by its id, as an INSERT returns nothing that is correlated with its row."""
    return select(Account.name).where(Account.id == account_id).scalar_subquery()


def _comes_later(at: datetime) -> ColumnElement[bool]:
    return or_(PollLane.wake_at.is_(None), PollLane.wake_at > at + TOLERANCE)


def wake_late_lanes(session: Session, *, now: datetime) -> list[Wake]:
    """Move wake-ups forward that come after the first poll that is due: a cancel asks sooner than the interval.

    Returns:
        The messages to send after the commit.
    """
    due_at = (
        select(func.min(RenderJob.next_poll_at))
        .where(RenderJob.account_id == PollLane.account_id)
        .correlate(PollLane)
        .scalar_subquery()
    )
    late = (
        select(PollLane.account_id, due_at)
        .where(or_(PollLane.lease_until.is_(None), PollLane.lease_until <= now), PollLane.wake_at > due_at + TOLERANCE)
        .order_by(PollLane.account_id)
    )
    found = session.execute(late).all()
    wakes = (wake_lane(session, account_id, due) for account_id, due in found if due is not None)
    return [wake for wake in wakes if wake is not None]


def lease_left(session: Session, account_id: UUID, seq: int, *, now: datetime) -> datetime | None:
    """When the lease ran out of a batch that never left the lane, because its worker died; asked by the valid message.

    It locks nothing: who acts on it takes the lane in the same transaction, or takes back what it did.
    """
    mine = select(PollLane.lease_until).where(
        PollLane.account_id == account_id, PollLane.seq == seq, PollLane.lease_until <= now
    )
    return session.scalars(mine).one_or_none()


def take_lane(session: Session, account_id: UUID, seq: int, *, now: datetime, lease: timedelta) -> datetime | None:
    """Begin a batch, if *seq* is the valid message and no worker is polling.

    Returns:
        The end of the lease, which :func:`leave_lane` wants as its token, or None for a doubled,
        late or replaced message, and while another batch runs.
    """
    return session.scalars(
        update(PollLane)
        .where(
            PollLane.account_id == account_id,
            PollLane.seq == seq,
            or_(PollLane.lease_until.is_(None), PollLane.lease_until <= now),
        )
        .values(lease_until=now + lease, wake_at=None)
        .returning(PollLane.lease_until)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def holds_lane(session: Session, account_id: UUID, lease_until: datetime) -> bool:
    """Whether a batch still has the lane that it took; answers of one that was believed dead are stale."""
    mine = select(PollLane.seq).where(PollLane.account_id == account_id, PollLane.lease_until == lease_until)
    return session.scalars(mine).one_or_none() is not None


def leave_lane(session: Session, account_id: UUID, lease_until: datetime, *, not_before: datetime) -> Wake | None:
    """End a batch and choose the next wake-up from what is due then.

    Args:
        session: In a transaction that has written the batch's answers; the caller commits, then sends.
        account_id: Whose lane.
        lease_until: What :func:`take_lane` returned.
        not_before: The account's pace: no query earlier than this.

    Returns:
        The message to send, or None if nothing is left to poll or the lease has a new owner.
    """
    mine = (PollLane.account_id == account_id, PollLane.lease_until == lease_until)
    if session.scalars(select(PollLane.seq).where(*mine).with_for_update()).one_or_none() is None:
        return None
    # After the lock, in a statement of its own: it sees what the writers before it have committed.
    due = select(func.min(RenderJob.next_poll_at)).where(RenderJob.account_id == account_id).scalar_subquery()
    seq, wake_at, account = session.execute(
        update(PollLane)
        .where(*mine)
        .values(
            seq=PollLane.seq + 1,
            wake_at=case((due.is_not(None), func.greatest(due, not_before))),
            lease_until=None,
        )
        .returning(PollLane.seq, PollLane.wake_at, _name_of(account_id))
        .execution_options(synchronize_session=False)
    ).one()
    return None if wake_at is None else Wake(account_id, seq, wake_at, account)
