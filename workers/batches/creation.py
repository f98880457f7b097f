"""Making a batch at the provider: the upload, which is free, and the paid step, which is taken once.

=============  =====================================================================================
row says       then
=============  =====================================================================================
``gathered``   nothing that is paid has left, unless the database went back in time, which the list is asked
               first; the file may have been uploaded, which is done again
``creating``   the request may have left: silent past ``answer_by``, the provider's list is asked
``ambiguous``  its answer was lost, and the provider's list is asked
``running``    the provider's id is known
=============  =====================================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.operations.texts.batches import mark_lines_sent
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.errors import InvalidRequestError
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.batch.client import QwenBatches
from reelqueue.qwen.batch.questions import batch_question
from reelqueue.qwen.errors import TextError, TextMaybeBilledError, TextNotSentError
from reelqueue.qwen.request import parse_text_request
from reelqueue.states import OPEN_TEXT_ATTEMPT, TextBatchState
from workers.batches.lines import close_lines
from workers.batches.rows import KeptFile, Step, bind_batch, doubt_batch, release_batch
from workers.failpoints import Failpoint, failpoint
from workers.runtime.commit_retry import commit_with_retry
from workers.runtime.context import Context
from workers.texts.decisions import Reason
from workers.texts.outcomes import storable

log = structlog.get_logger(__name__)

T = TypeVar("T")

_ROWS_AT_ONCE: Final = 500
_WITHDRAWN: Final = Reason(code=FailureCode.WITHDRAWN)


def create_batch(context: Context, step: Step) -> str:
    """Upload the file of a gathered batch, and have the provider make the batch of it, once."""
    if (paused := _pause_of(context, step)) is not None:
        return step.later(context, f"the account is paused: {paused}")
    with KeptFile(context, step) as file, QwenBatches(step.settings) as client:
        try:
            if client.find(step.batch.name):
                return _found(context, step)
        except TextError as error:
            return step.later(context, f"the list could not be read: {error}")
        withdrawn = _withdraw(context, step)
        line_count = _write_lines(context, step, file)
        if not line_count:
            return _close_empty(context, step, withdrawn)
        file.seek(0)
        try:
            file_id = client.upload_file(file, filename=f"{step.batch.name}.jsonl")
        except TextError as error:
            return step.later(context, f"its file could not be uploaded: {error}")
        failpoint(Failpoint.BATCH_UPLOADED)
        return _Creation(context, step, client, file_id, line_count).make()


def _found(context: Context, step: Step) -> str:
    """Follow a batch that was made already: this database has forgotten it, as it went back in time."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if not step.write(session, now=now, state=TextBatchState.CREATING, sent_at=now, answer_by=now):
            return "another worker has taken it"
        mark_lines_sent(session, step.id, now=now)
    log.warning("text_batch.made_before", batch_id=str(step.id))
    return "it was made before: looked up"


def _pause_of(context: Context, step: Step) -> str | None:
    with context.sessions() as session:
        account = session.get_one(Account, step.batch.account_id)
        return None if account.paused_at is None else account.paused_reason or "see the account"


def _is_unwanted(now: datetime) -> ColumnElement[bool]:
    """Of the jobs of a batch that was not sent yet: those that must not be sent any more."""
    return or_(
        TextJob.cancel_requested_at.is_not(None),
        TextJob.start_by <= now,
        Campaign.paused_at.is_not(None),
        Campaign.cancelled_at.is_not(None),
    )


def _withdraw(context: Context, step: Step) -> int:
    """Take jobs out of the batch that were stopped since they were gathered; nothing of them has left."""
    count = 0
    while True:
        with context.sessions() as session:
            unwanted = _lines_of(step).where(_is_unwanted(context.clock.now(session)))
            found = session.scalars(unwanted.limit(_ROWS_AT_ONCE)).all()
        if not found:
            return count
        count += close_lines(context, dict.fromkeys(found, _WITHDRAWN))


def _lines_of(step: Step) -> Select[UUID]:
    mine = select(TextAttempt.id).join(TextJob, TextJob.id == TextAttempt.job_id)
    is_mine = TextAttempt.batch_id == step.id, TextAttempt.state.in_(OPEN_TEXT_ATTEMPT)
    return mine.join(Campaign, Campaign.id == TextJob.campaign_id).where(*is_mine).order_by(TextAttempt.id)


def _write_lines(context: Context, step: Step, file: IO[bytes]) -> int:
    """Write the file; gives how many lines it has."""
    count = 0
    changed: list[UUID] = []
    for attempt_id, digest, request in _requests(context, step):
        try:
            question = batch_question(str(attempt_id), parse_text_request(request), step.settings)
        except InvalidRequestError:
            changed.append(attempt_id)
            continue
        if hashlib.sha256(question.built.content).hexdigest() != digest:
            changed.append(attempt_id)  # by another version of this program: its price may be another as well
            continue
        file.write(question.line())
        count += 1
    close_lines(context, dict.fromkeys(changed, _WITHDRAWN))
    return count


def _requests(context: Context, step: Step) -> Iterator[tuple[UUID, str, dict[str, object]]]:
    with context.sessions() as session:
        rows = _lines_of(step).with_only_columns(TextAttempt.id, TextAttempt.spec_sha256, TextJob.request)
        yield from session.execute(rows.execution_options(yield_per=_ROWS_AT_ONCE))


