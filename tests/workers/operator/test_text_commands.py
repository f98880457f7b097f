"""``python -m workers texts``: what is held, and a person's decision about it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import OnLostAnswer, TextJob
from models.base import new_id
from reelqueue.states import TextState
from tests.support.commands import Run
from tests.support.stored_jobs import NOW
from tests.support.stored_texts import store_text, store_text_attempt


@pytest.fixture
def held(own_engine: Engine) -> TextJob:
    with Session(own_engine, expire_on_commit=False) as session, session.begin():
        job = session.get_one(
            TextJob,
            store_text(session, TextState.HELD, on_lost_answer=OnLostAnswer.HOLD, failure_message="no answer came"),
        )
        store_text_attempt(session, job.id, "ambiguous", reserved_amount=1, currency="USD")  # type: ignore[arg-type]
        store_text(session, TextState.SUCCEEDED)
    return job


def state(engine: Engine, job: TextJob) -> tuple[TextState, int]:
    with Session(engine) as session:
        found = session.get_one(TextJob, job.id)
        return found.state, found.retry_count


def test_what_is_held_is_listed_without_what_it_asks(run: Run, held: TextJob) -> None:
    ended = run("texts", "list", "--json")

    shown = json.loads(ended.out)
    assert (shown["text_job_id"], shown["calls"], shown["why"]) == (str(held.id), 1, "no answer came")
    assert "boat" not in ended.out
    assert "1 held" in ended.err


def test_a_held_job_is_asked_again(run: Run, held: TextJob, own_engine: Engine) -> None:
    ended = run("texts", "retry", str(held.id))

    assert (ended.exit_code, state(own_engine, held)) == (0, (TextState.QUEUED, 1))


def test_a_held_job_is_ended(run: Run, held: TextJob, own_engine: Engine) -> None:
    ended = run("texts", "fail", str(held.id))

    assert (ended.exit_code, state(own_engine, held)) == (0, (TextState.FAILED, 0))
    again = run("texts", "fail", str(held.id))
    assert again.exit_code == 1
    assert "is failed, not held" in again.err


def test_what_does_not_exist_is_said(run: Run) -> None:
    ended = run("texts", "retry", str(new_id()))

    assert ended.exit_code == 1
    assert "does not exist, not held" in ended.err


def test_the_batches_of_a_model_have_a_line_of_their_own(run: Run, own_engine: Engine) -> None:
    with Session(own_engine) as session, session.begin():
        store_text(session, is_batched=True, line_bytes=100, not_before_at=NOW)

    line, shown = run("texts", "status").out.splitlines()[-1], json.loads(run("texts", "status", "--json").out)

    assert line.startswith("qwen-plus batches: waiting=1 oldest=")
    assert " gathered=0 creating=0 ambiguous=0 since=0s running=0 releasing=0 overdue=0s lines=0" in line
    assert (shown["batches"]["waiting"], shown["batches"]["reserved"]) == (1, {})


def test_the_state_of_each_model_has_no_prompt(run: Run, held: TextJob) -> None:
    line, ended = run("texts", "status").out, run("texts", "status", "--json")

    assert line == "qwen-plus: waiting=0 oldest=0s in_flight=0 held=1 answered=0 ambiguous=0\n"
    shown = json.loads(ended.out)
    assert (shown["model"], shown["held"], shown["batches"]["ambiguous"]) == (held.model, 1, 0)
    assert "boat" not in ended.out
