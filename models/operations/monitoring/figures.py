"""What `/metrics` shows, read from the record: each number is a query over an index of live rows.

No label is a prompt, an id or a key: labels are names of accounts and models, states, and classes of failures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.daily_spending import DailySpending
from models.operations.jobs.newest_task import newest_task
from models.operations.scheduling.account_limits import lane_limits
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from models.submit_gate import SubmitGate
from models.text_attempt import TextAttempt
from models.text_batch import TextBatch
from models.text_job import TextJob
from models.webhook_delivery import WebhookDelivery
from reelqueue.states import (
    OPEN_TEXT_ATTEMPT,
    TERMINAL,
    TEXT_TERMINAL,
    AttemptState,
    RenderState,
    TextBatchState,
    TextState,
)

LIVE: Final = tuple(sorted(set(RenderState) - TERMINAL))
"""States of render jobs that are not over."""
IN_FLIGHT: Final = (RenderState.SUBMITTING, RenderState.RENDERING, RenderState.CANCELLING)
"""States of render jobs that the provider has, or may have."""
OUTCOME_WINDOW: Final = timedelta(minutes=10)
"""Submits that began within it are counted by outcome."""
_AMBIGUOUS: Final = (AttemptState.AMBIGUOUS, AttemptState.RECONCILING)
_LIVE_TEXTS: Final = tuple(sorted(set(TextState) - TEXT_TERMINAL))


@dataclass(frozen=True)
class Figure:
    """One family of numbers."""

    name: str
    """Without the product's prefix; ends in its unit, where it has one."""
    words: str
    """What it counts."""
    labels: tuple[str, ...]
    values: Sequence[tuple[tuple[str, ...], float]]
    """Each with the values of its labels."""


def read_figures(session: Session, now: datetime) -> Iterator[Figure]:
    """Every figure, at one moment if the transaction is `REPEATABLE READ`.

    Args:
        session: In a transaction; nothing is locked or written.
        now: The time.
    """
    yield from _jobs(session)
    yield from _polls(session, now)
    yield from _slots(session)
    yield from _admission(session, now)
    yield from _submits(session, now)
    yield from _archive(session, now)
    yield from _money(session, now)
    yield from _webhooks(session, now)
    yield from _texts(session, now)
    yield from _accounts(session, now)


def age_seconds(now: datetime, since: datetime | None) -> float:
    """How long ago something was; 0 where there is none, or it lies ahead."""
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)


def job_counts(session: Session) -> dict[RenderState, int]:
    """How many render jobs are in each state that is not over."""
    counted = select(RenderJob.state, func.count()).where(RenderJob.state.in_(LIVE)).group_by(RenderJob.state)
    return dict(session.execute(counted).all())


def overdue_polls(session: Session, now: datetime) -> tuple[int, float]:
    """How many polls are overdue, and for how many seconds the oldest is."""
    due = select(func.count(), func.min(RenderJob.next_poll_at)).where(RenderJob.next_poll_at <= now)
    count, oldest = session.execute(due).one()
    return count, age_seconds(now, oldest)


def waiting_results(session: Session) -> tuple[int, datetime | None]:
    """How many results are not archived, and when the first of them is gone."""
    task = newest_task(RenderJob.id).with_only_columns(ProviderTask.result_expires_at).correlate(RenderJob)
    waiting = select(func.count(), func.min(task.scalar_subquery())).where(RenderJob.next_archive_at.is_not(None))
    count, expires_at = session.execute(waiting).one()
    return count, expires_at


def spent_today(session: Session, now: datetime) -> dict[tuple[str, str], float]:
    """What was spent since midnight (UTC), by account and currency."""
    spent = (
        select(Account.name, DailySpending.currency, func.sum(DailySpending.amount))
        .join(Account, Account.id == DailySpending.account_id)
        .where(DailySpending.day == now.astimezone(UTC).date())
        .group_by(Account.name, DailySpending.currency)
    )
    return {(name, currency): float(amount) for name, currency, amount in session.execute(spent)}


