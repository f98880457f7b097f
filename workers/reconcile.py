"""Reconciliation: what became of a POST whose answer was lost, by the provider's own listing.

The listing has no prompt and no tag of ours, only ids, models, times and the id of the submit's
request. So the tasks that we know are taken away, and what is left is judged:

====================================  ==========================================================
left in the listing                   verdict
====================================  ==========================================================
the request id of our answer          adopt
one task, and one attempt it can be   adopt, unless its echoed prompt is another
several                               ask each: adopt the one whose echoed prompt is ours
none, in two listings a minute apart  not created: submit again, once
anything else                         ask again, and after an hour hand it to a person
====================================  ==========================================================

While another submit of the same account and model is under way, a task in the listing may be its,
so nothing is judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.lane import Wake
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.errors import ConfigurationError
from reelqueue.states import AttemptState
from workers.binding import OpenAttempt, TaskTakenError, bind_task
from workers.dashscope import Acceptance, DashScope, ListedTask, ProviderError
from workers.refusal import park_job, requeue
from workers.services import Services

log = structlog.get_logger(__name__)

# Between two listings without a trace; DashScope's listing has been seen to lag behind.
ABSENT_FOR: Final = timedelta(seconds=60)
ASK_AGAIN: Final = timedelta(seconds=10)
GIVE_UP_AFTER: Final = timedelta(hours=1)
# Clocks of ours and of the provider may be this far apart.
CLOCK_SKEW: Final = timedelta(minutes=2)
# An absent task is bought again this often; the second time a person should look.
RESUBMITS: Final = 1
_IN_FLIGHT: Final = (AttemptState.INTENT, AttemptState.SENT)
_UNDECIDED: Final = (AttemptState.AMBIGUOUS, AttemptState.RECONCILING)


@dataclass(frozen=True)
class Case:
    """An ambiguous attempt, and what surrounds it."""

    attempt: OpenAttempt
    model: str
    prompt: str | None
    request_id: str | None
    """The provider's, where a garbled answer had one."""
    sent_at: datetime
    ambiguous_at: datetime
    first_absent_at: datetime | None
    in_flight_count: int
    """Other submits of the lane without an outcome."""
    rival_count: int
    """Other ambiguous attempts of the lane."""
    resubmit_count: int
    """Attempts of the job that were found absent before."""


@dataclass(frozen=True)
class Adopt:
    """The attempt made this task."""

    task: ListedTask


@dataclass(frozen=True)
class Absent:
    """No trace in this listing."""


@dataclass(frozen=True)
class Unclear:
    """The listing cannot tell, or would not answer."""

    reason: str


Finding = Adopt | Absent | Unclear


def reconcile_attempt(services: Services, attempt_id: UUID) -> str:
    """Ask the provider's listing about an ambiguous attempt, and act on it.

    Returns:
        What became of it, in a few words for people.
    """
    case = _take(services, attempt_id)
    if case is None:
        return "not due: nothing done"
    finding = asyncio.run(_investigate(services, case))
    return _act(services, case, finding)


def _take(services: Services, attempt_id: UUID) -> Case | None:
    """Claim the question for a while; its next time stands in the row, in case this worker dies."""
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        attempt = session.scalars(
            update(Attempt)
            .where(Attempt.id == attempt_id, Attempt.state.in_(_UNDECIDED), Attempt.reconcile_at <= now)
            .values(
                state=AttemptState.RECONCILING,
                reconcile_at=now + ASK_AGAIN,
                listing_count=Attempt.listing_count + 1,
            )
            .returning(Attempt)
        ).one_or_none()
        return None if attempt is None else _case(session, attempt, now)


def _case(session: Session, attempt: Attempt, now: datetime) -> Case:
    job = session.get_one(RenderJob, attempt.job_id)
    account = session.get_one(Account, attempt.account_id)
    earlier = select(func.count()).where(Attempt.job_id == job.id, Attempt.state == AttemptState.NOT_CREATED)
    return Case(
        attempt=OpenAttempt(attempt.id, attempt.number, job.id, attempt.epoch, account),
        model=job.model,
        prompt=job.prompt,
        request_id=attempt.request_id,
        sent_at=attempt.sent_at or attempt.created_at,
        ambiguous_at=attempt.closed_at or now,
        first_absent_at=attempt.first_absent_at,
        in_flight_count=_others(session, attempt.id, account.id, job.model, _IN_FLIGHT),
        rival_count=_others(session, attempt.id, account.id, job.model, _UNDECIDED),
        resubmit_count=session.scalars(earlier).one(),
    )


def _others(session: Session, attempt_id: UUID, account_id: UUID, model: str, states: tuple[AttemptState, ...]) -> int:
    """Other attempts of the lane in some states."""
    lane = (Attempt.account_id == account_id, RenderJob.model == model)
    count = select(func.count()).select_from(Attempt).join(RenderJob, RenderJob.id == Attempt.job_id)
    return session.scalars(count.where(Attempt.id != attempt_id, Attempt.state.in_(states), *lane)).one()


def _surroundings(session: Session, case: Case) -> tuple[int, int]:
    mine, account_id = case.attempt.attempt_id, case.attempt.account.id
    return (
        _others(session, mine, account_id, case.model, _IN_FLIGHT),
        _others(session, mine, account_id, case.model, _UNDECIDED),
    )


