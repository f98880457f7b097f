"""Storing a text job: what the API, the broker's intake and the campaign writer have in common."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import Campaign, ensure_campaign
from models.operations.jobs.enqueue import Enqueued, IdempotencyConflictError
from models.tenant import ensure_tenant
from models.text_job import OnLostAnswer, TextJob
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.batch.questions import batch_question
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.request import TextRequest
from reelqueue.qwen.settings import QwenSettings, read_settings
from reelqueue.qwen.wire.builder import BuiltTextRequest, build_text
from reelqueue.qwen.wire.document import text_document
from reelqueue.schemas.statement import money_text
from reelqueue.states import TextState

PRIORITY_MAX: Final = 100
"""The highest priority; the lowest is its negative."""
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON text has it."""
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


@dataclass(frozen=True, kw_only=True)
class TextJobOptions:
    """What a text job has beside its request."""

    priority: int = 0
    """-100 to 100; higher is asked first."""
    is_streamed: bool = False
    """Whether its answer is shown piece by piece while it comes."""
    is_batched: bool = False
    """Whether it is asked in a batch with others, at half the price."""
    on_lost_answer: OnLostAnswer = OnLostAnswer.RETRY_ONCE
    """What becomes of it when its answer is lost, and may be billed."""
    max_cost: tuple[Decimal, str] | None = None
    """The most that all its attempts together may cost, with its ISO 4217 code; None: no limit of its own."""
    start_by: datetime | None = None
    """Not sent after this."""
    custom_id: str | None = None
    """The producer's own name for it."""
    metadata: Mapping[str, Any] | None = None
    """The producer's own JSON object."""


def enqueue_text_job(
    session: Session,
    request: TextRequest,
    options: TextJobOptions | None = None,
    *,
    now: datetime,
    settings: QwenSettings | None = None,
    idempotency_key: str | None = None,
    tenant_id: UUID | None = None,
    campaign_id: UUID | None = None,
) -> Enqueued:
    """Store a text job in state ``queued``, once per idempotency key.

    Args:
        session: In a transaction; the caller commits, then sends a hint (`text.answer`).
        request: A parsed request; it is built here, so that nothing is stored that cannot be sent.
        options: What it has beside its request.
        now: Time of the request.
        settings: Where it would be asked, whose prices hold; the environment's unless given.
        idempotency_key: The producer's; None: each call is a new job.
        tenant_id: Its owner; None: it came over the broker or from this machine.
        campaign_id: A campaign of the owner's, whose budget pays; None: the standing one.

    Raises:
        reelqueue.errors.InvalidRequestError: The model does not take the request, or a limit does not cover it.
        IdempotencyConflictError: The key belongs to a job with another request.
    """
    options = options or TextJobOptions()
    document = text_document(request)
    built, line_bytes = _built(request, settings, is_batched=options.is_batched)
    _check_beside(options)
    _check_priority(options.priority)
    _check_limit(built, options.max_cost)
    owner_id = tenant_id or ensure_tenant(session)
    paying_id = campaign_id or ensure_campaign(session, owner_id)
    digest = request_sha256(document, options)
    values = _columns(request, options, built) | {
        "id": new_id(),
        "tenant_id": owner_id,
        "campaign_id": paying_id,
        "idempotency_key": idempotency_key,
        "request": document,
        "request_sha256": digest,
        "line_bytes": line_bytes,
        "state": TextState.QUEUED,
        "epoch": 0,
        "retry_count": 0,
        "cost_is_estimate": False,
        "created_at": now,
    }
    stored = insert(TextJob).values(values).on_conflict_do_nothing(
        index_elements=["tenant_id", "idempotency_key"], index_where=TextJob.idempotency_key.is_not(None)
    )  # fmt: skip
    if session.scalars(stored.returning(TextJob.id)).one_or_none() is None:
        return _existing(session, str(idempotency_key), owner_id, digest)
    _check_budget(session, paying_id, built)
    return Enqueued(values["id"], is_new=True)


def _built(
    request: TextRequest, settings: QwenSettings | None, *, is_batched: bool
) -> tuple[BuiltTextRequest, int | None]:
    """What would be sent, and how long its line in a batch is."""
    if not is_batched:
        return build_text(request, settings, stream=True), None
    # Named as the line of an attempt will be: by a UUID.
    question = batch_question(str(new_id()), request, settings or read_settings({}))
    return question.built, len(question.line())