def _grouped(session: Session, query: Select[*tuple[Any, ...]]) -> list[tuple[tuple[str, ...], float]]:
    """The rows of a query whose last column is the number."""
    return [_labelled(row) for row in session.execute(query)]


def _labelled(row: Row[*tuple[Any, ...]]) -> tuple[tuple[str, ...], float]:
    *labels, value = row
    return tuple("" if label is None else str(label) for label in labels), float(value or 0)


def _alone(name: str, words: str, value: float) -> Figure:
    return Figure(name, words, (), [((), value)])


def _jobs(session: Session) -> Iterator[Figure]:
    counted = (
        select(RenderJob.state, RenderJob.model, func.count())
        .where(RenderJob.state.in_(LIVE))
        .group_by(RenderJob.state, RenderJob.model)
    )
    yield Figure("jobs", "Render jobs that are not over", ("state", "model"), _grouped(session, counted))


def _polls(session: Session, now: datetime) -> Iterator[Figure]:
    count, oldest_seconds = overdue_polls(session, now)
    yield _alone("overdue_polls", "Polls whose time has come", count)
    yield _alone("oldest_overdue_poll_seconds", "For how long the oldest overdue poll is due", oldest_seconds)


def _slots(session: Session) -> Iterator[Figure]:
    leased = (
        select(Account.name, Slot.model, func.count())
        .join(Account, Account.id == Slot.account_id)
        .group_by(Account.name, Slot.model)
    )
    values = _grouped(session, leased)
    accounts = {account.name: account for account in session.scalars(select(Account))}
    labels = ("account", "model")
    yield Figure("slots_leased", "Slots that are leased, with those of the look-ahead", labels, values)
    limits = [(key, float(lane_limits(accounts[key[0]], key[1]).slots)) for key, _ in values]
    yield Figure("slots", "Slots of each account and model of which one is leased", labels, limits)


def _admission(session: Session, now: datetime) -> Iterator[Figure]:
    waiting = RenderJob.state == RenderState.QUEUED, ~RenderJob.is_awaiting
    oldest = (
        select(RenderJob.model, _age(now, func.min(RenderJob.created_at))).where(*waiting).group_by(RenderJob.model)
    )
    words = "Age of the oldest queued job, also of those that their campaign holds"
    yield Figure("oldest_queued_seconds", words, ("model",), _grouped(session, oldest))
    delay = func.extract("epoch", func.max(Slot.leased_at - RenderJob.created_at))
    delays = select(Slot.model, delay).join(RenderJob, RenderJob.id == Slot.job_id).group_by(Slot.model)
    words = "Longest time from enqueue to slot, of the jobs that hold slots now"
    yield Figure("admission_delay_seconds", words, ("model",), _grouped(session, delays))


def _age(now: datetime, since: ColumnElement[datetime]) -> ColumnElement[float]:
    return func.greatest(func.extract("epoch", now - since), 0)


def _submits(session: Session, now: datetime) -> Iterator[Figure]:
    begun = Attempt.id >= _first_id(now - OUTCOME_WINDOW)
    outcomes = (
        select(Attempt.state, Attempt.error_class, func.count())
        .where(begun)
        .group_by(Attempt.state, Attempt.error_class)
    )
    words = "Submits that began within the last 10 minutes, by what became of them"
    yield Figure("submits", words, ("outcome", "class"), _grouped(session, outcomes))
    ambiguous = select(func.count(), func.min(Attempt.sent_at)).where(Attempt.state.in_(_AMBIGUOUS))
    count, oldest = session.execute(ambiguous).one()
    yield _alone("ambiguous_attempts", "Submits of which it is not known whether they made a task", count)
    words = "Age of the oldest ambiguous submit"
    yield _alone("oldest_ambiguous_attempt_seconds", words, age_seconds(now, oldest))


