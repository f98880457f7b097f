"""The sweep: every few seconds, what is overdue in the rows gets its hint again.

It makes the broker replaceable: a flushed, restarted or doubled broker costs seconds. Each step
looks at an index of live rows, so millions of finished jobs cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.found_task import FoundTask
from models.operations.campaign_import.staging import sweep_imports
from models.operations.campaigns.counts import FOLDED_AT_ONCE, fold_counts
from models.operations.scheduling.poll_wakeups import Wake, wake_lane
from models.operations.scheduling.submit_gates import models_not_compared
from models.poll_lane import PollLane
from models.render_job import RenderJob
from models.slot import Slot
from models.submit_lane import SubmitLane
from reelqueue import messages
from reelqueue.states import UNSENT, AttemptState, RenderState
from workers.archive.backlog import raise_expiry_alarms, sound_review_alarm
from workers.archive.fetch_lease import expiry, is_due
from workers.dispatch.admission import Admitted
from workers.dispatch.dispatcher import dispatch
from workers.failpoints import Failpoint, failpoint
from workers.quarantine.poison_detection import count_death, quarantine_job, third_try_at
from workers.runtime.context import Context
from workers.settings import ReconcileSettings
from workers.submission.claim_outcomes import expire, mark_ambiguous, requeue
from workers.sweep.batches import sweep_batches
from workers.sweep.clock_steps import bound_waits
from workers.sweep.parts import Parts
from workers.sweep.stopped_campaigns import cancel_stopped, cancel_unpaid
from workers.sweep.texts import SweptTexts, sweep_texts
from workers.webhooks.deliver import due_endpoints

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 500
_IMPORTS_AT_ONCE: Final = 5
_FOLDS_AT_ONCE: Final = 10
_FETCHES_AT_ONCE: Final = 50
"""Ten a second, which no host's downloads reach; each fetches whatever is gone first, so more would only pile up."""
_SUBMITTING: Final = "submitting"

T = TypeVar("T")


@dataclass(frozen=True)
class Swept:
    """How many of each kind were found; its text is what Flower shows."""

    bounded: int
    """Waits that a clock which was ahead had written."""
    expired: int
    unpaid: int
    stopped: int
    unsent: int
    ambiguous: int
    reconciles: int
    submits: int
    polls: int
    fetches: int
    kept: int
    """Results of tasks that were noted for a review."""
    expiring: int
    webhooks: int
    imports: int
    texts: int
    """Text jobs that were ended, or that a dead worker had left."""
    questions: int
    """Text jobs that are due."""
    batches: int
    """Batches of text jobs to be gathered, or whose next step is overdue."""
    admitted: int

    def __str__(self) -> str:
        found = {name: count for name, count in vars(self).items() if count}
        return " ".join(f"{name}={count}" for name, count in found.items()) or "nothing overdue"


@dataclass(frozen=True, kw_only=True)
class _Renders:
    """What was found among the render jobs, and what is to be hinted at."""

    now: datetime | None = None
    """When it was looked; None: the part failed."""
    expired: int = 0
    unpaid: int = 0
    stopped: int = 0
    unsent: int = 0
    ambiguous: int = 0
    submits: Sequence[Admitted] = ()
    wakes: Sequence[Wake] = ()
    fetches: Sequence[tuple[UUID, str]] = ()
    expiring: int = 0
    doubts: Sequence[tuple[UUID, UUID]] = ()
    receivers: Sequence[UUID] = ()


def sweep(context: Context) -> Swept:
    """Heal what is overdue, hint again, and dispatch; each part whatever becomes of the others.

    Raises:
        Exception: What the first part raised that failed, when all have run.
    """
    parts = Parts()
    bounded = parts.run("clock steps", partial(bound_waits, context), otherwise=0)
    renders = parts.run("render jobs", partial(_heal_renders, context), otherwise=_Renders())
    texts = sweep_texts(context, parts)
    if any((renders.submits, renders.wakes, renders.fetches, renders.doubts, renders.receivers, texts.hints)):
        failpoint(Failpoint.SWEPT)
    parts.run("hints of render jobs", partial(_hint_renders, context, renders), otherwise=None)
    parts.run("hints of text jobs", partial(_hint_texts, context, texts), otherwise=None)
    swept = Swept(
        bounded=bounded,
        expired=renders.expired,
        unpaid=renders.unpaid,
        stopped=renders.stopped,
        unsent=renders.unsent,
        ambiguous=renders.ambiguous,
        reconciles=len(renders.doubts),
        submits=len(renders.submits),
        polls=len(renders.wakes),
        fetches=len(renders.fetches),
        kept=parts.run("noted results", partial(_hint_keeps, context), otherwise=0),
        expiring=renders.expiring,
        webhooks=len(renders.receivers),
        imports=parts.run("imports", partial(_forget_imports, context), otherwise=0),
        texts=texts.expired + texts.stopped + texts.unsent + texts.lost,
        questions=len(texts.hints),
        batches=parts.run("batches of text jobs", partial(sweep_batches, context), otherwise=0),
        admitted=len(parts.run("dispatch", partial(dispatch, context), otherwise=list[Admitted]())),
    )
    parts.run("counts of campaigns", partial(_fold_counts, context), otherwise=0)
    if any(vars(swept).values()):
        log.info("sweep.healed", **vars(swept))
    parts.finish()
    return swept


