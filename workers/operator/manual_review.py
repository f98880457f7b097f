"""Manual review: settles jobs in ``needs_review``, whose task neither an answer nor the listing could prove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.found_task import FoundTask
from models.operations.money.ledger import post_charges, write_off_of
from models.operations.scheduling.poll_wakeups import NextPoll
from models.render_job import RenderJob
from reelqueue.errors import ReelqueueError
from reelqueue.states import AttemptState, FailureClass, RenderState, TaskStatus
from workers.archive.backlog import TASK_LIFE
from workers.dashscope import Acceptance
from workers.polling.apply_answers import Effects
from workers.polling.known_answer import apply_known
from workers.quarantine.release import is_quarantined
from workers.reconciliation.found_tasks import answer_of, fitting_tasks
from workers.reconciliation.task_matching import ENDED
from workers.runtime.context import Context
from workers.settings import Settings
from workers.submission.claim_outcomes import Reason, end, requeue
from workers.submission.task_binding import OpenAttempt, bind_task

_PROMPT_CHARACTERS: Final = 60


class NotUnderReviewError(ReelqueueError):
    """A job is not in ``needs_review``, so there is nothing to settle."""

    def __init__(self, job_id: UUID, state: RenderState | None) -> None:
        super().__init__(job_id, state)
        self.job_id = job_id
        self.state = state

    def __str__(self) -> str:
        seen = f"is {self.state}" if self.state else "does not exist"
        return f"render job {self.job_id} {seen}, not needs_review; see python -m workers review list"


class QuarantinedError(ReelqueueError):
    """A job is in quarantine: its task at the provider is known, and there is nothing to settle."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"render job {self.job_id} is in quarantine; python -m workers review retry, or write-off"


@dataclass(frozen=True)
class ReviewItem:
    """A job under review."""

    job_id: UUID
    model: str
    account: str
    attempt: int
    sent_at: datetime | None
    """When the POST may have left: where to look in the provider's task list."""
    gone_at: datetime | None
    """When its task, if there is one, is gone with its result."""
    prompt: str | None
    """The beginning of what it sent, which its task echoes."""
    why: str | None
    proposed_task_id: str | None = None
    """A noted task that fits, in the order of their times; None: none does, or each is proposed for another job."""
    proposed_status: str | None = None
    proposed_made_at: datetime | None = None
    """When the provider made it, by its own clock."""
    proposed_file: str | None = None
    """Where its video is kept."""
    fitting_count: int = 0
    """Noted tasks that the job may have made."""


def questions(session: Session, context: Context) -> list[ReviewItem]:
    """Every job under review, the oldest first, and the task that each may have made."""
    rows = session.execute(
        select(RenderJob, Attempt, Account)
        .join(Attempt, Attempt.job_id == RenderJob.id)
        .join(Account, Account.id == Attempt.account_id)
        .where(
            RenderJob.state == RenderState.NEEDS_REVIEW,
            Attempt.epoch == RenderJob.epoch,
            RenderJob.failure_class.is_distinct_from(FailureClass.POISON),
        )
        .order_by(Attempt.sent_at, Attempt.id)
    )
    taken, found = set[str](), list[ReviewItem]()
    for job, attempt, account in rows:
        fitting = fitting_tasks(session, attempt, job, context.settings.reconcile)
        proposed = next((one for one in fitting if one.provider_task_id not in taken), None)
        taken |= {proposed.provider_task_id} if proposed else set()
        found.append(_question(context, job, attempt, account, proposed, len(fitting)))
    return found


def acceptable(found: Iterable[ReviewItem]) -> list[tuple[UUID, str]]:
    """The proposed pairs of job and task whose task has ended; before that its prompt is unknown."""
    return [
        (one.job_id, one.proposed_task_id) for one in found if one.proposed_task_id and one.proposed_status in ENDED
    ]