def _first_id(at: datetime) -> UUID:
    """The least UUIDv7 of a moment: ids are in the order of time, so the primary key finds the newest rows."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def _archive(session: Session, now: datetime) -> Iterator[Figure]:
    count, expires_at = waiting_results(session)
    yield _alone("archive_backlog", "Rendered results that are not archived", count)
    if expires_at is not None:
        left_hours = (expires_at - now) / timedelta(hours=1)
        yield _alone("first_expiry_hours", "Hours until the first of them is gone; absent without one", left_hours)


def _money(session: Session, now: datetime) -> Iterator[Figure]:
    reserved = (
        select(Account.name, Slot.model, Slot.currency, func.sum(Slot.reserved_amount))
        .join(Account, Account.id == Slot.account_id)
        .where(Slot.currency.is_not(None))
        .group_by(Account.name, Slot.model, Slot.currency)
    )
    asking = (
        select(Account.name, TextJob.model, TextAttempt.currency, func.sum(TextAttempt.reserved_amount))
        .join(Account, Account.id == TextAttempt.account_id)
        .join(TextJob, TextJob.id == TextAttempt.job_id)
        .where(TextAttempt.state.in_(OPEN_TEXT_ATTEMPT), TextAttempt.currency.is_not(None))
        .group_by(Account.name, TextJob.model, TextAttempt.currency)
    )
    held = [*_grouped(session, reserved), *_grouped(session, asking)]
    yield Figure("reserved_amount", "Most that what is under way may cost", ("account", "model", "currency"), held)
    spent = list(spent_today(session, now).items())
    yield Figure("spent_today_amount", "Spent since midnight (UTC)", ("account", "currency"), spent)


def _webhooks(session: Session, now: datetime) -> Iterator[Figure]:
    due = select(func.count(), func.min(WebhookDelivery.next_attempt_at)).where(WebhookDelivery.next_attempt_at <= now)
    count, oldest = session.execute(due).one()
    yield _alone("webhooks_due", "Webhook deliveries whose time has come", count)
    yield _alone("oldest_due_webhook_seconds", "For how long the oldest is due", age_seconds(now, oldest))


def _texts(session: Session, now: datetime) -> Iterator[Figure]:
    counted = (
        select(TextJob.state, TextJob.model, func.count())
        .where(TextJob.state.in_(_LIVE_TEXTS))
        .group_by(TextJob.state, TextJob.model)
    )
    yield Figure("text_jobs", "Text jobs that are not over", ("state", "model"), _grouped(session, counted))
    queued = TextJob.state == TextState.QUEUED, ~TextJob.is_batched
    oldest = select(TextJob.model, _age(now, func.min(TextJob.created_at))).where(*queued).group_by(TextJob.model)
    words = "Age of the oldest queued text job that is in no batch"
    yield Figure("oldest_queued_text_seconds", words, ("model",), _grouped(session, oldest))
    batches = (
        select(TextBatch.state, TextBatch.model, func.count())
        .where(TextBatch.state != TextBatchState.CLOSED)
        .group_by(TextBatch.state, TextBatch.model)
    )
    yield Figure("text_batches", "Batches of text jobs that are open", ("state", "model"), _grouped(session, batches))


def _accounts(session: Session, now: datetime) -> Iterator[Figure]:
    paused = [((one.name,), float(one.paused_at is not None)) for one in session.scalars(select(Account))]
    yield Figure("account_paused", "1 while nothing is submitted to the account", ("account",), paused)
    gates = select(Account.name, SubmitGate.is_open, SubmitGate.alive_at).join(
        Account, Account.id == SubmitGate.account_id
    )
    found = session.execute(gates).all()
    shut = [((name,), float(not is_open)) for name, is_open, _ in found]
    words = "1 while the record is not compared with the provider's list"
    yield Figure("gate_shut", words, ("account",), shut)
    seen = max((alive_at for *_, alive_at in found if alive_at is not None), default=None)
    if seen is not None:
        words = "Time since the last dispatch, to within half a minute"
        yield _alone("last_dispatch_seconds", words, age_seconds(now, seen))
