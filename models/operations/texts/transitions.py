"""The only ways in which a text job changes its state.

A move is an ``UPDATE`` guarded by the state, and by the epoch where a claim is at stake; where it is a terminal one,
what webhooks are to tell of it is written with it. A job that has been moved meanwhile is not moved.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.base import among
from models.operations.webhooks.events import announce_texts
from models.text_job import TextJob
from reelqueue.states import TEXT_MOVES, TEXT_TERMINAL, TextState


def move_text(
    session: Session,
    job_id: UUID,
    from_states: Collection[TextState],
    to_state: TextState,
    *,
    now: datetime,
    epoch: int | None = None,
    **values: Any,
) -> TextState | None:
    """Move a text job, if it is still where the caller saw it.

    Args:
        session: In a transaction; the caller commits.
        job_id: The job.
        from_states: States it may be in; each must allow the move.
        to_state: Where it goes.
        now: Time of the move.
        epoch: The caller's claim; another epoch means that the job has a new owner.
        **values: Other columns of the job that change with it.

    Returns:
        The state it left, or None if it did not move: another writer was first.

    Raises:
        ValueError: `reelqueue.states.TEXT_MOVES` forbids the move: a bug.
    """
    forbidden = [state for state in from_states if to_state not in TEXT_MOVES[state]]
    if forbidden:
        raise ValueError(f"a text job never moves from {', '.join(forbidden)} to {to_state}")
    conditions = [TextJob.id == job_id, TextJob.state.in_(from_states)]
    if epoch is not None:
        conditions.append(TextJob.epoch == epoch)
    # As weak as the UPDATE: a lock that also shuts out the foreign keys of another's insert would deadlock with it.
    left = session.scalars(select(TextJob.state).where(*conditions).with_for_update(key_share=True)).one_or_none()
    if left is None:
        return None
    if to_state in TEXT_TERMINAL:
        values["finished_at"] = now
    session.execute(
        update(TextJob)
        .where(TextJob.id == job_id)
        .values(state=to_state, **values)
        .execution_options(synchronize_session=False)
    )
    if to_state in TEXT_TERMINAL:
        announce_texts(session, [job_id], to_state, now=now)
    return left


def claim_texts(session: Session, job_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> dict[UUID, int]:
    """Move many queued text jobs to ``running``, for a batch.

    Args:
        session: In a transaction that has locked them; the caller commits.
        job_ids: The jobs.
        account_id: Where they are sent.
        now: Time of the move.

    Returns:
        The epoch of each as it is now.

    Raises:
        ValueError: One is not queued: a bug.
    """
    claimed = session.execute(
        update(TextJob)
        .where(among(TextJob.id, job_ids), TextJob.state == TextState.QUEUED)
        .values(
            state=TextState.RUNNING,
            epoch=TextJob.epoch + 1,
            account_id=account_id,
            started_at=now,
            not_before_at=None,
            failure_class=None,
            failure_code=None,
            failure_message=None,
        )
        .returning(TextJob.id, TextJob.epoch)
        .execution_options(synchronize_session=False)
    ).all()
    if len(claimed) < len(job_ids):
        raise ValueError(f"{len(job_ids) - len(claimed)} text jobs of a batch are not queued")
    return dict(claimed)
