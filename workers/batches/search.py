"""Looking up a batch whose making was not answered, by its name in the provider's list.

A batch that the list shows is followed. That there is none is proven by two lists without it, minutes apart, read when
the request cannot be under way any more; by the database's clock, and by the provider's own time in its answers, so
that no clock that is set proves it early. A list that cannot be read, does not say its time, or is read with another
key, proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.orm import Session

from models.text_batch import TextBatch
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.batch.client import QwenBatches
from reelqueue.qwen.batch.client import TextBatch as ProviderBatch
from reelqueue.qwen.errors import TextError, TextRefusedError
from reelqueue.states import FailureClass, TextBatchState
from workers.batches.rows import Step, bind_batch, doubt_batch, is_hopeless, release_batch
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context
from workers.settings import BatchSettings
from workers.texts.decisions import Reason

log = structlog.get_logger(__name__)

_LISTED: Final = timedelta(days=29)
"""The list shows the batches of 30 days: one that is older may be absent from it, and exist."""
_CANCELS: Final = 5
"""How often a batch that was made twice waits for the other to be cancelled; then its answers count for more."""


def search_batch(context: Context, step: Step) -> str:
    """Ask the provider's list for a batch, and act on it."""
    rules = context.settings.batch
    if step.batch.state is TextBatchState.CREATING:
        with context.sessions.begin() as session:
            doubt_batch(step, "its worker died before the answer", 0, session, context.clock.now(session))
    with context.sessions() as session:
        asked_at = context.clock.now(session)
    with QwenBatches(step.settings) as client:
        try:
            found = client.find(step.batch.name)
        except TextError as error:
            return _unclear(context, step, f"the list could not be read: {error}")
        listed_at = client.provider_time
        failpoint(Failpoint.BATCH_LISTED)
        if found:
            return _adopt(context, step, client, found)
    if step.batch.key_fingerprint not in {None, step.key_fingerprint}:
        return _unclear(context, step, "it is absent for another key than it was sent with, of another account perhaps")
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        return _count_absence(step, rules, asked_at, listed_at, session, now)


def _adopt(context: Context, step: Step, client: QwenBatches, found: list[ProviderBatch]) -> str:
    first, *others = sorted(found, key=lambda one: one.id)
    for other in others:
        # Only something between us and the provider can have sent the request twice.
        log.error("text_batch.made_twice", batch_id=str(step.id), provider_batch_id=other.id,
                  remedy="it is cancelled; lines that it had answered are billed")  # fmt: skip
        try:
            client.cancel(other.id)
        except TextRefusedError:
            continue  # it is over
        except TextError as error:
            if step.batch.problem_count < _CANCELS:
                return step.later(context, f"{other.id} could not be cancelled: {error}")
    with context.sessions.begin() as session:
        bind_batch(step, first, context, session, context.clock.now(session))
    return f"found: running as {first.id}"


def _unclear(context: Context, step: Step, problem: str) -> str:
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if is_hopeless(step.batch, context.settings.batch, now):
            release_batch(step, _lost(problem), session, now)
            return f"lost: {problem}"
    return step.later(context, problem)


def _lost(problem: str) -> Reason:
    return Reason(FailureClass.PROVIDER, FailureCode.BATCH_LOST, f"what became of its batch is not known: {problem}")


def _count_absence(
    step: Step,
    rules: BatchSettings,
    asked_at: datetime,
    listed_at: datetime | None,
    session: Session,
    now: datetime,
) -> str:
    """The first list without it is remembered; the second, late enough after it, proves that there is none."""
    batch = step.batch
    later = partial(step.write, session, now=now, problem_count=0)
    if listed_at is None:
        later(delay_seconds=rules.ask_again_seconds, problem="the list does not say the provider's time")
        return "absent, but the provider does not say its time: asked again"
    if _is_older(batch, asked_at, listed_at):
        release_batch(step, _lost("it is older than what the list shows"), session, now)
        return "lost: too old for the list"
    if not _is_over(batch, rules, asked_at, listed_at):
        later(delay_seconds=rules.ask_again_seconds)
        return "absent so far, and the request may still be on its way: asked again"
    first, theirs = batch.first_absent_at, batch.provider_absent_at
    if first is None or theirs is None or first > now:
        later(delay_seconds=rules.absent_seconds, first_absent_at=asked_at, provider_absent_at=listed_at)
        return "absent from the list: asked once more"
    apart = min(asked_at - first, listed_at - theirs)
    if apart < timedelta(seconds=rules.absent_seconds):
        later(delay_seconds=max(rules.absent_seconds - max(apart.total_seconds(), 0), rules.ask_again_seconds))
        return "absent, and the first list without it is too new: asked once more"
    release_batch(step, Reason(FailureClass.PROVIDER, FailureCode.BATCH_ABSENT, "its batch was not made"), session, now)
    return "absent from two lists: not made"


def _is_older(batch: TextBatch, asked_at: datetime, listed_at: datetime) -> bool:
    """Whether a batch may have left the list again, by either clock."""
    ages = [
        at - sent_at
        for at, sent_at in ((asked_at, batch.sent_at), (listed_at, batch.provider_sent_at))
        if sent_at is not None
    ]
    return max(ages, default=timedelta(0)) > _LISTED


def _is_over(batch: TextBatch, rules: BatchSettings, asked_at: datetime, listed_at: datetime) -> bool:
    """Whether the request cannot be under way any more, by both clocks."""
    if batch.answer_by is None or asked_at < batch.answer_by:
        return False
    sent_at = batch.provider_sent_at
    return sent_at is None or listed_at >= sent_at + timedelta(seconds=rules.create_seconds)