def _question(
    context: Context, job: RenderJob, attempt: Attempt, account: Account, proposed: FoundTask | None, count: int
) -> ReviewItem:
    return ReviewItem(
        job_id=job.id,
        model=job.model,
        account=account.name,
        attempt=attempt.number,
        sent_at=attempt.sent_at,
        gone_at=attempt.sent_at and attempt.sent_at + TASK_LIFE,
        prompt=job.prompt and job.prompt[:_PROMPT_CHARACTERS],
        why=job.failure_message,
        proposed_task_id=proposed.provider_task_id if proposed else None,
        proposed_status=proposed.status if proposed else None,
        proposed_made_at=proposed.made_at if proposed else None,
        proposed_file=f"{context.archive.place}/{proposed.path}" if proposed and proposed.path else None,
        fitting_count=count,
    )


def adopt(session: Session, job_id: UUID, provider_task_id: str, *, now: datetime) -> NextPoll | None:
    """Adopt a task that the provider does have for a job under review.

    Raises:
        NotUnderReviewError: The job is not under review.
        TaskTakenError: The task belongs to another job.
    """
    accepted = Acceptance(provider_task_id, TaskStatus.PENDING, None)
    return bind_task(session, _under_review(session, job_id), accepted, now=now, state=AttemptState.ADOPTED)


def apply_found(session: Session, job_id: UUID, provider_task_id: str, settings: Settings, *, now: datetime) -> Effects:
    """Write what an adopted task said while it was under review, as the provider may have forgotten it by now.

    Args:
        session: In the transaction that adopted it.
        job_id: The job.
        provider_task_id: The task.
        settings: What decisions depend on.
        now: The time.

    Returns:
        What to hint at after the commit; nothing, if the task had not ended: then it is followed.
    """
    job = session.get_one(RenderJob, job_id)
    attempt = _open_attempt(session, job)
    noted = select(FoundTask).where(
        FoundTask.account_id == attempt.account.id, FoundTask.provider_task_id == provider_task_id
    )
    row = session.scalars(noted).one_or_none()
    if row is None or row.status not in ENDED:
        return Effects()
    return apply_known(session, attempt, answer_of(row), settings, now=now)


def resubmit(session: Session, job_id: UUID, *, now: datetime) -> None:
    """Submit a job under review again, and pay for that: the provider has no task of it.

    Raises:
        NotUnderReviewError: The job is not under review.
    """
    attempt = _under_review(session, job_id)
    _close(session, attempt, AttemptState.NOT_CREATED, now)
    requeue(session, job_id, epoch=attempt.epoch, now=now)


def write_off(session: Session, job_id: UUID, *, now: datetime) -> None:
    """End a job under review as failed without another render, and count what it may cost as spent.

    Raises:
        NotUnderReviewError: The job is not under review.
    """
    job = _locked(session, job_id)
    if not is_quarantined(job):
        _close(session, _open_attempt(session, job), AttemptState.UNRESOLVED, now)
    message = "written off by an operator; the provider may have rendered and billed it"
    slot = end(session, job_id, Reason(FailureClass.UNKNOWN, None, message), epoch=job.epoch, now=now)
    if slot is not None:
        post_charges(session, [write_off_of(slot)], now=now)


def _under_review(session: Session, job_id: UUID) -> OpenAttempt:
    job = _locked(session, job_id)
    if is_quarantined(job):
        raise QuarantinedError(job_id)
    return _open_attempt(session, job)


def _locked(session: Session, job_id: UUID) -> RenderJob:
    job = session.get(RenderJob, job_id, with_for_update=True)
    if job is None or job.state is not RenderState.NEEDS_REVIEW:
        raise NotUnderReviewError(job_id, job.state if job else None)
    return job


def _open_attempt(session: Session, job: RenderJob) -> OpenAttempt:
    attempt = session.scalars(select(Attempt).where(Attempt.job_id == job.id, Attempt.epoch == job.epoch)).one()
    account = session.get_one(Account, attempt.account_id)
    return OpenAttempt(attempt.id, attempt.number, job.id, job.epoch, account, attempt.base_url)


def _close(session: Session, attempt: OpenAttempt, state: AttemptState, now: datetime) -> None:
    mine = update(Attempt).where(Attempt.id == attempt.attempt_id)
    session.execute(mine.values(state=state, closed_at=now, reconcile_at=None))
