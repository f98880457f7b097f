"""Attempts whose task is unknown yet: a listed task that one of them may have made is no orphan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.render_job import RenderJob
from reelqueue.states import OPEN_ATTEMPT, AttemptState, RenderState
from workers.reconciliation.task_list import Located
from workers.runtime.provider_clock import clock_range
from workers.settings import ReconcileSettings


@dataclass(frozen=True)
class UnresolvedAttempt:
    """An undecided attempt, and when its task can have been made by the provider's clock."""

    base_url: str
    model: str
    since: datetime
    until: datetime
    is_under_review: bool
    """Whether an operator decides about it."""

    def covers(self, one: Located) -> bool:
        """Whether a listed task may be the attempt's."""
        task = one.task
        is_there = self.base_url == one.base_url and task.model in {None, self.model}
        return is_there and (task.created_at is None or self.since <= task.created_at <= self.until)


def unresolved_attempts(session: Session, rules: ReconcileSettings) -> list[UnresolvedAttempt]:
    """Every undecided attempt, those under review included, whose task an operator names."""
    under_review = (RenderJob.state == RenderState.NEEDS_REVIEW) & (Attempt.state == AttemptState.UNRESOLVED)
    rows = session.execute(
        select(Attempt, RenderJob.model)
        .join(RenderJob, RenderJob.id == Attempt.job_id)
        .where(Attempt.state.in_(OPEN_ATTEMPT) | under_review)
    )
    return [
        UnresolvedAttempt(
            attempt.base_url,
            model,
            *attempt_window(session, attempt, model, rules),
            is_under_review=attempt.state is AttemptState.UNRESOLVED,
        )
        for attempt, model in rows
    ]


def attempt_window(
    session: Session, attempt: Attempt, model: str, rules: ReconcileSettings
) -> tuple[datetime, datetime]:
    """When an attempt's task can have been made, by the provider's clock."""
    offset = attempt.clock_offset_seconds
    clocks = clock_range(session, attempt.account_id, rules, model=model, sent_with=[offset])
    return clocks.window(attempt.sent_at or attempt.created_at, attempt.answer_by or attempt.send_by)


def may_own(one: Located, doubts: Iterable[UnresolvedAttempt]) -> bool:
    """Whether any undecided attempt may have made a listed task."""
    return any(doubt.covers(one) for doubt in doubts)
