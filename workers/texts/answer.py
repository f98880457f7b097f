"""The step of a text job: claim, intent, sent, one POST, the answer; the only code that pays for language models.

A POST has no idempotency key, and a lost answer cannot be looked up. So an attempt is committed before a byte leaves,
it is sent once, and its row says how far it can have come when a worker is killed between any two lines here.

=============  ==================================================================================
row says       then
=============  ==================================================================================
``intent``     no byte has left, and none will: ``sent`` cannot be committed past ``send_by``
``sent``       the call may have left: silent past ``answer_by``, it is ambiguous, and may be billed
``answered``   a whole answer is stored
=============  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.operations.texts.attempts import extend_answer, mark_text_sent
from models.operations.texts.live_answers import LiveWriter, connect
from models.text_job import TextJob
from reelqueue.errors import ConfigurationError
from reelqueue.qwen.answer import Answer
from reelqueue.qwen.client._sync import QwenClient, TextReply
from reelqueue.qwen.errors import TextError, TextIncompleteError, TextNotSentError
from reelqueue.states import FailureClass, TextState
from workers.failpoints import Failpoint, failpoint
from workers.runtime.commit_retry import commit_with_retry
from workers.runtime.context import Context
from workers.submission.submit import UPLINK_BYTES_PER_SECOND
from workers.texts.claims import Nothing, TextClaim, take_text_job
from workers.texts.decisions import Verdict
from workers.texts.outcomes import store_answer, store_error
from workers.webhooks.deliver import hint_webhooks

log = structlog.get_logger(__name__)

T = TypeVar("T")

_SHOW_SECONDS: Final = 0.1
"""How often pieces of an answer are shown."""


class _StoppedError(Exception):
    """An operator or user has stopped the job."""


def answer_text_job(context: Context, job_id: UUID) -> str:
    """Ask the first text job of a model that can be asked now, at most once.

    Args:
        context: The outside world.
        job_id: Any job of the model: the one that the hint names.

    Returns:
        What became of it, in a few words for people.
    """
    began_seconds = context.host.seconds()
    taken = take_text_job(context, job_id)
    if taken.wake is not None:
        context.hints.text(taken.wake.job_id, taken.wake.model, delay_seconds=taken.wake.delay_seconds)
    if isinstance(taken, Nothing):
        return taken.why
    claim = taken.claim
    failpoint(Failpoint.TEXT_INTENT, claim.job_id)
    context.host.sleep(claim.wait_seconds)
    done = _ask(context, claim, began_seconds)
    failpoint(Failpoint.TEXT_CLOSED)
    context.hints.text(claim.job_id, claim.model)
    hint_webhooks(context, claim.job_id)
    return done


def _ask(context: Context, claim: TextClaim, began_seconds: float) -> str:
    """Send the call, read its answer, and store what came of it."""
    call = _Call(context, claim, began_seconds)
    try:
        answer = call.answer()
    except TextError as error:
        verdict = _settle(context, partial(_store_error, context, claim, error))
        call.show_end(verdict.job)
        log.warning("text_job.no_answer", text_job_id=str(claim.job_id), attempt=claim.number, state=verdict.job.value,
                    outcome=verdict.attempt.value, failure_class=error.failure.value, code=error.code,
                    provider_request_id=error.request_id)  # fmt: skip
        return f"text_job={claim.job_id} {verdict.attempt}: {verdict.job}"
    failpoint(Failpoint.TEXT_ANSWERED)
    # Before the commit, so that its bill is on record somewhere even if the database is gone.
    log.info("text_job.answered", text_job_id=str(claim.job_id), attempt=claim.number,
             provider_request_id=answer.request_id)  # fmt: skip
    is_used = _settle(context, partial(_store_answer, claim, answer))
    call.show_end("succeeded")
    return f"text_job={claim.job_id} {'succeeded' if is_used else 'answered too late: entered as paid'}"


def _store_error(context: Context, claim: TextClaim, error: TextError, session: Session, now: datetime) -> Verdict:
    return store_error(session, claim, error, context.settings, now=now)


def _store_answer(claim: TextClaim, answer: Answer, session: Session, now: datetime) -> bool:
    return store_answer(session, claim, answer, now=now)


def _settle(context: Context, write: Callable[[Session, datetime], T]) -> T:
    """Commit an outcome that only this worker knows."""
    return commit_with_retry(context, write, for_seconds=context.settings.text.settle_within_seconds)


class _Call:
    """One POST and the reading of its answer."""

    def __init__(self, context: Context, claim: TextClaim, began_seconds: float) -> None:
        self._context = context
        self._claim = claim
        self._began_seconds = began_seconds
        self._extended_seconds = self._shown_seconds = context.host.seconds()
        self._is_sent = False
        url = context.settings.services.broker_url.get_secret_value()
        self._live = LiveWriter(connect(url) if claim.is_streamed else None, claim.job_id)

    def answer(self) -> Answer:
        """The whole answer.

        Raises:
            TextError: There is none.
        """
        try:
            client = QwenClient(self._claim.settings)
        except ConfigurationError as error:
            raise TextNotSentError(str(error), failure=FailureClass.ACCOUNT) from error
        with client, client.send(self._claim.built, last_look=self._look) as reply:
            failpoint(Failpoint.TEXT_BEGUN)
            self._live.write("begin", str(self._claim.number))
            try:
                self._pause_for_breath()  # its head has come: its first event may take as long once more
                for delta in reply.events():
                    self._live.write(delta.kind, delta.text, delta.index)
                    self._pause_for_breath()
            except _StoppedError:
                raise _given_up(reply) from None
            return reply.answer()

    def show_end(self, state: str) -> None:
        """Mark the live text as ended, for its readers."""
        self._live.write("end", state)
        self._live.close()

    def _look(self) -> None:
        """Check for the last time before the first byte leaves, and record that it leaves."""
        self._check_time()
        if self._is_sent:
            return  # a proxy's CONNECT came first
        rules = self._context.settings.text
        try:
            with self._context.sessions.begin() as session:
                now = self._context.clock.now(session)
                upload_seconds = len(self._claim.built.content) / UPLINK_BYTES_PER_SECOND
                answer_by = now + timedelta(seconds=rules.silence_seconds + upload_seconds)
                self._is_sent = mark_text_sent(session, self._claim.attempt_id, now=now, answer_by=answer_by)
        except SQLAlchemyError as error:
            raise TextNotSentError(f"it could not be recorded: {type(error).__name__}") from error
        if not self._is_sent:
            raise TextNotSentError("its time to be sent has passed")
        failpoint(Failpoint.TEXT_SENT)
        self._check_time()

    def _check_time(self) -> None:
        # A worker that was frozen up to here wakes up when the call has long been given up.
        gone_seconds = self._context.host.seconds() - self._began_seconds
        if gone_seconds > self._claim.send_within_seconds:
            raise TextNotSentError(
                f"{gone_seconds:.0f} s passed before the call, and it had {self._claim.send_within_seconds:.0f} s "
                "to leave: it was not sent"
            )

    def _pause_for_breath(self) -> None:
        """Before each event: publish the text so far, renew the lease, and check whether to continue."""
        seconds = self._context.host.seconds()
        if seconds - self._shown_seconds >= _SHOW_SECONDS:
            self._shown_seconds = seconds
            self._live.flush()
        rules = self._context.settings.text
        if seconds - self._extended_seconds < rules.extend_seconds:
            return
        self._extended_seconds = seconds
        try:
            with self._context.sessions.begin() as session:
                now = self._context.clock.now(session)
                answer_by = now + timedelta(seconds=rules.silence_seconds)
                extend_answer(session, self._claim.attempt_id, answer_by=answer_by)
                # One that was given up already is read to its end: then its cost is known.
                asked = select(TextJob.id).where(
                    TextJob.id == self._claim.job_id,
                    TextJob.epoch == self._claim.epoch,
                    TextJob.state == TextState.RUNNING,
                    TextJob.cancel_requested_at.is_not(None),
                )
                is_stopped = session.scalars(asked).first() is not None
        except SQLAlchemyError as error:
            log.warning("text_job.not_extended", text_job_id=str(self._claim.job_id), error=type(error).__name__)
            return  # the answer is worth more than the lease
        if is_stopped:
            raise _StoppedError


def _given_up(reply: TextReply) -> TextError:
    return TextIncompleteError(
        "it was stopped while its answer came", request_id=reply.request_id, partial=reply.partial
    )
