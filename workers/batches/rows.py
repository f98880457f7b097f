"""A batch's row while a worker takes a step of it: taken with a lease, and written only by the one that has it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.account import Account
from models.text_batch import TextBatch
from reelqueue.backoff import Backoff
from reelqueue.qwen.batch.client import TextBatch as ProviderBatch
from reelqueue.qwen.settings import QwenSettings
from reelqueue.states import FailureClass, TextBatchState
from workers.runtime.context import Context
from workers.settings import BatchSettings
from workers.texts.decisions import Reason
from workers.texts.outcomes import storable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = structlog.get_logger(__name__)

PROBLEMS: Final = Backoff(first_seconds=2, longest_seconds=300, jitter=0.3)
"""Before a step is taken again that failed."""
_MESSAGE_CHARACTERS: Final = 500
_SPOOLED_BYTES: Final = 8 * 1024 * 1024
_KEPT_SHARE: Final = 1 / 4
"""Of a lease, between two signs of life."""
_UNDECIDED: Final = (TextBatchState.CREATING, TextBatchState.AMBIGUOUS)


@dataclass(frozen=True)
class Step:
    """One step of a batch that this worker takes."""

    batch: TextBatch
    """As it was when it was taken."""
    settings: QwenSettings
    """Where and as whom it is sent."""
    key_fingerprint: str
    """Of that key."""

    @property
    def id(self) -> UUID:
        """Of the batch."""
        return self.batch.id

    def write(self, session: Session, *, now: datetime, delay_seconds: float = 0, **values: Any) -> bool:
        """Write columns of the batch, and when its next step is due; False: another worker has taken it since.

        Args:
            session: In a transaction; the caller commits.
            now: The time.
            delay_seconds: Until the next step.
            **values: Columns.
        """
        values.setdefault("next_step_at", now + timedelta(seconds=delay_seconds))
        return _write(session, self.batch, **values)

    def later(self, context: Context, problem: str) -> str:
        """Note why the step failed, and take it again after a while."""
        return try_later(context, self.batch, problem)


def try_later(context: Context, batch: TextBatch, problem: str) -> str:
    """Note why a step of a batch failed, and take it again after a while."""
    count = batch.problem_count + 1
    with context.sessions.begin() as session:
        delay = timedelta(seconds=PROBLEMS.delay(count))
        values = {"problem_count": count, "problem": storable(problem)[:_MESSAGE_CHARACTERS]}
        _write(session, batch, next_step_at=context.clock.now(session) + delay, **values)
    log.warning("text_batch.problem", batch_id=str(batch.id), state=batch.state.value, problem=problem)
    return f"{batch.state}: {problem}"


def is_hopeless(batch: TextBatch, rules: BatchSettings, now: datetime) -> bool:
    """Whether what became of a batch could not be found out for so long that it is given up, after one more failure.

    Its age alone says nothing: all workers may have been off, the window may be longer, or the clock was set. So the
    steps in a row that failed must have taken as long, too.
    """
    give_up = timedelta(hours=rules.give_up_hours)
    failed = timedelta(seconds=PROBLEMS.longest_seconds) * (batch.problem_count + 1)
    return min(now - (batch.sent_at or batch.created_at), failed) > give_up


def _write(session: Session, batch: TextBatch, **values: Any) -> bool:
    mine = update(TextBatch).where(TextBatch.id == batch.id, TextBatch.step == batch.step)
    return session.execute(mine.values(values).returning(TextBatch.id)).first() is not None


def take_step(context: Context, batch_id: UUID) -> TextBatch | None:
    """Take the next step of a batch, if it is due; its time in the row is when this worker counts as dead."""
    lease = timedelta(seconds=context.settings.batch.lease_seconds)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        due = update(TextBatch).where(
            TextBatch.id == batch_id, TextBatch.state != TextBatchState.CLOSED, TextBatch.next_step_at <= now
        )
        taken = due.values(step=TextBatch.step + 1, next_step_at=now + lease).returning(TextBatch)
        return session.scalars(taken.execution_options(populate_existing=True)).one_or_none()


def step_of(context: Context, batch: TextBatch) -> Step:
    """What a worker needs for the step that it has taken.

    Raises:
        ConfigurationError: The account's key is not in the environment.
    """
    with context.sessions() as session:
        account = session.get_one(Account, batch.account_id)
    settings = context.text_settings(account)
    settings = settings.model_copy(update={"base_url": batch.base_url})
    return Step(batch, settings, context.key_fingerprint(account))


class LeaseLostError(Exception):
    """Another worker has taken the batch."""


def keep_step(context: Context, step: Step) -> None:
    """Show that the worker of a step lives, for a whole lease more.

    Raises:
        LeaseLostError: It took too long, and another goes on with the batch.
    """
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if not step.write(session, now=now, delay_seconds=context.settings.batch.lease_seconds):
            raise LeaseLostError


class KeptFile(tempfile.SpooledTemporaryFile[bytes]):
    """A file whose reading and writing keeps a step: on a slow line 500 MB take longer than a lease."""

    def __init__(self, context: Context, step: Step) -> None:
        super().__init__(max_size=_SPOOLED_BYTES)
        self._context = context
        self._step = step
        self._kept_seconds = context.host.seconds()

    def read(self, size: int = -1, /) -> bytes:
        """As every file.

        Raises:
            LeaseLostError: As `keep_step`.
        """
        self._keep()
        return super().read(size)

    def write(self, content: ReadableBuffer, /) -> int:
        """As every file.

        Raises:
            LeaseLostError: As `keep_step`.
        """
        self._keep()
        return super().write(content)

    def _keep(self) -> None:
        seconds = self._context.host.seconds()
        if seconds - self._kept_seconds < self._context.settings.batch.lease_seconds * _KEPT_SHARE:
            return
        self._kept_seconds = seconds
        try:
            keep_step(self._context, self._step)
        except SQLAlchemyError as error:  # it may be back before the lease is over
            log.warning("text_batch.not_kept", batch_id=str(self._step.id), error=type(error).__name__)


def again(context: Context, batch_id: UUID) -> None:
    """Hint at the next step of a batch, unless it is closed."""
    with context.sessions() as session:
        now = context.clock.now(session)
        open_ones = select(TextBatch.next_step_at).where(
            TextBatch.id == batch_id, TextBatch.state != TextBatchState.CLOSED
        )
        due_at = session.scalars(open_ones).one_or_none()
    if due_at is not None:
        context.hints.batch(batch_id, delay_seconds=max((due_at - now).total_seconds(), 0))


def bind_batch(step: Step, made: ProviderBatch, context: Context, session: Session, now: datetime) -> bool:
    """Store that a batch exists at the provider, and follow it; False: its jobs have gone on without it."""
    is_bound = _write_open(
        step,
        session,
        state=TextBatchState.RUNNING,
        provider_batch_id=storable(made.id),
        provider_status=storable(made.status),
        problem=None,
        problem_count=0,
        next_step_at=now + timedelta(seconds=context.settings.batch.poll_seconds),
    )
    if is_bound or made.id == session.scalars(select(TextBatch.provider_batch_id).where(TextBatch.id == step.id)).one():
        return True
    log.error("text_batch.made_too_late", batch_id=str(step.id), provider_batch_id=made.id,
              remedy="it is cancelled; lines that it had answered are billed")  # fmt: skip
    return False


def doubt_batch(step: Step, why: str, delay_seconds: float, session: Session, now: datetime) -> None:
    """Store that the answer was lost."""
    _write_open(
        step,
        session,
        state=TextBatchState.AMBIGUOUS,
        problem=storable(why)[:_MESSAGE_CHARACTERS],
        next_step_at=now + timedelta(seconds=delay_seconds),
    )


def release_batch(step: Step, reason: Reason, session: Session, now: datetime) -> None:
    """Store that the batch is not at the provider, or cannot be found out about; its jobs are released next."""
    _write_open(
        step,
        session,
        state=TextBatchState.RELEASING,
        error_class=reason.failure_class or FailureClass.PROVIDER,
        error_code=storable(reason.code) if reason.code else None,
        error_message=storable(reason.message or "")[:_MESSAGE_CHARACTERS],
        next_step_at=now,
    )


def _write_open(step: Step, session: Session, **values: object) -> bool:
    """Write what is known of a batch that may exist; a late worker's answer is as good as any."""
    mine = update(TextBatch).where(TextBatch.id == step.id, TextBatch.state.in_(_UNDECIDED))
    return session.execute(mine.values(values).returning(TextBatch.id)).first() is not None