def _close_empty(context: Context, step: Step, withdrawn: int) -> str:
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        step.write(session, now=now, state=TextBatchState.CLOSED, closed_at=now, error_code=FailureCode.WITHDRAWN)
    return f"closed: all {withdrawn} jobs were taken out of it"


class _Creation:
    """The one request that makes a batch, and what becomes of it."""

    def __init__(self, context: Context, step: Step, client: QwenBatches, file_id: str, line_count: int) -> None:
        self._context = context
        self._step = step
        self._client = client
        self._file_id = file_id
        self._line_count = line_count
        self._provider_sent_at = client.provider_time
        self._is_sent = False

    def make(self) -> str:
        """Send it, and store what came of it."""
        name, hours = self._step.batch.name, self._context.settings.batch.window_hours
        try:
            made = self._client.create(self._file_id, name=name, window_hours=hours, last_look=self._look)
        except TextError as error:
            return self._failed(error)
        failpoint(Failpoint.BATCH_CREATED)
        # Before the commit, so that it is on record somewhere even if the database is gone.
        log.info("text_batch.created", batch_id=str(self._step.id), provider_batch_id=made.id)
        if self._settle(partial(bind_batch, self._step, made, self._context)):
            return f"running as {made.id}"
        with suppress(TextError):
            self._client.cancel(made.id)
        return f"made too late: {made.id} is cancelled"

    def _look(self) -> None:
        """Commit that the request leaves, just before its first byte."""
        if self._is_sent:
            self._check_time()
            return  # a proxy's CONNECT came first
        self._began_seconds = self._context.host.seconds()
        try:
            with self._context.sessions.begin() as session:
                refused = self._mark(session, self._context.clock.now(session))
        except SQLAlchemyError as error:
            raise TextNotSentError(f"it could not be recorded: {type(error).__name__}") from error
        if refused is not None:
            raise TextNotSentError(refused)
        self._is_sent = True
        failpoint(Failpoint.BATCH_CREATING)
        self._check_time()

    def _check_time(self) -> None:
        # A worker that was frozen up to here wakes up when the batch has long been given up.
        gone_seconds = self._context.host.seconds() - self._began_seconds
        if gone_seconds > self._context.settings.batch.send_within_seconds:
            raise TextNotSentError(f"this worker was stopped for {gone_seconds:.0f} s before the call: it was not sent")

    def _mark(self, session: Session, now: datetime) -> str | None:
        """Write that the request is about to leave; a text: it must not."""
        step = self._step
        ids = select(TextJob.campaign_id).join(TextAttempt, TextAttempt.job_id == TextJob.id)
        mine = ids.where(TextAttempt.batch_id == step.id, TextAttempt.state.in_(OPEN_TEXT_ATTEMPT))
        # Locked, so that nothing is sent after the commit of a stop.
        campaigns = select(Campaign.id).where(Campaign.id.in_(mine)).order_by(Campaign.id)
        session.execute(campaigns.with_for_update(key_share=True))
        if session.scalars(select(exists(_lines_of(step).where(_is_unwanted(now))))).one():
            return "a job of it was stopped meanwhile"
        if session.get_one(Account, step.batch.account_id, populate_existing=True).paused_at is not None:
            return "its account was paused meanwhile"
        answer_by = now + timedelta(seconds=self._context.settings.batch.create_seconds)
        is_mine = step.write(
            session,
            now=now,
            state=TextBatchState.CREATING,
            input_file_id=storable(self._file_id),
            key_fingerprint=step.key_fingerprint,
            sent_at=now,
            answer_by=answer_by,
            provider_sent_at=self._provider_sent_at,
            next_step_at=answer_by,
            problem=None,
            problem_count=0,  # those of the upload say nothing of what is sent now
        )
        if not is_mine:
            return "another worker has taken it"
        if mark_lines_sent(session, step.id, now=now) != self._line_count:
            # One that was closed since would be asked for in this batch and again in another.
            raise TextNotSentError("its jobs have changed since its file was written")
        return None

    def _failed(self, error: TextError) -> str:
        if not self._is_sent:
            return self._step.later(self._context, str(error))
        if isinstance(error, TextNotSentError):
            self._settle(partial(self._release, error, FailureCode.WITHDRAWN))
            return f"not sent: {error}"
        # A refusal without the service's own code may be a gateway's that passed the request on; looking costs nothing.
        if isinstance(error, TextMaybeBilledError) or error.code is None:
            self._settle(partial(self._doubt, error))
            return f"ambiguous: {error}"
        self._settle(partial(self._release, error, error.code))
        return f"refused: {error}"

    def _release(self, error: TextError, code: str, session: Session, now: datetime) -> None:
        release_batch(self._step, Reason(error.failure, code, str(error)), session, now)

    def _doubt(self, error: TextError, session: Session, now: datetime) -> None:
        doubt_batch(self._step, str(error), self._context.settings.batch.first_look_seconds, session, now)

    def _settle(self, write: Callable[[Session, datetime], T]) -> T:
        return commit_with_retry(self._context, write, for_seconds=self._context.settings.batch.settle_within_seconds)
