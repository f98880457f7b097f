"""The other attempts and forgotten submits that may have made a task which the listing shows at about the same time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Self
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.operations.scheduling.submit_gates import read_openings
from models.render_job import RenderJob
from reelqueue.states import AttemptState, RenderState

_IN_FLIGHT: Final = (AttemptState.INTENT, AttemptState.SENT)
UNDECIDED: Final = (AttemptState.AMBIGUOUS, AttemptState.RECONCILING)
"""Attempts that wait for the listing."""
MAKERS: Final = (
    RenderState.QUEUED,
    RenderState.ADMITTED,
    # They may return to the queue: their POST is proven not to have arrived, the provider fails them, or an operator
    # submits them again. The task may also be of the very POST that is in doubt.
    RenderState.SUBMITTING,
    RenderState.RENDERING,
    RenderState.NEEDS_REVIEW,
)
"""Jobs that may have made a task that the database has forgotten: those that could be submitted again."""


@dataclass(frozen=True)
class Neighbours:
    """Other attempts of a model at the same account, or with the same prompt at another one, by id.

    In a database that may have gone back in time, jobs that wait are among them: it has forgotten their attempts.
    """

    in_flight: frozenset[UUID]
    """Submits under way: they will bind what they made, in a moment."""
    rivals: frozenset[UUID]
    """Those that nobody knows the outcome of, or that were left to a person."""
    twins: frozenset[UUID]
    """Rivals with the same prompt and other options."""

    def has_newcomers(self, earlier: Self) -> bool:
        """Whether one is here that was not there *earlier*."""
        return not (self.in_flight | self.rivals) <= (earlier.in_flight | earlier.rivals)


class _Other(NamedTuple):
    attempt_id: UUID
    state: AttemptState
    spec_sha256: str
    prompt: str | None


def neighbours_of(session: Session, attempt_id: UUID, *, since: datetime, until: datetime, now: datetime) -> Neighbours:
    """The neighbours of an attempt.

    Args:
        session: To read with.
        attempt_id: The attempt.
        since: Start of the window that the listing is asked for.
        until: Its end; jobs under review count only if they were sent within.
        now: By the database's clock.
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
    twins = _ids(one for one in rivals if one.prompt == job.prompt and one.spec_sha256 != mine.spec_sha256)
    forgotten, forgotten_twins = _forgotten(session, job, now)
    return Neighbours(
        in_flight=_ids(one for one in open_ones if one.state in _IN_FLIGHT),
        rivals=_ids(rivals) | forgotten | forgotten_twins,
        twins=twins | forgotten_twins,
    )


def _forgotten(session: Session, job: RenderJob, now: datetime) -> tuple[frozenset[UUID], frozenset[UUID]]:
    """A job that may have made a task before the database forgot it, and one that asks for other options; or none.

    One of each is enough to leave the task alone.
    """
    if read_openings(session, now).is_compared(job.model):
        return frozenset(), frozenset()
    others = (
        select(RenderJob.id)
        .where(RenderJob.model == job.model, RenderJob.state.in_(MAKERS), RenderJob.id != job.id)
        .order_by(RenderJob.id)
        .limit(1)
    )
    request = func.coalesce(RenderJob.content_sha256, RenderJob.request_sha256)
    twins = others.where(
        RenderJob.prompt == job.prompt,
        or_(RenderJob.campaign_id != job.campaign_id, request != (job.content_sha256 or job.request_sha256)),
    )
    return frozenset(session.scalars(others)), frozenset(session.scalars(twins))


def _read(session: Session, others: Select[UUID, AttemptState, str, str | None]) -> list[_Other]:
    return [_Other(*row) for row in session.execute(others)]


def _ids(others: Iterable[_Other]) -> frozenset[UUID]:
    return frozenset(one.attempt_id for one in others)
