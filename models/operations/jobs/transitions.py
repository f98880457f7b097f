"""The one way in which a render job changes its state.

A move is an ``UPDATE`` guarded by the state (and the epoch, where a claim is at stake) and an event
row, in one transaction; where it is a terminal one, with what webhooks are to tell of it. A job
that has been moved meanwhile is not moved. With the move the slot is released where the new state holds none, and a job
that is back in the queue is cancelled if that was asked for meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from models.job_event import JobEvent
from models.operations.jobs.dependents import mark_ready, predecessor_failed
from models.operations.jobs.pending_cancel import pending_cancel
from models.operations.money.slot_reservations import release_slot
from models.operations.webhooks.events import announce
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.states import MOVES, SLOTLESS, TERMINAL, UNSENT, RenderState


@dataclass(frozen=True)
class Moved:
    """What a move left behind."""

    from_state: RenderState
    """The state that the job was in."""
    slot: Slot | None
    """The slot that was released with the move; None: it held none, or holds it still."""


def move(
    session: Session,
    job_id: UUID,
    from_states: Collection[RenderState],
    to_state: RenderState,
    *,
    now: datetime,
    epoch: int | None = None,
    epoch_to: int | None = None,
    detail: dict[str, Any] | None = None,
    frees_slot: bool = False,
    **values: Any,
) -> Moved | None:
    """Move a job if it is still in a state where the caller saw it; release its slot, and apply a pending cancel.

    Args:
        session: In a transaction; the caller commits.
        job_id: The job.
        from_states: States it may be in; each must allow the move.
        to_state: Where it goes.
        now: Time of the move.
        epoch: The caller's claim; another epoch means that the job has a new owner.
        epoch_to: The new epoch, where the move begins a claim.
        detail: Small facts for the event; no prompt, URL or key.
        frees_slot: Whether the job has no task at the provider that may still run. Only for moves to states that may
            hold a slot or not: ``timed_out``, ``cancelled``, ``needs_review``.
        **values: Other columns of the job that change with it.

    Returns:
        What it left, or None if it did not move: another writer was first.

    Raises:
        ValueError: :data:`reelqueue.states.MOVES` forbids the move: a bug.
    """
    forbidden = [state for state in from_states if to_state not in MOVES[state]]
    if forbidden:
        raise ValueError(f"a render job never moves from {', '.join(forbidden)} to {to_state}")
    left = _move(session, job_id, from_states, to_state, now, epoch, detail, values, epoch_to)
    if left is None:
        return None
    is_free = frees_slot or to_state in SLOTLESS or (left in UNSENT and to_state in TERMINAL)
    slot = release_slot(session, job_id, now=now) if is_free else None
    if to_state in TERMINAL:
        release_dependents(session, job_id, to_state, now=now)
    if to_state is RenderState.QUEUED and (cancel := pending_cancel(session, job_id)) is not None:
        move(session, job_id, [RenderState.QUEUED], RenderState.CANCELLED, now=now, **cancel)
    return Moved(left, slot)


def move_many(
    session: Session,
    job_ids: Collection[UUID],
    from_state: RenderState,
    to_state: RenderState,
    *,
    now: datetime,
    **values: Any,
) -> int:
    """Move jobs that share a fate in a few statements; what waits for one of them is told nothing.

    Args:
        session: In a transaction that has locked the jobs; the caller commits.
        job_ids: Any number.
        from_state: Where they are; those that are not stay as they are.
        to_state: Where they go: a terminal state.
        now: Time of the move.
        **values: Other columns that change with it.

    Returns:
        How many moved.
    """
    if to_state not in MOVES[from_state] & TERMINAL:
        raise ValueError(f"render jobs never move from {from_state} to {to_state}, or it is no end")
    moved = session.scalars(
        update(RenderJob)
        .where(RenderJob.id.in_(job_ids), RenderJob.state == from_state)
        .values(state=to_state, finished_at=now, **values)
        .returning(RenderJob.id)
        .execution_options(synchronize_session=False)
    ).all()
    if moved:
        event = {"at": now, "kind": "state", "from_state": from_state, "to_state": to_state, "detail": {}}
        session.execute(insert(JobEvent), [{"job_id": job_id, **event} for job_id in moved])
        announce(session, moved, to_state, now=now)
    return len(moved)


def release_dependents(session: Session, job_id: UUID, state: RenderState, *, now: datetime) -> None:
    """Let the jobs that waited for one begin, or end with it; a long chain ends as a whole.

    Args:
        session: In the transaction of the terminal move.
        job_id: The job that has ended.
        state: How.
        now: Time of the move.
    """
    ended = [(job_id, state)]
    while ended:
        one, outcome = ended.pop()
        for follower in mark_ready(session, one, outcome):
            why = predecessor_failed(session, one, outcome) | {"is_awaiting": False}
            if _move(session, follower, [RenderState.QUEUED], RenderState.CANCELLED, now, None, None, why):
                ended.append((follower, RenderState.CANCELLED))


def _move(
    session: Session,
    job_id: UUID,
    from_states: Collection[RenderState],
    to_state: RenderState,
    now: datetime,
    epoch: int | None,
    detail: dict[str, Any] | None,
    values: dict[str, Any],
    epoch_to: int | None = None,
) -> RenderState | None:
    conditions = [RenderJob.id == job_id, RenderJob.state.in_(from_states)]
    if epoch is not None:
        conditions.append(RenderJob.epoch == epoch)
    left: RenderState | None = next(iter(from_states))
    if len(from_states) > 1:
        # As weak as the UPDATE: a lock that also shuts out the foreign keys of another's insert would deadlock with it.
        locked = select(RenderJob.state).where(*conditions).with_for_update(key_share=True)
        left = session.scalars(locked).one_or_none()
        if left is None:
            return None
    if to_state in TERMINAL:
        values["finished_at"] = now
    if epoch_to is not None:
        values["epoch"] = epoch_to
    moved = session.execute(
        update(RenderJob)
        .where(*conditions)
        .values(state=to_state, **values)
        .returning(RenderJob.id)
        .execution_options(synchronize_session=False)
    )
    if moved.first() is None:
        return None
    record(session, job_id, "state", now=now, from_state=left, to_state=to_state, detail=detail)
    if to_state in TERMINAL:
        announce(session, [job_id], to_state, now=now)
    return left


def record(
    session: Session,
    job_id: UUID,
    kind: str,
    *,
    now: datetime,
    from_state: RenderState | None = None,
    to_state: RenderState | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append to a job's history."""
    session.execute(
        insert(JobEvent).values(
            job_id=job_id, at=now, kind=kind, from_state=from_state, to_state=to_state, detail=detail or {}
        )
    )
