"""Deciding about rendered clips; the same decision again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from models.clip_decision import ClipDecision
from models.job_event import JobEvent
from reelqueue.schemas.campaigns import Decision

_KINDS: Final = {Decision.APPROVE: "approved", Decision.REJECT: "rejected"}
"""What is told of a decision in a job's history."""


def decide(session: Session, job_ids: Sequence[UUID], decision: Decision, *, by: str | None, now: datetime) -> int:
    """Store a decision about clips.

    Args:
        session: In a transaction; the caller commits.
        job_ids: Of clips that have succeeded.
        decision: It takes the place of an earlier one.
        by: The name of the key that it is made with; None: without one.
        now: The time.

    Returns:
        For how many it is another than before; of the others neither who nor when is changed.
    """
    rows = [{"job_id": job_id, "decision": decision, "key_name": by, "decided_at": now} for job_id in sorted(job_ids)]
    stored = upsert(ClipDecision)
    fresh = {name: stored.excluded[name] for name in ("decision", "key_name", "decided_at")}
    changed = session.scalars(
        stored.on_conflict_do_update(
            index_elements=["job_id"], set_=fresh, where=ClipDecision.decision != stored.excluded.decision
        ).returning(ClipDecision.job_id),
        rows,
    ).all()
    _tell(session, changed, decision, by=by, now=now)
    return len(changed)


def take_back(session: Session, job_ids: Sequence[UUID], *, by: str | None, now: datetime) -> int:
    """Forget what was decided about clips.

    Returns:
        About how many anything was.
    """
    gone = session.scalars(
        delete(ClipDecision).where(ClipDecision.job_id.in_(job_ids)).returning(ClipDecision.job_id)
    ).all()
    _tell(session, gone, None, by=by, now=now)
    return len(gone)


def _tell(
    session: Session, job_ids: Sequence[UUID], decision: Decision | None, *, by: str | None, now: datetime
) -> None:
    if job_ids:
        kind = "undecided" if decision is None else _KINDS[decision]
        event = {"at": now, "kind": kind, "detail": {"by": by or "a user of the server's machine"}}
        session.execute(insert(JobEvent), [{"job_id": job_id, **event} for job_id in job_ids])