async def _investigate(services: Services, case: Case) -> Finding:
    if case.in_flight_count:
        return Unclear(f"{case.in_flight_count} other submits of {case.model} are under way")
    try:
        async with services.provider(case.attempt.account) as provider:
            since, until = case.sent_at - CLOCK_SKEW, case.ambiguous_at + CLOCK_SKEW
            listed = await provider.list_tasks(model=case.model, since=since, until=until)
            with services.sessions() as session:
                strangers = _unknown(session, case, listed)
            return await _judge(provider, case, strangers)
    except ProviderError as error:
        return Unclear(error.summary)
    except ConfigurationError as error:
        return Unclear(str(error))


def _unknown(session: Session, case: Case, listed: list[ListedTask]) -> list[ListedTask]:
    ids = [task.provider_task_id for task in listed]
    known = select(ProviderTask.provider_task_id).where(
        ProviderTask.account_id == case.attempt.account.id, ProviderTask.provider_task_id.in_(ids)
    )
    taken = set(session.scalars(known))
    return [task for task in listed if task.provider_task_id not in taken and task.model in {None, case.model}]


async def _judge(provider: DashScope, case: Case, strangers: list[ListedTask]) -> Finding:
    exact = [task for task in strangers if case.request_id and task.request_id == case.request_id]
    if exact:
        return Adopt(exact[0])
    if not strangers:
        return Absent()
    echoes = {task.provider_task_id: await _echo(provider, task) for task in strangers}
    return choose(case, strangers, echoes)


async def _echo(provider: DashScope, task: ListedTask) -> str | None:
    """The prompt that a task was submitted with; known once it has succeeded."""
    return (await provider.get(task.provider_task_id)).orig_prompt


def choose(case: Case, strangers: list[ListedTask], echoes: Mapping[str, str | None]) -> Finding:
    """The stranger that this attempt made, by the prompts that they echo.

    Args:
        case: The attempt.
        strangers: Tasks of the window that no attempt of ours is known to have made.
        echoes: Each one's prompt by task id; None while it is rendering.
    """
    ours = [task for task in strangers if case.prompt and echoes[task.provider_task_id] == case.prompt]
    silent = [task for task in strangers if echoes[task.provider_task_id] is None]
    if ours:
        # Several with the same prompt are as good as each other: each rival adopts another one.
        return Adopt(ours[0])
    if not silent:
        return Absent()
    if len(silent) == 1 and case.rival_count == 0:
        return Adopt(silent[0])
    return Unclear(f"{len(silent)} unknown tasks may be this one or one of {case.rival_count} others")


def _act(services: Services, case: Case, finding: Finding) -> str:
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        # A submit that began after the question may have made a task that the listing showed.
        if isinstance(finding, Adopt) and _surroundings(session, case) != (0, case.rival_count):
            finding = Unclear(f"another submit of {case.model} began meanwhile")
        match finding:
            case Adopt(task):
                wake, said = _adopt(session, case, task, now)
            case Absent():
                wake, said = None, _absent(session, case, now)
            case Unclear(reason):
                wake, said = None, _unclear(session, case, reason, now)
    log.info("attempt.reconciled", job_id=str(case.attempt.job_id), attempt=case.attempt.number, outcome=said)
    if wake is not None:
        services.hints.poll(wake, now=now)
    if isinstance(finding, Absent):
        services.hints.dispatch()
    return said


def _adopt(session: Session, case: Case, task: ListedTask, now: datetime) -> tuple[Wake | None, str]:
    accepted = Acceptance(task.provider_task_id, task.status, task.request_id)
    try:
        wake = bind_task(session, case.attempt, accepted, now=now, state=AttemptState.ADOPTED)
    except TaskTakenError:
        return None, _unclear(session, case, "a rival adopted the task first", now)
    return wake, f"adopted provider_task={task.provider_task_id}"


def _absent(session: Session, case: Case, now: datetime) -> str:
    if case.first_absent_at is None or now - case.first_absent_at < ABSENT_FOR:
        first = case.first_absent_at or now
        _ask_again(session, case, first + ABSENT_FOR, first_absent_at=first)
        return "absent from the listing: asked again in a minute"
    if case.resubmit_count >= RESUBMITS:
        return _give_up(session, case, "absent from two listings, for the second time", now)
    _close(session, case, AttemptState.NOT_CREATED, now)
    requeue(session, case.attempt.job_id, epoch=case.attempt.epoch, now=now)
    return "not created: submitted again"


def _unclear(session: Session, case: Case, reason: str, now: datetime) -> str:
    if now - case.ambiguous_at >= GIVE_UP_AFTER:
        return _give_up(session, case, reason, now)
    _ask_again(session, case, now + ASK_AGAIN)
    return f"unclear: {reason}"


def _ask_again(session: Session, case: Case, at: datetime, **values: object) -> None:
    mine = update(Attempt).where(Attempt.id == case.attempt.attempt_id, Attempt.state == AttemptState.RECONCILING)
    session.execute(mine.values(reconcile_at=at, **values))


def _give_up(session: Session, case: Case, reason: str, now: datetime) -> str:
    _close(session, case, AttemptState.UNRESOLVED, now)
    park_job(session, case.attempt.job_id, reason, epoch=case.attempt.epoch, now=now)
    return f"needs review: {reason}"


def _close(session: Session, case: Case, state: AttemptState, now: datetime) -> None:
    mine = update(Attempt).where(Attempt.id == case.attempt.attempt_id)
    session.execute(mine.values(state=state, closed_at=now, reconcile_at=None))
