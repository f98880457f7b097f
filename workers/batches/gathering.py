"""Gathering text jobs into batches: which are due, what each may cost, and their claim, in one transaction a batch.

Requests are built before anything is locked, as they never change; the transaction that claims the jobs only counts
money. A job that cannot be paid for now is looked at again after the time that a batch waits for its jobs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.base import among
from models.campaign import Campaign
from models.operations.accounts import pause_account
from models.operations.scheduling.account_limits import offers
from models.operations.texts.batches import BatchLine, open_batch
from models.operations.texts.transitions import move_text
from models.text_batch import TextBatch
from models.text_job import TextJob
from reelqueue.errors import ConfigurationError, InvalidRequestError
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.batch.questions import batch_question
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.request import parse_text_request
from reelqueue.qwen.settings import QwenSettings
from reelqueue.states import FailureClass, TextBatchState, TextState
from workers.batches.purse import Purse
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context
from workers.settings import BatchSettings
from workers.texts.claims import ensure_text_account

log = structlog.get_logger(__name__)

_LINES_AT_ONCE: Final = 500


@dataclass(frozen=True)
class _Candidate:
    """A job that may become a line."""

    line: BatchLine
    thinking: bool | None


@dataclass(frozen=True)
class _Unfit:
    """A job that cannot be sent at all."""

    job_id: UUID
    code: str
    message: str


@dataclass(frozen=True)
class _Place:
    """Where a batch goes."""

    account: Account
    settings: QwenSettings
    model: str


def ripe_models(session: Session, rules: BatchSettings, now: datetime) -> list[str]:
    """Models whose batched jobs need not be waited for any longer."""
    oldest = now - timedelta(seconds=rules.gather_seconds)
    is_ripe = or_(
        func.min(TextJob.created_at) <= oldest,
        func.count() >= rules.lines_max,
        func.sum(TextJob.line_bytes) >= rules.bytes_max,
    )
    due = select(TextJob.model).join(Campaign, Campaign.id == TextJob.campaign_id).where(may_be_gathered(now))
    return list(session.scalars(due.group_by(TextJob.model).having(is_ripe).order_by(TextJob.model)))


def gather_text_jobs(context: Context, model: str) -> str:
    """Make batches of the jobs of a model that are due, if they need not be waited for any longer.

    Args:
        context: The outside world.
        model: The model.

    Returns:
        What was gathered, in a few words for people.
    """
    place = _place(context, model)
    if isinstance(place, str):
        return place
    fit: list[_Candidate] = []
    unfit: list[_Unfit] = []
    with context.sessions() as session:
        for one in _candidates(session, place.settings, model, context.settings.batch, context.clock.now(session)):
            (fit if isinstance(one, _Candidate) else unfit).append(one)  # type: ignore[arg-type] # by its kind
    _fail(context, unfit)
    counts: list[int] = []
    for thinking in dict.fromkeys(one.thinking for one in fit):
        mine = [one for one in fit if one.thinking is thinking]
        batch = _claim(context, place, mine)
        if batch is None:
            continue
        failpoint(Failpoint.BATCH_GATHERED)
        counts.append(batch.line_count)
        log.info("text_batch.gathered", batch_id=str(batch.id), model=model, lines=batch.line_count)
        context.hints.batch(batch.id)
    return f"model={model} batches={len(counts)} jobs={sum(counts)}"


def may_be_gathered(now: datetime) -> ColumnElement[bool]:
    """Whether a job, joined with its campaign, may be put into a batch now; money is looked at by the claim."""
    return and_(
        TextJob.state == TextState.QUEUED,
        TextJob.is_batched,
        or_(TextJob.not_before_at.is_(None), TextJob.not_before_at <= now),
        or_(TextJob.start_by.is_(None), TextJob.start_by > now),
        TextJob.cancel_requested_at.is_(None),
        Campaign.paused_at.is_(None),
        Campaign.cancelled_at.is_(None),
        or_(Campaign.run_at.is_(None), Campaign.run_at <= now),
    )


def _place(context: Context, model: str) -> _Place | str:
    """The account that has the fewest batches of the model; a text: there is none, or nothing is due."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if model not in ripe_models(session, context.settings.batch, now):
            return f"no batch of {model} is due: nothing done"
        ensure_text_account(session, context)
        accounts = session.scalars(select(Account).where(Account.paused_at.is_(None)).order_by(Account.id)).all()
        usable = [account for account in accounts if offers(account, model)]
        if not usable:
            return f"no account takes {model} just now: nothing done"
        is_open = and_(TextBatch.model == model, TextBatch.state != TextBatchState.CLOSED)
        counted = select(TextBatch.account_id, func.count()).where(is_open).group_by(TextBatch.account_id)
        counts: dict[UUID, int] = dict(session.execute(counted).all())
        account = min(usable, key=lambda one: counts.get(one.id, 0))
        try:
            return _Place(account, context.text_settings(account), model)
        except ConfigurationError as error:
            pause_account(session, account.id, str(error), now=now)
            return f"account paused: {error}"


