"""From rows to what the API says about a text job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.text_attempt import TextAttempt
from models.text_job import TextJob as TextRow
from reelqueue.schemas.jobs import Failure
from reelqueue.schemas.texts import TextAnswer, TextCostLimit, TextJob, TextPaidCost, TextToolCall, TextUsage
from reelqueue.states import TEXT_TERMINAL, TextAttemptState

_BILLED: Final = (TextAttemptState.ANSWERED, TextAttemptState.AMBIGUOUS)


@dataclass(frozen=True)
class _Attempts:
    """The calls of one job."""

    count: int = 0
    may_be_billed: bool = False


def text_views(session: Session, jobs: Sequence[TextRow]) -> list[TextJob]:
    """*jobs* as a listing shows them; two queries, however many they are."""
    campaigns, attempts = _campaigns(session, jobs), _attempts(session, jobs)
    return [_view(job, campaigns[job.campaign_id], attempts.get(job.id, _Attempts())) for job in jobs]


def text_view(session: Session, job: TextRow) -> TextJob:
    """*job* as the API shows it by itself."""
    (view,) = text_views(session, [job])
    last = select(TextAttempt.partial_text).where(TextAttempt.job_id == job.id).order_by(TextAttempt.number.desc())
    partial = None if job.text is not None else session.scalars(last.limit(1)).one_or_none()
    return view.model_copy(update={"request": job.request, "partial_text": partial})


def _campaigns(session: Session, jobs: Sequence[TextRow]) -> Mapping[UUID, str]:
    named = select(Campaign.id, Campaign.name).where(Campaign.id.in_({job.campaign_id for job in jobs}))
    return dict(session.execute(named).all())


def _attempts(session: Session, jobs: Sequence[TextRow]) -> Mapping[UUID, _Attempts]:
    counted = (
        select(TextAttempt.job_id, func.count(), func.bool_or(TextAttempt.state.in_(_BILLED)))
        .where(TextAttempt.job_id.in_([job.id for job in jobs]))
        .group_by(TextAttempt.job_id)
    )
    return {job_id: _Attempts(count, billed) for job_id, count, billed in session.execute(counted)}


def _view(job: TextRow, campaign: str, attempts: _Attempts) -> TextJob:
    return TextJob(
        id=job.id,
        state=job.state,
        is_terminal=job.state in TEXT_TERMINAL,
        model=job.model,
        request=None,
        stream=job.is_streamed,
        batch=job.is_batched,
        on_lost_answer=job.on_lost_answer.value,
        max_cost=_limit(job.max_cost_amount, job.max_cost_currency),
        start_by=job.start_by,
        custom_id=job.custom_id,
        campaign=campaign,
        priority=job.priority,
        metadata=job.job_metadata,
        warnings=job.warnings,
        attempt_count=attempts.count,
        answer=_answer(job),
        partial_text=None,
        failure=_failure(job),
        estimated_max_cost=_limit(job.estimate_amount, job.estimate_currency),
        cost=_cost(job, attempts),
        created_at=job.created_at,
        started_at=job.started_at,
        cancel_requested_at=job.cancel_requested_at,
        finished_at=job.finished_at,
    )


def _limit(amount: Decimal | None, currency: str | None) -> TextCostLimit | None:
    return None if amount is None or currency is None else TextCostLimit(amount=amount, currency=currency)


def _answer(job: TextRow) -> TextAnswer | None:
    if job.text is None or job.finish_reason is None:
        return None
    return TextAnswer(
        text=job.text,
        reasoning=job.reasoning or "",
        tool_calls=[TextToolCall.model_validate(call) for call in job.tool_calls or ()],
        finish_reason=job.finish_reason,
        model=job.answered_model,
        provider_request_id=job.request_id,
        usage=None if job.usage is None else TextUsage.model_validate(job.usage),
    )


def _failure(job: TextRow) -> Failure | None:
    if job.failure_class is None and job.failure_message is None:
        return None
    return Failure(failure_class=job.failure_class, code=job.failure_code, message=job.failure_message)


def _cost(job: TextRow, attempts: _Attempts) -> TextPaidCost | None:
    if job.cost_amount is not None:
        return TextPaidCost(
            amount=job.cost_amount,
            currency=job.cost_currency,
            is_estimate=job.cost_is_estimate,
            priced_on=job.priced_on,
        )
    if attempts.may_be_billed:
        return TextPaidCost(amount=None, currency=None, is_estimate=False, priced_on=None)
    is_free = job.state in TEXT_TERMINAL
    return TextPaidCost(amount=Decimal(0), currency=None, is_estimate=False, priced_on=None) if is_free else None
