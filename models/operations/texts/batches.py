"""Batches of text jobs: their rows, and their jobs' calls, many in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from models.base import among, new_id
from models.operations.texts.transitions import claim_texts
from models.text_attempt import TextAttempt
from models.text_batch import TextBatch
from models.text_job import TextJob
from reelqueue.qwen.cost import TextCost
from reelqueue.states import TextAttemptState, TextBatchState

NAME_PREFIX: Final = "reelqueue-"
"""Of every batch's name at the provider."""


@dataclass(frozen=True)
class BatchLine:
    """One job's line in a batch that is gathered."""

    job_id: UUID
    spec_sha256: str
    most: TextCost | None
    """What it may cost at most, at a batch's price; None: no price is known."""


def open_batch(
    session: Session,
    lines: Sequence[BatchLine],
    *,
    account_id: UUID,
    base_url: str,
    model: str,
    thinking: bool | None,
    now: datetime,
    due_at: datetime,
) -> TextBatch:
    """Make a batch of queued jobs, claim them, and reserve what each may cost.

    Args:
        session: In a transaction that has locked the jobs, and their campaigns after them.
        lines: Its jobs, which are queued, in their order.
        account_id: Where it goes.
        base_url: To which URL.
        model: Of all lines.
        thinking: Of all lines.
        now: The time.
        due_at: When its first step is due.
    """
    batch_id = new_id()
    batch = TextBatch(
        id=batch_id,
        account_id=account_id,
        base_url=base_url,
        model=model,
        thinking=thinking,
        name=f"{NAME_PREFIX}{batch_id}",
        state=TextBatchState.GATHERED,
        line_count=len(lines),
        created_at=now,
        next_step_at=due_at,
    )
    session.add(batch)
    session.flush()
    epochs = claim_texts(session, [line.job_id for line in lines], account_id=account_id, now=now)
    numbers = _numbers(session, epochs)
    session.execute(
        insert(TextAttempt),
        [_attempt(batch, line, epochs[line.job_id], numbers.get(line.job_id, 0) + 1, now) for line in lines],
    )
    return batch


def _numbers(session: Session, job_ids: Collection[UUID]) -> Mapping[UUID, int]:
    counted = select(TextAttempt.job_id, func.count()).where(among(TextAttempt.job_id, job_ids))
    return dict(session.execute(counted.group_by(TextAttempt.job_id)).all())


def _attempt(batch: TextBatch, line: BatchLine, epoch: int, number: int, now: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "job_id": line.job_id,
        "number": number,
        "account_id": batch.account_id,
        "batch_id": batch.id,
        "base_url": batch.base_url,
        "state": TextAttemptState.INTENT,
        "epoch": epoch,
        "spec_sha256": line.spec_sha256,
        "created_at": now,
        "send_by": now,  # its batch's steps decide when it is sent
        "reserved_amount": line.most.amount if line.most else None,
        "currency": line.most.currency if line.most else None,
        "priced_on": line.most.priced_on if line.most else None,
    }


def mark_lines_sent(session: Session, batch_id: UUID, *, now: datetime) -> int:
    """Record that the lines of a batch are about to be sent; gives how many."""
    mine = update(TextAttempt).where(TextAttempt.batch_id == batch_id, TextAttempt.state == TextAttemptState.INTENT)
    sent = mine.values(state=TextAttemptState.SENT, sent_at=now).execution_options(synchronize_session=False)
    return int(session.execute(sent).rowcount)  # type: ignore[attr-defined] # an UPDATE's result has it


def lock_jobs(session: Session, job_ids: Collection[UUID]) -> dict[UUID, TextJob]:
    """Jobs, locked in the order of their ids."""
    mine = select(TextJob).where(among(TextJob.id, job_ids)).order_by(TextJob.id).with_for_update(key_share=True)
    return {job.id: job for job in session.scalars(mine.execution_options(populate_existing=True))}
