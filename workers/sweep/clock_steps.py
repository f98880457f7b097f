"""After the database's clock was set: no step waits for hours, and no call that is under way is given up for it.

Set back, what was to happen in seconds lies hours ahead, and is brought back.

Each stored moment at which something is due is here with the longest that its step may lawfully wait. One that lies
further ahead was written by a clock that was ahead; nothing else makes one. What an owner has named (``run_at``,
``start_by``) and what is past are not touched.

Set ahead, every lease is past. What a lost lease costs is a look at the rows, as a rule. But a call to a language
model would be given up, and asked and paid for again, since its answer cannot be looked up; and a submit would be
searched for in the provider's list while its POST has yet to leave. So each attempt that is under way gets a whole
lease more, in which its worker ends it or extends it, if it lives.

That the clock was set is seen by comparison: this process counts seconds, and the database's clock went on by fewer.
What happened while no process ran is looked for at the first sweep of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Interval, cast, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.attempt import Attempt
from models.found_task import FoundTask
from models.notification_channel import NotificationChannel
from models.notification_delivery import NotificationDelivery
from models.poll_lane import PollLane
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from models.submit_lane import SubmitLane
from models.text_attempt import TextAttempt
from models.text_batch import TextBatch
from models.text_job import TextJob
from models.text_lane import TextLane
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.states import AttemptState, RenderState, TextAttemptState, TextBatchState, TextState
from workers.dashscope.limits import RESULT_LIFE
from workers.polling.decisions import USAGE_WITHIN
from workers.runtime.context import Context
from workers.settings import Settings

log = structlog.get_logger(__name__)

_LARGEST_SUBMIT_SECONDS: Final = 120.0
"""More than 64 MiB take on a slow uplink."""
_PACE: Final = timedelta(minutes=15)
"""The longest that a model's own pace, a submit lane's or a back-off keeps something waiting."""


@dataclass(frozen=True)
class Wait:
    """A stored moment, and how far ahead it may lie."""

    column: InstrumentedAttribute[Any]
    longest: timedelta | ColumnElement[timedelta]
    keeps: bool = False
    """Whether what lies too far ahead becomes the longest wait; else it is due now."""
    is_lease: bool = False
    """Whether it is a lease, which is released: no worker died with it."""
    among: tuple[ColumnElement[bool], ...] = ()
    """Rows that matter: few, and found by an index."""

    def bound(self, session: Session, now: datetime) -> int:
        """Bring back what lies too far ahead; gives how many rows."""
        latest = literal(now) + self.longest
        value = None if self.is_lease else latest if self.keeps else now
        return self._set(session, self.column > latest, value)

    def renew(self, session: Session, now: datetime) -> int:
        """Let each wait begin anew; gives how many rows."""
        latest = literal(now) + self.longest
        return self._set(session, self.column < latest, latest)

    def _set(self, session: Session, which: ColumnElement[bool], value: object) -> int:
        change = update(self.column.class_).where(which, *self.among).values({self.column: value})
        done = session.execute(change.execution_options(synchronize_session=False))
        return int(done.rowcount)  # type: ignore[attr-defined] # an UPDATE's result has it


def attempt_leases(settings: Settings) -> Iterator[Wait]:
    """The time that each attempt which is under way has for its next step: its worker is dead when it is past."""
    submit, text = settings.submit, settings.text
    unsent, asking = timedelta(seconds=submit.send_within_seconds), timedelta(seconds=text.send_within_seconds)
    making = timedelta(seconds=settings.batch.create_seconds)
    yield Wait(Attempt.send_by, unsent, keeps=True, among=(Attempt.state == AttemptState.INTENT,))
    yield Wait(Attempt.answer_by, _longest_post(settings), keeps=True, among=(Attempt.state == AttemptState.SENT,))
    yield Wait(TextAttempt.send_by, asking, keeps=True, among=(TextAttempt.state == TextAttemptState.INTENT,))
    yield Wait(
        TextAttempt.answer_by,
        _longest_silence(settings),
        keeps=True,
        among=(TextAttempt.state == TextAttemptState.SENT,),
    )
    yield Wait(TextBatch.answer_by, making, keeps=True, among=(TextBatch.state == TextBatchState.CREATING,))


def waits(settings: Settings) -> Iterator[Wait]:
    """Every stored wait of the steps."""
    reconcile, delivery = settings.reconcile, settings.delivery
    listing = max(reconcile.ask_again_seconds, reconcile.first_look_seconds)
    followed, archiving = RenderJob.next_poll_at.is_not(None), RenderJob.next_archive_at.is_not(None)
    fetch_lease = timedelta(seconds=settings.archive.lease_seconds) * 4
    pace = func.greatest(_milliseconds(func.coalesce(RenderJob.poll_interval_ms, 0)), cast(_PACE, Interval))
    yield from attempt_leases(settings)
    yield Wait(SubmitLane.next_submit_at, _PACE)
    # Where the provider has named a later moment, it refuses once more, and names it again.
    yield Wait(SubmitLane.throttled_until, _PACE)
    yield Wait(SubmitLane.posting_until, _longest_post(settings), keeps=True)
    yield Wait(Slot.submit_at, _PACE)
    yield Wait(
        Attempt.reconcile_at,
        timedelta(seconds=listing + reconcile.absent_seconds + reconcile.clock_skew_seconds),
        among=(Attempt.reconcile_at.is_not(None),),
    )
    yield Wait(TextLane.free_at, _PACE)
    yield Wait(TextLane.held_until, _PACE)
    yield Wait(TextLane.wake_at, _PACE, is_lease=True)
    yield Wait(TextJob.not_before_at, _PACE, among=(TextJob.state == TextState.QUEUED,))
    yield Wait(TextBatch.next_step_at, _PACE, among=(TextBatch.state != TextBatchState.CLOSED,))
    yield Wait(PollLane.lease_until, timedelta(seconds=settings.poll.lease_seconds), is_lease=True)
    yield Wait(RenderJob.next_poll_at, pace, among=(followed,))
    yield Wait(RenderJob.poll_deadline_at, _milliseconds(RenderJob.poll_timeout_ms), keeps=True, among=(followed,))
    yield Wait(RenderJob.next_archive_at, max(_PACE, fetch_lease), among=(archiving,))
    yield Wait(RenderJob.lease_until, fetch_lease, is_lease=True, among=(archiving,))
    yield Wait(RenderJob.not_before_at, _PACE, among=(RenderJob.state == RenderState.QUEUED,))
    kept = max(_PACE, timedelta(seconds=settings.archive.timeout_seconds))
    yield Wait(FoundTask.next_fetch_at, kept, among=(FoundTask.next_fetch_at.is_not(None),))
    fetched = ProviderTask.job_id.in_(select(RenderJob.id).where(archiving))
    asked = ProviderTask.job_id.in_(select(RenderJob.id).where(followed))
    yield Wait(ProviderTask.usage_until, USAGE_WITHIN, keeps=True, among=(asked,))
    yield Wait(ProviderTask.result_expires_at, RESULT_LIFE, keeps=True, among=(fetched,))
    retry = timedelta(seconds=delivery.webhook_longest_retry_seconds * 1.2)
    pending = WebhookDelivery.next_attempt_at.is_not(None)
    yield Wait(WebhookDelivery.next_attempt_at, retry, among=(pending,))
    yield Wait(WebhookEndpoint.held_until, retry)
    yield Wait(WebhookEndpoint.lease_until, timedelta(seconds=delivery.lease_seconds), is_lease=True)
    told = NotificationDelivery.next_attempt_at.is_not(None)
    yield Wait(NotificationDelivery.next_attempt_at, retry, among=(told,))
    yield Wait(NotificationChannel.held_until, _PACE)
    sending = timedelta(seconds=delivery.notification_lease_seconds)
    yield Wait(NotificationChannel.lease_until, sending, is_lease=True)


def _milliseconds(count: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, count / 1000.0)


def _longest_post(settings: Settings) -> timedelta:
    """How long a submit may take until its outcome is stored."""
    submit = settings.submit
    return timedelta(seconds=submit.post_seconds + _LARGEST_SUBMIT_SECONDS + submit.settle_within_seconds)


def _longest_silence(settings: Settings) -> timedelta:
    """How long a call to a language model may be silent before its worker is dead."""
    return timedelta(seconds=settings.text.silence_seconds + _LARGEST_SUBMIT_SECONDS)


def bound_waits(context: Context) -> int:
    """Repair stored moments if the database's clock was set.

    Returns:
        How many there were: waits that lay too far ahead, and attempts whose lease was past too early.
    """
    with context.sessions() as session:
        now, seconds = context.clock.now(session), context.host.seconds()
    if context.clocks.was_set_ahead(now, seconds):
        count = _renew_leases(context)
        context.clocks.went_on(now, seconds)
        log.warning("clock.set_ahead", renewed=count, remedy="let the database host's clock slew, not step (NTP)")
        return count
    count = 0
    if context.clocks.may_be_set_back(now, seconds):
        for wait in waits(context.settings):
            with context.sessions.begin() as session:  # of its own: it locks rows of one table at a time
                count += wait.bound(session, context.clock.now(session))
    context.clocks.went_on(now, seconds)
    if count:
        log.warning("clock.set_back", bounded=count, remedy="let the database host's clock slew, not step (NTP)")
    return count


def _renew_leases(context: Context) -> int:
    """Give every attempt that is under way a whole lease from now on."""
    count = 0
    for wait in attempt_leases(context.settings):
        with context.sessions.begin() as session:  # of its own: it locks rows of one table at a time
            count += wait.renew(session, context.clock.now(session))
    return count
