"""Storing a text request: once per key, whole and in its order, and not at all if it cannot be sent or paid."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import OnLostAnswer, TextJob
from models.campaign import ensure_campaign
from models.operations.jobs.enqueue import IdempotencyConflictError
from models.operations.money.budget import Budget, set_budget
from models.operations.texts.enqueue import TextJobOptions, enqueue_text_job
from models.tenant import ensure_tenant
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen import QwenSettings, TextRequest, build_text, parse_text_request
from reelqueue.states import TextState
from tests.support.stored_jobs import NOW
from tests.support.stored_texts import REQUEST, read_text

BOAT = parse_text_request(REQUEST)
WHOLE = parse_text_request(
    {
        "model": "qwen3-vl-plus",
        "messages": [
            {"role": "system", "content": "Be brief.", "cacheControl": "ephemeral"},
            {"role": "user", "content": [{"type": "image", "image": b"\x89PNG\r\n"}, {"type": "text", "text": "A?"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "look", "input": {"b": None, "a": 1}}],
            },
            {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "1", "output": {"zoom": None}}]},
        ],
        "tools": [
            {"name": "look", "inputSchema": {"type": "object", "properties": {"z": {"default": None}, "a": {}}}},
        ],
        "temperature": 0.5,
    }
)


def test_a_request_is_stored_once_per_key(session: Session) -> None:
    first = enqueue_text_job(session, BOAT, now=NOW, idempotency_key="order 7")
    again = enqueue_text_job(session, BOAT, now=NOW + timedelta(hours=1), idempotency_key="order 7")

    assert (first.is_new, again.is_new) == (True, False)
    assert again.job_id == first.job_id
    assert session.scalar(select(func.count()).select_from(TextJob)) == 1


def test_another_tenants_key_is_another_key(session: Session) -> None:
    first = enqueue_text_job(session, BOAT, now=NOW, idempotency_key="order 7")
    other = enqueue_text_job(
        session, BOAT, now=NOW, idempotency_key="order 7", tenant_id=ensure_tenant(session, "other")
    )

    assert other.is_new
    assert other.job_id != first.job_id


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (parse_text_request({**REQUEST, "prompt": "Name a kite."}), TextJobOptions()),
        (BOAT, TextJobOptions(on_lost_answer=OnLostAnswer.HOLD)),
    ],
    ids=["another question", "another option"],
)
def test_a_key_belongs_to_one_request(session: Session, request_: TextRequest, options: TextJobOptions) -> None:
    job_id = enqueue_text_job(session, BOAT, now=NOW, idempotency_key="order 7").job_id

    with pytest.raises(IdempotencyConflictError, match=f"text job {job_id}"):
        enqueue_text_job(session, request_, options, now=NOW, idempotency_key="order 7")


def test_what_is_stored_makes_the_same_call(session: Session) -> None:
    job_id = enqueue_text_job(session, WHOLE, now=NOW).job_id
    session.expire_all()

    stored = parse_text_request(read_text(session, job_id).request)

    # Byte by byte: a model reads the properties of a schema in their order.
    assert build_text(stored).content == build_text(WHOLE).content


def test_a_job_waits_with_what_it_may_cost(session: Session) -> None:
    options = TextJobOptions(priority=5, is_streamed=True, custom_id="a", metadata={"order": 7})

    job = read_text(session, enqueue_text_job(session, BOAT, options, now=NOW).job_id)

    most = build_text(BOAT, stream=True).max_cost
    assert most is not None
    assert (job.state, job.model, job.priority, job.is_streamed) == (TextState.QUEUED, "qwen-plus", 5, True)
    assert (job.estimate_amount, job.estimate_currency) == (most.amount, most.currency)
    assert (job.custom_id, job.job_metadata, job.on_lost_answer) == ("a", {"order": 7}, OnLostAnswer.RETRY_ONCE)
    assert (job.text, job.tool_calls, job.usage, job.cost_amount) == (None, None, None, None)


@pytest.mark.parametrize(
    ("document", "options", "code"),
    [
        ({**REQUEST, "temperature": 2}, {}, "out_of_range"),
        ({**REQUEST, "model": "qwen-max", "enable_thinking": True}, {}, "thinking_not_supported"),
        (REQUEST, {"priority": 101}, "out_of_range"),
        (REQUEST, {"max_cost": (Decimal("0.0001"), "USD")}, "cost_above_limit"),
        (REQUEST, {"max_cost": (Decimal(1), "EUR")}, "wrong_currency"),
        ({**REQUEST, "model": "qwen-of-tomorrow"}, {"max_cost": (Decimal(1), "USD")}, "no_price"),
        (REQUEST, {"metadata": {"a": "\0"}}, "bad_text"),
    ],
)
def test_what_cannot_be_sent_or_paid_is_not_stored(
    session: Session, document: dict[str, object], options: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        enqueue_text_job(session, parse_text_request(document), TextJobOptions(**options), now=NOW)  # type: ignore[arg-type]

    if code != "thinking_not_supported":  # the client's own, which its tests name
        assert caught.value.code == code
    assert session.scalar(select(func.count()).select_from(TextJob)) == 0


def test_a_budget_takes_no_model_without_a_price(session: Session) -> None:
    campaign_id = ensure_campaign(session, ensure_tenant(session), "autumn")
    set_budget(session, campaign_id, Budget(Decimal(5), "USD"))
    unknown = parse_text_request({**REQUEST, "model": "qwen-of-tomorrow"})

    with pytest.raises(InvalidRequestError, match="no price is known") as caught:
        enqueue_text_job(session, unknown, now=NOW, campaign_id=campaign_id)

    assert caught.value.field == "model"
    assert enqueue_text_job(session, unknown, now=NOW).is_new


def test_a_backslash_is_no_nul(session: Session) -> None:
    options = TextJobOptions(metadata={"a": json.dumps("\0")})

    assert enqueue_text_job(session, BOAT, options, now=NOW).is_new


def test_prices_are_those_of_where_it_is_asked(session: Session) -> None:
    beijing = QwenSettings(base_url="https://dashscope.aliyuncs.com/compatible-mode/v1")

    job = read_text(session, enqueue_text_job(session, BOAT, now=NOW, settings=beijing).job_id)

    most = build_text(BOAT, beijing).max_cost
    assert job.estimate_amount == (most and most.amount)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"max_cost": (Decimal("1.0"), "USD")}, {"max_cost": (Decimal("1.00"), "USD")}),
        ({"max_cost": (Decimal(100), "USD")}, {"max_cost": (Decimal("1E+2"), "USD")}),
        ({"start_by": NOW}, {"start_by": NOW.astimezone(timezone(timedelta(hours=2)))}),
    ],
)
def test_the_same_options_in_another_spelling_are_the_same_job(
    session: Session, first: dict[str, Any], again: dict[str, Any]
) -> None:
    stored = enqueue_text_job(session, BOAT, TextJobOptions(**first), now=NOW, idempotency_key="order 7")

    repeated = enqueue_text_job(session, BOAT, TextJobOptions(**again), now=NOW, idempotency_key="order 7")

    assert (repeated.job_id, repeated.is_new) == (stored.job_id, False)


def test_another_limit_is_another_request(session: Session) -> None:
    enqueue_text_job(session, BOAT, TextJobOptions(max_cost=(Decimal(1), "USD")), now=NOW, idempotency_key="order 7")

    with pytest.raises(IdempotencyConflictError):
        enqueue_text_job(
            session, BOAT, TextJobOptions(max_cost=(Decimal(10), "USD")), now=NOW, idempotency_key="order 7"
        )


def test_a_row_whose_hash_is_of_another_spelling_is_still_its_job(session: Session) -> None:
    options = TextJobOptions(start_by=NOW, metadata={"order": 7, "parts": [1.5, None]}, custom_id="c")
    stored = enqueue_text_job(session, WHOLE, options, now=NOW, idempotency_key="order 7")
    row = read_text(session, stored.job_id)
    row.request_sha256 = "0" * 64
    session.flush()

    repeated = enqueue_text_job(session, WHOLE, options, now=NOW, idempotency_key="order 7")

    assert (repeated.job_id, repeated.is_new) == (stored.job_id, False)