def request_sha256(document: Mapping[str, Any], options: TextJobOptions) -> str:
    """Hex SHA-256 of a request with its options as canonical JSON: equal for equal requests, whatever their spelling.

    Args:
        document: The request, as `text_document` gives it.
        options: What it has beside it.
    """
    beside = vars(options) | {
        "max_cost": options.max_cost and (f"{options.max_cost[0].normalize():f}", options.max_cost[1]),
        "start_by": options.start_by and options.start_by.astimezone(UTC),
    }
    return hashlib.sha256(_CANONICAL.encode({"request": document, "options": beside}).encode()).hexdigest()


def _stored_sha256(job: TextJob) -> str:
    """The digest of a stored job by its columns: one that an older release wrote may be of another spelling."""
    options = TextJobOptions(
        priority=job.priority,
        is_streamed=job.is_streamed,
        is_batched=job.is_batched,
        on_lost_answer=job.on_lost_answer,
        max_cost=None if job.max_cost_amount is None else (job.max_cost_amount, str(job.max_cost_currency)),
        start_by=job.start_by,
        custom_id=job.custom_id,
        metadata=job.job_metadata,
    )
    return request_sha256(job.request, options)


def _columns(request: TextRequest, options: TextJobOptions, built: BuiltTextRequest) -> dict[str, Any]:
    limit, limit_currency = options.max_cost or (None, None)
    most: TextCost | None = built.max_cost
    return {
        "model": request.model,
        "warnings": list(built.warnings),
        "priority": options.priority,
        "is_streamed": options.is_streamed,
        "is_batched": options.is_batched,
        "on_lost_answer": options.on_lost_answer,
        "max_cost_amount": limit,
        "max_cost_currency": limit_currency,
        "start_by": options.start_by,
        "custom_id": options.custom_id,
        "job_metadata": dict(options.metadata) if options.metadata is not None else None,
        "estimate_amount": most.amount if most else None,
        "estimate_currency": most.currency if most else None,
    }


def _check_beside(options: TextJobOptions) -> None:
    """Refuse what no database stores: the character NUL."""
    # The request itself may have one: it is stored as JSON text.
    if _NUL.search(_CANONICAL.encode([options.metadata, options.custom_id])):
        raise InvalidRequestError("bad_text", "custom_id and metadata must not hold the character NUL", None)


def _check_priority(priority: int) -> None:
    if not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        raise InvalidRequestError(
            "out_of_range", f"priority: must be -{PRIORITY_MAX} to {PRIORITY_MAX}, not {priority}", "priority"
        )


def _check_limit(built: BuiltTextRequest, limit: tuple[Decimal, str] | None) -> None:
    if limit is None:
        return
    amount, currency = limit
    if built.max_cost is None:
        raise InvalidRequestError(
            "no_price",
            f"max_cost: no price is known for {built.model} in {built.region}, so no limit can hold; leave it out",
            "max_cost",
        )
    most = built.max_cost
    if most.currency != currency:
        raise InvalidRequestError("wrong_currency", f"max_cost: the prices are in {most.currency}", "max_cost")
    if most.amount > amount:
        raise InvalidRequestError(
            "cost_above_limit",
            f"max_cost: it may cost up to {money_text(most.amount)} {currency}, more than {money_text(amount)}; "
            "raise it, or set max_output_tokens or thinking_budget",
            "max_cost",
        )


def _check_budget(session: Session, campaign_id: UUID, built: BuiltTextRequest) -> None:
    """Refuse a job that its campaign's budget can never pay for, because its price is unknown."""
    campaign = session.get_one(Campaign, campaign_id)
    currency = campaign.budget_currency
    if currency is None or (built.max_cost is not None and built.max_cost.currency == currency):
        return
    seen = "no price is known for it" if built.max_cost is None else f"its price is in {built.max_cost.currency}"
    raise InvalidRequestError(
        "no_price",
        f"model: campaign {campaign.name!r} has a budget in {currency}, and for {built.model} {seen}",
        "model",
    )


def _existing(session: Session, idempotency_key: str, tenant_id: UUID, digest: str) -> Enqueued:
    stored = select(TextJob).where(TextJob.idempotency_key == idempotency_key, TextJob.tenant_id == tenant_id)
    job = session.scalars(stored).one()
    if digest not in {job.request_sha256, _stored_sha256(job)}:
        raise IdempotencyConflictError(idempotency_key, job.id, "text job")
    return Enqueued(job.id, is_new=False)
