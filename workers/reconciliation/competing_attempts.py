"""The other attempts and forgotten submits that may have made a task which the listing shows at about the same time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.operations.scheduling.submit_gates import read_openings
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.catalog import Mode
from reelqueue.states import AttemptState, RenderState
from workers.dashscope.echoes import Echoes
from workers.reconciliation.result_fit import Asked
from workers.reconciliation.task_matching import Contender, UnclaimedTask

_IN_FLIGHT: Final = (AttemptState.INTENT, AttemptState.SENT)
_EXCHANGED_WITHIN: Final = timedelta(hours=10)
"""More than lies between two attempts that are in doubt at one time; a list tells of 24 hours."""
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
class CompetingAttempts:
    """An attempt among the others of its model.

    In a database that may have gone back in time, jobs that wait are among them: it has forgotten their attempts.
    """

    mine: Contender
    in_flight: frozenset[UUID]
    """Submits under way at the same account, or with the same prompt: they will bind what they made, in a moment."""
    rivals: tuple[Contender, ...]
    """Those that may have made a task which is listed as unknown: their outcome is unknown, or they were left to a
    person, written off, or are being sent by another account whose key may be of the same main account."""

    def has_newcomers(self, earlier: Self) -> bool:
        """Whether one is here that was not there *earlier*."""
        return not self._ids() <= earlier._ids()

    def _ids(self) -> frozenset[UUID]:
        return self.in_flight | {one.attempt_id for one in self.rivals}


def find_competing(
    session: Session, attempt_id: UUID, *, since: datetime, until: datetime, now: datetime
) -> CompetingAttempts:
    """Find the attempts that may have made a task in an attempt's window.

    Args:
        session: To read with.
        attempt_id: The attempt.
        since: Start of the window that the listing is asked for.
        until: Its end; attempts that are not asked about any more count only if they were sent within.
        now: By the database's clock.
    """
    read = select(Attempt, RenderJob).join(RenderJob, RenderJob.id == Attempt.job_id)
    mine, job = session.execute(read.where(Attempt.id == attempt_id)).one()
    sent_within = func.coalesce(Attempt.sent_at, Attempt.created_at).between(since, until)
    is_near = or_(Attempt.account_id == mine.account_id, RenderJob.prompt.is_not_distinct_from(job.prompt))
    # Another account of ours may list the same tasks: its key may be of the same main account.
    others = read.where(
        RenderJob.model == job.model,
        Attempt.id != attempt_id,
        or_(
            Attempt.state.in_(UNDECIDED),
            and_(Attempt.state == AttemptState.UNRESOLVED, sent_within),
            and_(Attempt.state.in_(_IN_FLIGHT), or_(is_near, sent_within)),
        ),
    )
    in_flight, rivals = set[UUID](), list[Contender]()
    for attempt, its_job in session.execute(others.order_by(Attempt.id)):
        near = attempt.account_id == mine.account_id or its_job.prompt == job.prompt
        if attempt.state in _IN_FLIGHT and near:
            in_flight.add(attempt.id)
        else:
            rivals.append(contender_of(attempt, its_job, since, until))
    rivals += _forgotten(session, job, now)
    return CompetingAttempts(contender_of(mine, job, since, until), frozenset(in_flight), tuple(rivals))


def exchanged_spans(
    session: Session, attempt: Attempt, since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """When the POSTs left, and had ended, of equal requests that may have been given a task of this attempt's.

    Attempts that sent the very same bytes are given each other's tasks. The task that such a one has left over was
    made at its own time, so only a list of that time too can prove that there is none.

    Args:
        session: To read with.
        attempt: The attempt.
        since: Start of the listing's window, by the provider's clock.
        until: Its end.
    """
    rows = session.execute(
        select(func.coalesce(Attempt.sent_at, Attempt.created_at), func.coalesce(Attempt.answer_by, Attempt.send_by))
        .join(ProviderTask, ProviderTask.attempt_id == Attempt.id)
        .where(
            Attempt.id != attempt.id,
            Attempt.state == AttemptState.ADOPTED,
            Attempt.spec_sha256 == attempt.spec_sha256,
            Attempt.account_id == attempt.account_id,
            Attempt.base_url == attempt.base_url,
            Attempt.created_at.between(attempt.created_at - _EXCHANGED_WITHIN, attempt.created_at + _EXCHANGED_WITHIN),
            or_(ProviderTask.made_at.is_(None), ProviderTask.made_at.between(since, until)),
        )
        .order_by(Attempt.id)
    )
    return [(sent_at, silent_since) for sent_at, silent_since in rows]


def misnamed_by(session: Session, attempt_id: UUID, model: str, strangers: Iterable[UnclaimedTask]) -> str | None:
    """Why an attempt's task may be followed by another job, whose own task is among the unknown ones; None: it is not.

    A job whose submit was answered with the attempt's task is told so by the end of that task; until then it may be.
    """
    told = {str(one.answer.orig_prompt): one for one in strangers if not one.is_silent}
    if not told:
        return None
    following = (
        select(RenderJob.prompt, ProviderTask.provider_task_id)
        .join(Slot, Slot.job_id == RenderJob.id)
        .join(Attempt, Attempt.job_id == RenderJob.id)
        .join(ProviderTask, ProviderTask.attempt_id == Attempt.id)
        .where(RenderJob.model == model, Attempt.state == AttemptState.BOUND, Attempt.id != attempt_id)
        .order_by(Attempt.id)
    )
    echoes = Echoes(told)
    for prompt, task_id in session.execute(following):
        for echo in echoes.of(prompt) if prompt else ():
            seen = f"{told[echo].task.provider_task_id} echoes the prompt of the job that follows {task_id}"
            return f"{seen}, which may be another submit's task, such as this one's"
    return None


def contender_of(attempt: Attempt, job: RenderJob, since: datetime, until: datetime) -> Contender:
    """An attempt of a job, for a listing of a window."""
    # Everything but text-to-video has the ratio of a picture.
    ratio = job.ratio if job.mode == Mode.TEXT_TO_VIDEO else "adaptive"
    return Contender(
        attempt_id=attempt.id,
        request=attempt.spec_sha256,
        lane=f"{attempt.account_id} {attempt.base_url}",
        prompt=job.prompt,
        asked=Asked(job.duration, job.resolution, ratio),
        silent_since=attempt.answer_by or attempt.send_by,
        clock_offset_seconds=attempt.clock_offset_seconds,
        is_in_window=since <= (attempt.sent_at or attempt.created_at) <= until,
    )


def _forgotten(session: Session, job: RenderJob, now: datetime) -> list[Contender]:
    """A job that may have made a task before the database forgot it, and one with the same prompt; or none.

    One of each is enough to leave a task alone; nothing is known of the attempt that it may have had.
    """
    if read_openings(session, now).is_compared(job.model):
        return []
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
    prompts: dict[UUID, str | None] = dict.fromkeys(session.scalars(others))
    prompts |= dict.fromkeys(session.scalars(twins), job.prompt)
    return [
        Contender(job_id, f"job {job_id}", "forgotten", prompt, Asked(None, None), silent_since=now)
        for job_id, prompt in prompts.items()
    ]
