"""The other attempts that may have made a task which the listing shows at about the same time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Self
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.render_job import RenderJob
from reelqueue.states import AttemptState, RenderState

_IN_FLIGHT: Final = (AttemptState.INTENT, AttemptState.SENT)
UNDECIDED: Final = (AttemptState.AMBIGUOUS, AttemptState.RECONCILING)
"""Attempts that wait for the listing."""


@dataclass(frozen=True)
class Neighbours:
    """Other attempts of a model at the same account, or with the same prompt at another one, by id."""

    in_flight: frozenset[UUID]
    """Submits under way: they will bind what they made, in a moment."""
    rivals: frozenset[UUID]
    """Those that nobody knows the outcome of, or that were left to a person."""
    twins: frozenset[UUID]
    """Rivals that sent the same prompt with other options."""

    def has_newcomers(self, earlier: Self) -> bool:
        """Whether one is here that was not there *earlier*."""
        return not (self.in_flight | self.rivals) <= (earlier.in_flight | earlier.rivals)


class _Other(NamedTuple):
    attempt_id: UUID
    state: AttemptState
    spec_sha256: str
    prompt: str | None


def neighbours_of(session: Session, attempt_id: UUID, *, since: datetime, until: datetime) -> Neighbours:
    """The neighbours of an attempt.

    Args:
        session: To read with.
        attempt_id: The attempt.
        since: Start of the window that the listing is asked for.
        until: Its end; jobs under review count only if they were sent within.
    """
    mine = session.get_one(Attempt, attempt_id)
    job = session.get_one(RenderJob, mine.job_id)
    # Another account of ours may list the same tasks: its key may be of the same main account.
    is_near = or_(Attempt.account_id == mine.account_id, RenderJob.prompt == job.prompt)
    lane = (is_near, RenderJob.model == job.model, Attempt.id != attempt_id)
    others = (
        select(Attempt.id, Attempt.state, Attempt.spec_sha256, RenderJob.prompt)
        .join(RenderJob, RenderJob.id == Attempt.job_id)
        .where(*lane)
    )
    open_ones = _read(session, others.where(Attempt.state.in_(_IN_FLIGHT + UNDECIDED)))
    under_review = others.where(
        RenderJob.state == RenderState.NEEDS_REVIEW,
        Attempt.state == AttemptState.UNRESOLVED,
        Attempt.sent_at.between(since, until),
    )
    rivals = [one for one in open_ones if one.state in UNDECIDED] + _read(session, under_review)
    return Neighbours(
        in_flight=_ids(one for one in open_ones if one.state in _IN_FLIGHT),
        rivals=_ids(rivals),
        twins=_ids(one for one in rivals if one.prompt == job.prompt and one.spec_sha256 != mine.spec_sha256),
    )


def _read(session: Session, others: Select[UUID, AttemptState, str, str | None]) -> list[_Other]:
    return [_Other(*row) for row in session.execute(others)]


def _ids(others: Iterable[_Other]) -> frozenset[UUID]:
    return frozenset(one.attempt_id for one in others)
