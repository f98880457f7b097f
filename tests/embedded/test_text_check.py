"""Chaos judges text jobs by the simulator's bill: what was lost, sent too often, or entered otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from embedded.chaos.text_check import TextCheck, TextOrder
from models import OnLostAnswer
from models.session import make_engine
from reelqueue.states import TextAttemptState, TextState
from tests.support.stored_texts import store_text, store_text_attempt
from workers.audit.text_bill import question_of

HOST = "http://127.0.0.1:1"
REQUEST = {"model": "qwen-plus", "prompt": "Name the paper boat of text-1."}


def make_check(
    engine: Engine,
    *request_ids: str,
    policy: OnLostAnswer = OnLostAnswer.RETRY_ONCE,
    batch_names: tuple[str, ...] = (),
) -> TextCheck:
    """Checks of one order, which the simulator billed so often, beside batches that it has made."""
    model, digest = question_of(REQUEST)
    line = {"model": model, "messages_sha256": digest, "custom_id": None, "prompt_tokens": 5, "completion_tokens": 1}
    bill = [{**line, "request_id": one, "amount": "0.01", "currency": "USD"} for one in request_ids]
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"entries": bill, "names": batch_names}))
    control = httpx.Client(base_url=HOST, transport=answer)
    return TextCheck(engine, control, HOST, {"text-1": TextOrder("text-1", REQUEST, policy)})


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def store(engine: Engine, job_state: TextState, **call: object) -> None:
    with Session(engine) as session, session.begin():
        job_id = store_text(
            session, job_state, idempotency_key="text-1", request=REQUEST, text="Ahoy", finish_reason="stop"
        )
        if call:
            usage = {"prompt_tokens": 5, "completion_tokens": 1}
            store_text_attempt(session, job_id, **call, base_url=HOST, request_id="a", usage=usage)  # type: ignore[arg-type]


def test_an_order_without_a_job_is_lost(engine: Engine) -> None:
    assert make_check(engine).close().lost == ["text-1"]


@pytest.mark.parametrize(("state", "lost"), [(TextState.HELD, []), (TextState.QUEUED, ["text-1"])])
def test_a_job_that_no_one_decides_is_lost_unless_it_is_held(engine: Engine, state: TextState, lost: list[str]) -> None:
    store(engine, state)

    assert make_check(engine).close().lost == lost


@pytest.mark.parametrize(("policy", "too_often"), [(OnLostAnswer.RETRY_ONCE, 1), (OnLostAnswer.HOLD, 2)])
def test_each_bill_beyond_the_policy_is_counted(engine: Engine, policy: OnLostAnswer, too_often: int) -> None:
    check = make_check(engine, "a", "b", "c", policy=policy)

    assert check.look().sent_too_often == ["text-1"] * too_often


def test_each_batch_that_was_made_once_too_often_is_counted(engine: Engine) -> None:
    check = make_check(engine, batch_names=("a", "b", "a", "a"))

    assert check.look().made_twice == ["a", "a"]
    assert check.close().made_twice == ["a", "a"]


def test_a_call_that_was_billed_otherwise_than_it_was_entered_is_found(engine: Engine) -> None:
    store(engine, TextState.SUCCEEDED, state=TextAttemptState.ANSWERED, cost_amount="0.02", currency="USD",
          is_estimate=False)  # fmt: skip

    result = make_check(engine, "a").close()

    assert (result.lost, result.sent_too_often) == ([], [])
    assert [finding.partition(":")[0] for finding in result.findings] == ["text_bill_agrees", "text_totals_agree"]