def _candidates(
    session: Session, settings: QwenSettings, model: str, rules: BatchSettings, now: datetime
) -> Iterator[_Candidate | _Unfit]:
    """The first jobs that fit into one file, as lines; those that cannot be sent are not in it."""
    size = 0
    due = (
        select(TextJob.id, TextJob.request, TextJob.line_bytes, TextJob.max_cost_amount, TextJob.max_cost_currency,
               TextJob.cost_amount)
        .join(Campaign, Campaign.id == TextJob.campaign_id)
        .where(TextJob.model == model, may_be_gathered(now))
        .order_by((TextJob.priority + Campaign.priority).desc(), TextJob.created_at, TextJob.id)
        .limit(rules.lines_max)
    )  # fmt: skip
    for job in session.execute(due.execution_options(yield_per=_LINES_AT_ONCE)):
        size += job.line_bytes or 0
        if size > rules.bytes_max:
            return
        try:
            built = batch_question(str(job.id), parse_text_request(job.request), settings).built
            _check_limit(built.max_cost, job)
        except InvalidRequestError as error:
            yield _Unfit(job.id, error.code, error.message)
            continue
        line = BatchLine(job.id, hashlib.sha256(built.content).hexdigest(), built.max_cost)
        yield _Candidate(line, built.body.get("enable_thinking"))


def _check_limit(most: TextCost | None, job: Row[Any]) -> None:
    """Refuse a job whose own limit does not cover one more call.

    Raises:
        InvalidRequestError: It does not.
    """
    limit, spent = job.max_cost_amount, job.cost_amount or Decimal(0)
    if limit is None:
        return
    if most is None or most.currency != job.max_cost_currency:
        message = f"it has a limit in {job.max_cost_currency}, and no price is known in that currency"
        raise InvalidRequestError(FailureCode.NO_PRICE, message)
    if spent + most.amount > limit:
        message = f"it has cost {spent} and one call may cost {most.amount}; its limit is {limit}"
        raise InvalidRequestError(FailureCode.COST_ABOVE_LIMIT, message)


def _fail(context: Context, unfit: Sequence[_Unfit]) -> None:
    for one in unfit:
        with context.sessions.begin() as session:
            now = context.clock.now(session)
            _end(session, one, now)


def _end(session: Session, one: _Unfit, now: datetime) -> None:
    move_text(
        session,
        one.job_id,
        [TextState.QUEUED],
        TextState.FAILED,
        now=now,
        failure_class=FailureClass.INPUT,
        failure_code=one.code,
        failure_message=one.message,
    )


def _claim(context: Context, place: _Place, chosen: Sequence[_Candidate]) -> TextBatch | None:
    """Claim those of one thinking mode that can be paid for, as one batch; None: there is none."""
    rules = context.settings.batch
    lines = [one.line for one in chosen]
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        found = _lock_queued(session, [line.job_id for line in lines], now)
        purse = Purse.open(session, place.account, {campaign_id for _, campaign_id in found.values()}, now)
        payable = [line for line in lines if line.job_id in found and purse.pays(line, *found[line.job_id])]
        for job_id, message in purse.without_price:
            _end(session, _Unfit(job_id, FailureCode.NO_PRICE, message), now)
        again_at = now + timedelta(seconds=rules.gather_seconds)
        for message, job_ids in purse.short.items():
            _wait(session, job_ids, message, again_at)
        if not payable:
            return None
        return open_batch(
            session,
            payable,
            account_id=place.account.id,
            base_url=place.settings.base_url,
            model=place.model,
            thinking=chosen[0].thinking,
            now=now,
            due_at=now,
        )


def _lock_queued(session: Session, job_ids: Sequence[UUID], now: datetime) -> dict[UUID, tuple[UUID, UUID]]:
    """Tenant and campaign of those that are still queued and due; jobs that another transaction holds are left out."""
    mine = (
        select(TextJob.id, TextJob.tenant_id, TextJob.campaign_id)
        .join(Campaign, Campaign.id == TextJob.campaign_id)
        .where(among(TextJob.id, job_ids), may_be_gathered(now))
        .order_by(TextJob.id)
        .with_for_update(of=TextJob, key_share=True, skip_locked=True)
    )
    return {job_id: (tenant_id, campaign_id) for job_id, tenant_id, campaign_id in session.execute(mine)}


def _wait(session: Session, job_ids: Sequence[UUID], message: str, again_at: datetime) -> None:
    values = {
        "failure_code": FailureCode.BUDGET_EXHAUSTED,
        "failure_message": message,
        "not_before_at": again_at,
    }
    waiting = update(TextJob).where(among(TextJob.id, job_ids)).values(values)
    session.execute(waiting.execution_options(synchronize_session=False))