def _fold_counts(context: Context) -> int:
    """Fold what has changed in the counts of campaigns; at most a second's worth, the next sweep goes on."""
    folded = 0
    for _ in range(_FOLDS_AT_ONCE):
        with context.sessions.begin() as session:
            newly = fold_counts(session)
        folded += newly
        if newly < FOLDED_AT_ONCE:
            break
    return folded


def _heal_renders(context: Context) -> _Renders:
    """Heal what is overdue among the render jobs, in one transaction."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        # What was due before this is believed lost. Doubling a hint that is only slow does no harm.
        overdue = now - timedelta(seconds=context.settings.celery.overdue_seconds)
        alive_until = context.clocks.steady(now, context.host.seconds())
        forgetful = models_not_compared(session, now)
        expired = _expire(session, forgetful, now)
        unpaid = cancel_unpaid(session, forgetful, now=now, limit=_AT_ONCE)
        stopped = cancel_stopped(session, now=now, limit=_AT_ONCE)
        unsent = _hand_back_unsent(session, context.settings.celery.death_limit, now, min(overdue, alive_until))
        ambiguous = _doubt_silent(session, context.settings.reconcile, now, alive_until)
        submits = _lost_submits(session, now, overdue)
        fetches = _lost_fetches(session, now)
        before = timedelta(hours=context.settings.archive.expiry_alarm_hours)
        expiring = [
            *raise_expiry_alarms(session, before, limit=_AT_ONCE, now=now),
            *sound_review_alarm(session, before, limit=_AT_ONCE, now=now),
        ]
        doubts = _due_reconciles(session, now)
        receivers = session.scalars(due_endpoints(now).limit(_AT_ONCE)).all()
        wakes = _lost_polls(session, now, overdue)  # last: it locks lanes
    return _Renders(
        now=now,
        expired=expired,
        unpaid=unpaid,
        stopped=stopped,
        unsent=unsent,
        ambiguous=ambiguous,
        submits=submits,
        wakes=wakes,
        fetches=fetches,
        expiring=len(expiring),
        doubts=doubts,
        receivers=receivers,
    )


def _hint_renders(context: Context, found: _Renders) -> None:
    if found.now is None:
        return
    for wake in found.wakes:
        context.hints.poll(wake, now=found.now)
    for attempt_id, job_id in found.doubts:
        context.hints.reconcile(attempt_id, job_id)
    for one in _unhinted(context, messages.RENDER_SUBMIT, found.submits):
        context.hints.submit(one.job_id, one.epoch, one.model)
    for job_id, model in _unhinted(context, messages.RENDER_ARCHIVE, found.fetches):
        context.hints.archive(job_id, model)
    for endpoint_id in _unhinted(context, messages.WEBHOOK_DELIVER, found.receivers):
        context.hints.notify(endpoint_id)


def _hint_texts(context: Context, found: SweptTexts) -> None:
    for job_id, model in _unhinted(context, messages.TEXT_ANSWER, found.hints):
        context.hints.text(job_id, model)


def _forget_imports(context: Context) -> int:
    """In a transaction of its own: what they staged may be a million rows."""
    with context.sessions.begin() as session:
        return sweep_imports(session, now=context.clock.now(session), limit=_IMPORTS_AT_ONCE)


def _unhinted(context: Context, task: str, due: Sequence[T]) -> Sequence[T]:
    """What is due, or nothing if as many hints wait in the queue already: more would pile up behind busy workers.

    Hints that wait may be about something else, but then they are soon done with, and the next sweep sees it.
    """
    return due if due and context.hints.waiting_count(task) < len(due) else ()


def _expire(session: Session, forgetful: Collection[str], now: datetime) -> int:
    """Jobs whose ``start_by`` has passed before they were submitted; those whose task may be forgotten wait."""
    late = select(RenderJob.id).where(
        RenderJob.state.in_(UNSENT), RenderJob.start_by <= now, RenderJob.model.not_in(forgetful)
    )
    found = session.scalars(late.limit(_AT_ONCE).with_for_update(skip_locked=True)).all()
    return sum(expire(session, job_id, now=now) for job_id in found)


def _hand_back_unsent(session: Session, limit: int, now: datetime, overdue: datetime) -> int:
    """Intents past ``send_by``: their worker died before the POST, which can never leave now."""
    stale = _take(session, select(Attempt).where(Attempt.state == AttemptState.INTENT, Attempt.send_by <= overdue))
    for attempt in stale:
        attempt.state, attempt.closed_at = AttemptState.REJECTED, now
        deaths = count_death(session, attempt.job_id, during=_SUBMITTING, now=now)
        if deaths >= limit:
            quarantine_job(session, attempt.job_id, deaths, during=_SUBMITTING, now=now)
        else:
            again_at = third_try_at(now, attempt.send_by - attempt.created_at, deaths)
            requeue(session, attempt.job_id, epoch=attempt.epoch, now=now, not_before_at=again_at)
    return len(stale)


def _doubt_silent(session: Session, rules: ReconcileSettings, now: datetime, alive_until: datetime) -> int:
    """Sent attempts past ``answer_by``: their worker died, and the POST may have arrived."""
    overdue = select(Attempt).where(Attempt.state == AttemptState.SENT, Attempt.answer_by <= alive_until)
    silent = _take(session, overdue)
    for attempt in silent:
        count_death(session, attempt.job_id, during=_SUBMITTING, now=now)
        mark_ambiguous(session, attempt.id, attempt.job_id, "its worker died before the answer", rules, now=now)
    return len(silent)


def _take(session: Session, attempts: Select[Attempt]) -> list[Attempt]:
    return list(session.scalars(attempts.limit(_AT_ONCE).with_for_update(skip_locked=True)))


def _due_reconciles(session: Session, now: datetime) -> list[tuple[UUID, UUID]]:
    due = select(Attempt.id, Attempt.job_id).where(Attempt.reconcile_at <= now).limit(_AT_ONCE)
    return [(attempt_id, job_id) for attempt_id, job_id in session.execute(due)]


def _lost_submits(session: Session, now: datetime, overdue: datetime) -> list[Admitted]:
    lost = (
        select(RenderJob.id, RenderJob.epoch, RenderJob.model, Slot.submit_at)
        .join(Slot, Slot.job_id == RenderJob.id)
        .join(SubmitLane, and_(SubmitLane.account_id == Slot.account_id, SubmitLane.model == Slot.model))
        .where(
            RenderJob.state == RenderState.ADMITTED,
            Slot.submit_at <= overdue,
            # Else it waits its turn, and nothing is lost.
            or_(SubmitLane.posting_until.is_(None), SubmitLane.posting_until <= now),
            or_(SubmitLane.throttled_until.is_(None), SubmitLane.throttled_until <= now),
        )
        .order_by(Slot.submit_at)
        .limit(_AT_ONCE)
    )
    return [Admitted(*row) for row in session.execute(lost)]


def _lost_polls(session: Session, now: datetime, overdue: datetime) -> list[Wake]:
    lost = (
        select(PollLane.account_id)
        .where(
            or_(PollLane.lease_until.is_(None), PollLane.lease_until <= now),
            or_(PollLane.wake_at.is_(None), PollLane.wake_at <= overdue),
            select(RenderJob.id)
            .where(RenderJob.account_id == PollLane.account_id, RenderJob.next_poll_at <= overdue)
            .exists(),
        )
        .with_for_update(skip_locked=True)
    )
    wakes = (wake_lane(session, account_id, now, anyway=True) for account_id in session.scalars(lost).all())
    return [wake for wake in wakes if wake is not None]


def _hint_keeps(context: Context) -> int:
    """The results of noted tasks that are due; in a transaction of its own, which locks nothing."""
    with context.sessions() as session:
        due = select(FoundTask.id).where(FoundTask.next_fetch_at <= context.clock.now(session))
        found = session.scalars(due.order_by(FoundTask.next_fetch_at).limit(_FETCHES_AT_ONCE)).all()
    for found_task_id in _unhinted(context, messages.RENDER_KEEP, found):
        context.hints.keep(found_task_id)
    return len(found)


def _lost_fetches(session: Session, now: datetime) -> list[tuple[UUID, str]]:
    overdue = select(RenderJob.id, RenderJob.model).where(is_due(now)).order_by(expiry()).limit(_FETCHES_AT_ONCE)
    return [(job_id, model) for job_id, model in session.execute(overdue)]
