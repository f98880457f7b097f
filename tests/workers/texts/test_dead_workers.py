"""A worker that dies between two steps of a call: what never left is free, what may have left is paid and decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from models import Campaign, OnLostAnswer, TextAttempt, TextJob
from models.operations.texts.attempts import mark_text_sent
from models.operations.texts.decide import decide_held_text
from models.operations.texts.enqueue import TextJobOptions
from reelqueue.qwen.answer import Answer
from reelqueue.qwen.errors import TextRefusedError
from reelqueue.qwen.usage import Usage
from reelqueue.states import FailureClass, TextAttemptState, TextState
from tests.support.asked import Asked
from workers.sweep.parts import Parts
from workers.sweep.sweep import sweep
from workers.sweep.texts import sweep_texts
from workers.texts.answer import answer_text_job
from workers.texts.claims import Taken, TextClaim, take_text_job
from workers.texts.outcomes import store_answer, store_error

HOLD = TextJobOptions(on_lost_answer=OnLostAnswer.HOLD)


def claimed(asked: Asked, options: TextJobOptions | None = None) -> UUID:
    """A job whose worker died after it had committed the intent."""
    job_id = asked.queued(options=options)
    assert isinstance(take_text_job(asked.context, job_id), Taken)
    return job_id


def sent(asked: Asked, options: TextJobOptions | None = None) -> UUID:
    """A job whose worker died after it had committed that the call leaves."""
    job_id = claimed(asked, options)
    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        (attempt,) = asked.attempts(job_id)
        assert mark_text_sent(session, attempt.id, now=now, answer_by=now + timedelta(minutes=2))
    return job_id


def pass_by(asked: Asked, *, job_id: UUID) -> None:
    """Its worker is silent for longer than it may be."""
    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        mine = update(TextAttempt).where(TextAttempt.job_id == job_id)
        session.execute(mine.values(send_by=now))
        session.execute(mine.where(TextAttempt.answer_by.is_not(None)).values(answer_by=now))


@pytest.mark.parametrize("step", [claimed, sent])
def test_a_worker_that_lives_is_left_alone(asked: Asked, step: Callable[[Asked], UUID]) -> None:
    job_id = step(asked)

    assert (sweep_texts(asked.context, Parts()).lost, sweep_texts(asked.context, Parts()).unsent) == (0, 0)
    assert asked.job(job_id).state is TextState.RUNNING
    assert asked.broken() == []


def test_what_never_left_is_asked_by_the_next_worker(asked: Asked) -> None:
    job_id = claimed(asked)
    pass_by(asked, job_id=job_id)

    assert sweep_texts(asked.context, Parts()).unsent == 1

    (attempt,) = asked.attempts(job_id)
    assert (attempt.state, attempt.error_code) == (TextAttemptState.NOT_SENT, "worker_died")
    assert asked.entries() == []
    with asked.context.sessions.begin() as session:
        session.execute(update(TextJob).values(not_before_at=None))
    assert asked.answered(job_id).state is TextState.SUCCEEDED
    assert (len(asked.charges()), asked.broken()) == (1, [])


def test_a_worker_that_wakes_up_too_late_does_not_send(asked: Asked) -> None:
    job_id = claimed(asked)
    (attempt,) = asked.attempts(job_id)
    pass_by(asked, job_id=job_id)
    sweep_texts(asked.context, Parts())

    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        assert not mark_text_sent(session, attempt.id, now=now, answer_by=now)


def test_a_job_that_kills_its_workers_is_set_aside(asked: Asked) -> None:
    job_id = claimed(asked)
    for _ in range(3):
        pass_by(asked, job_id=job_id)
        sweep_texts(asked.context, Parts())
        with asked.context.sessions.begin() as session:
            session.execute(update(TextJob).values(not_before_at=None))
        take_text_job(asked.context, job_id)

    job = asked.job(job_id)

    assert (job.state, job.failure_class) == (TextState.HELD, FailureClass.POISON)
    assert (asked.entries(), asked.broken()) == ([], [])


@pytest.mark.parametrize(
    ("options", "state"), [(None, TextState.QUEUED), (HOLD, TextState.HELD)], ids=["retry_once", "hold"]
)
def test_what_may_have_left_is_paid_and_its_owner_decides(
    asked: Asked, options: TextJobOptions | None, state: TextState
) -> None:
    job_id = sent(asked, options)
    pass_by(asked, job_id=job_id)

    assert sweep_texts(asked.context, Parts()).lost == 1

    job = asked.job(job_id)
    assert (job.state, job.failure_code, job.cost_is_estimate) == (state, "answer_lost", True)
    assert job.cost_amount == job.estimate_amount
    assert asked.broken() == []


def test_a_person_has_it_asked_again_or_ends_it(asked: Asked) -> None:
    jobs = [sent(asked, HOLD), sent(asked, HOLD)]
    for job_id in jobs:
        pass_by(asked, job_id=job_id)
    sweep_texts(asked.context, Parts())
    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        assert decide_held_text(session, jobs[0], now=now, ask_again=True)
        assert decide_held_text(session, jobs[1], now=now, ask_again=False)

    answered = asked.answered(jobs[0])

    assert (answered.state, answered.retry_count) == (TextState.SUCCEEDED, 1)
    assert (asked.job(jobs[1]).state, asked.job(jobs[1]).failure_code) == (TextState.FAILED, "answer_lost")
    assert asked.broken() == []


def begin(asked: Asked, job_id: UUID) -> TextClaim:
    """Claim a job, and commit that its call leaves."""
    taken = take_text_job(asked.context, job_id)
    assert isinstance(taken, Taken)
    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        assert mark_text_sent(session, taken.claim.attempt_id, now=now, answer_by=now + timedelta(minutes=2))
    return taken.claim


@pytest.mark.parametrize(
    ("options", "state"), [(None, TextState.FAILED), (HOLD, TextState.HELD)], ids=["retry_once", "hold"]
)
def test_a_call_that_was_answered_too_late_counts_as_one_of_those_that_are_allowed(
    asked: Asked, options: TextJobOptions | None, state: TextState
) -> None:
    job_id = asked.queued(options=options)
    first = begin(asked, job_id)
    pass_by(asked, job_id=job_id)
    sweep_texts(asked.context, Parts())
    if options is HOLD:
        with asked.context.sessions.begin() as session:
            assert decide_held_text(session, job_id, now=asked.context.clock.now(session), ask_again=True)
    begin(asked, job_id)
    late = Answer("qwen3.5-flash", "Bob", "", (), "stop", Usage(1, 1, 2), first.built.max_cost, "late")
    with asked.context.sessions.begin() as session:
        assert not store_answer(session, first, late, now=asked.context.clock.now(session))
    pass_by(asked, job_id=job_id)

    sweep_texts(asked.context, Parts())

    states = [attempt.state for attempt in asked.attempts(job_id)]
    assert states == [TextAttemptState.ANSWERED, TextAttemptState.AMBIGUOUS]
    assert asked.job(job_id).state is state


def test_who_asks_again_before_anything_was_sent_allows_no_second_call(asked: Asked) -> None:
    job_id = claimed(asked, HOLD)
    for _ in range(3):
        pass_by(asked, job_id=job_id)
        sweep_texts(asked.context, Parts())
        with asked.context.sessions.begin() as session:
            session.execute(update(TextJob).values(not_before_at=None))
        take_text_job(asked.context, job_id)
    with asked.context.sessions.begin() as session:
        assert decide_held_text(session, job_id, now=asked.context.clock.now(session), ask_again=True)
    begin(asked, job_id)
    pass_by(asked, job_id=job_id)

    sweep_texts(asked.context, Parts())

    assert asked.job(job_id).state is TextState.HELD
    assert asked.broken() == []


def test_a_lost_hint_is_sent_again(asked: Asked) -> None:
    jobs = [asked.queued() for _ in range(6)]

    sweep(asked.context)

    assert [hint.job_id for hint in asked.hints.texts] == jobs[:4]
    asked.hints.waiting["text.answer"] = 6
    sweep(asked.context)
    assert len(asked.hints.texts) == 4


def test_what_is_too_late_or_unwanted_is_not_asked(asked: Asked) -> None:
    late, stopped = asked.queued(), asked.queued(model="qwen-flash")
    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        session.execute(update(TextJob).where(TextJob.id == late).values(start_by=now))
        session.execute(update(Campaign).values(cancelled_at=now))
    answer_text_job(asked.context, late)
    answer_text_job(asked.context, stopped)

    swept = sweep_texts(asked.context, Parts())

    assert (swept.expired, swept.stopped) == (1, 1)
    assert (asked.job(late).state, asked.job(stopped).state) == (TextState.EXPIRED, TextState.CANCELLED)
    assert (asked.charges(), asked.broken()) == ([], [])


def test_a_call_that_turns_out_free_after_it_was_given_up_is_not_paid(asked: Asked) -> None:
    job_id = asked.queued()
    claim = begin(asked, job_id)
    pass_by(asked, job_id=job_id)
    sweep_texts(asked.context, Parts())
    assert asked.job(job_id).cost_amount is not None

    with asked.context.sessions.begin() as session:
        refused = TextRefusedError("429: slower", failure=FailureClass.THROTTLE, http_status=429)
        store_error(session, claim, refused, asked.context.settings, now=asked.context.clock.now(session))

    (attempt,) = asked.attempts(job_id)
    job = asked.job(job_id)
    assert (attempt.state, attempt.cost_amount, job.cost_amount) == (TextAttemptState.REFUSED, None, None)
    assert [entry.amount for entry in asked.entries()] == [attempt.reserved_amount, -(attempt.reserved_amount or 0)]
    assert (job.state, asked.broken()) == (TextState.QUEUED, [])
