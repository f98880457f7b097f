"""Attempts of text jobs: recording a call before it leaves, and closing it with its cost in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.base import new_id
from models.ledger_entry import EntryKind, LedgerEntry
from models.operations.money.ledger import TextCharge, post_charges
from models.text_attempt import TextAttempt
from models.text_job import OnLostAnswer, TextJob
from reelqueue.qwen.cost import TextCost
from reelqueue.states import OPEN_TEXT_ATTEMPT, FailureClass, TextAttemptState

MAYBE_BILLED: Final = frozenset({TextAttemptState.SENT, TextAttemptState.ANSWERED, TextAttemptState.AMBIGUOUS})
"""Attempts that were, or may have been, billed; `calls_allowed` bounds them."""
_BILLED: Final = frozenset({TextAttemptState.ANSWERED, TextAttemptState.AMBIGUOUS})


@dataclass(frozen=True, kw_only=True)
class TextOutcome:
    """How an attempt ended."""

    state: TextAttemptState
    http_status: int | None = None
    request_id: str | None = None
    error_class: FailureClass | None = None
    error_code: str | None = None
    error_message: str | None = None
    partial_text: str | None = None
    partial_reasoning: str | None = None
    usage: dict[str, Any] | None = None
    cost: TextCost | None = None
    """What it cost; None where it was not billed, or no price is known."""


def calls_allowed(on_lost_answer: OnLostAnswer, retry_count: int) -> int:
    """How many calls of a job may be billed: what its owner chose, and those that a person has allowed beyond that."""
    return (2 if on_lost_answer is OnLostAnswer.RETRY_ONCE else 1) + retry_count


def open_attempt(
    session: Session,
    job: TextJob,
    *,
    account_id: UUID,
    base_url: str,
    spec_sha256: str,
    most: TextCost | None,
    now: datetime,
    send_by: datetime,
) -> TextAttempt:
    """Record that a call is meant to be sent, and reserve what it may cost.

    Args:
        session: In the transaction that claims the job, with its campaign locked where that has a budget.
        job: The job, at its new epoch.
        account_id: Where it goes.
        base_url: To which URL.
        spec_sha256: Hex SHA-256 of its body.
        most: What it may cost at most; None: no price is known.
        now: The time.
        send_by: After this it must not leave.
    """
    number = session.scalars(select(func.count()).where(TextAttempt.job_id == job.id)).one() + 1
    attempt = TextAttempt(
        id=new_id(),
        job_id=job.id,
        number=number,
        account_id=account_id,
        base_url=base_url,
        state=TextAttemptState.INTENT,
        epoch=job.epoch,
        spec_sha256=spec_sha256,
        created_at=now,
        send_by=send_by,
        reserved_amount=most.amount if most else None,
        currency=most.currency if most else None,
        priced_on=most.priced_on if most else None,
    )
    session.add(attempt)
    session.flush()
    return attempt


def mark_text_sent(session: Session, attempt_id: UUID, *, now: datetime, answer_by: datetime) -> bool:
    """Record that the first byte is about to leave; False if its time has passed, or it is closed already."""
    marked = session.execute(
        update(TextAttempt)
        .where(TextAttempt.id == attempt_id, TextAttempt.state == TextAttemptState.INTENT, TextAttempt.send_by > now)
        .values(state=TextAttemptState.SENT, sent_at=now, answer_by=answer_by)
        .returning(TextAttempt.id)
    )
    return marked.first() is not None


def extend_answer(session: Session, attempt_id: UUID, *, answer_by: datetime) -> None:
    """The answer is coming: its worker lives."""
    mine = update(TextAttempt).where(TextAttempt.id == attempt_id, TextAttempt.state == TextAttemptState.SENT)
    session.execute(mine.values(answer_by=answer_by))


def close_attempt(session: Session, attempt_id: UUID, outcome: TextOutcome, *, now: datetime) -> TextAttempt | None:
    """Store how an attempt ended; what is certain also where the attempt was given up meanwhile.

    Args:
        session: In a transaction that has locked its job; the caller commits.
        attempt_id: The attempt.
        outcome: How it ended.
        now: The time.

    Returns:
        The attempt as it is now, or None if it has its outcome already.
    """
    is_certain = outcome.state is not TextAttemptState.AMBIGUOUS
    closable = OPEN_TEXT_ATTEMPT | ({TextAttemptState.AMBIGUOUS} if is_certain else set())
    found = select(TextAttempt).where(TextAttempt.id == attempt_id, TextAttempt.state.in_(closable))
    attempt = session.scalars(
        found.with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()
    if attempt is None:
        return None
    facts = {name: value for name, value in vars(outcome).items() if name != "cost"}
    for name, value in facts.items():
        setattr(attempt, name, value)
    attempt.closed_at = now
    if outcome.cost is not None:
        attempt.cost_amount, attempt.currency = outcome.cost.amount, outcome.cost.currency
        attempt.priced_on, attempt.is_estimate = outcome.cost.priced_on, outcome.cost.is_estimate
    elif outcome.state not in _BILLED:
        attempt.cost_amount = attempt.is_estimate = None
    session.flush()
    return attempt


def charge_attempt(session: Session, attempt: TextAttempt, *, now: datetime) -> None:
    """Enter what a closed attempt has cost, and add up its job's costs.

    Args:
        session: In the transaction that closed it. To be called last: it locks the campaign.
        attempt: The attempt.
        now: The time.
    """
    mine = select(LedgerEntry.kind, func.sum(LedgerEntry.amount)).where(LedgerEntry.text_attempt_id == attempt.id)
    entered = dict(session.execute(mine.group_by(LedgerEntry.kind)).all())
    if attempt.state not in _BILLED and not entered:
        return
    job = _add_up(session, attempt.job_id)
    is_doubtful = attempt.state is TextAttemptState.AMBIGUOUS if attempt.is_estimate is None else attempt.is_estimate
    kind, amount = EntryKind.WRITE_OFF if is_doubtful else EntryKind.SETTLE, attempt.cost_amount
    if attempt.state not in _BILLED:  # it was given up, and has turned out to be free
        kind, amount = EntryKind.WRITE_OFF, -(entered.get(EntryKind.WRITE_OFF) or Decimal(0))
        if not amount:
            return
    elif kind in entered:
        return  # its answer came late, and without its usage: the doubt is the same
    charge = TextCharge(
        kind=kind,
        campaign_id=job.campaign_id,
        account_id=attempt.account_id,
        text_attempt_id=attempt.id,
        amount=amount,
        currency=attempt.currency if amount is not None else None,
    )
    post_charges(session, [charge], now=now)


def _add_up(session: Session, job_id: UUID) -> TextJob:
    """Write what all calls of a job have cost together; gives the job."""
    job = session.get_one(TextJob, job_id, populate_existing=True)
    totals = select(
        func.sum(TextAttempt.cost_amount),
        func.max(TextAttempt.currency),
        func.bool_or(TextAttempt.is_estimate),
        func.min(TextAttempt.priced_on),
    ).where(TextAttempt.job_id == job_id, TextAttempt.cost_amount.is_not(None))
    amount, currency, is_estimate, priced_on = session.execute(totals).one()
    job.cost_amount, job.cost_currency = amount, currency
    job.cost_is_estimate, job.priced_on = bool(is_estimate), priced_on
    session.flush()
    return job


def billed_count(session: Session, job_id: UUID) -> int:
    """How many closed calls of a job were, or may have been, billed."""
    # An answer that came after its call was given up is one of them: its job may have gone on to the next call.
    billed = select(func.count()).where(TextAttempt.job_id == job_id, TextAttempt.state.in_(_BILLED))
    return session.scalars(billed).one()
