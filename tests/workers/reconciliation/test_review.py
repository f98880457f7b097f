"""Settling by hand: adopt, submit again, write off."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from uuid import UUID

import pytest

from models.operations.scheduling.poll_wakeups import wake_for
from reelqueue.states import AttemptState, FailureClass, RenderState
from tests.support.doubts import Doubts, at_another_account
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import succeeded
from tests.support.virtual_clock import VirtualClock
from workers.dashscope import Acceptance
from workers.dispatch.dispatcher import dispatch
from workers.operator import manual_review as review
from workers.runtime.context import Context
from workers.submission.submit import bind
from workers.submission.task_binding import TaskTakenError
from workers.sweep.sweep import sweep


@pytest.fixture
def parked(doubts: Doubts) -> UUID:
    """A job that the listing could not settle."""
    job_id = doubts.ambiguous()
    doubts.lists("perhaps")
    doubts.give_up(job_id)
    return job_id


def test_the_question_says_where_to_look(parked: UUID, context: Context, doubts: Doubts) -> None:
    with context.sessions.begin() as session:
        (question,) = review.questions(session, context)

    assert (question.job_id, question.model, question.account) == (parked, "wan2.6-t2v", "default")
    assert question.sent_at == doubts.attempt(parked).sent_at
    assert "perhaps" in str(question.why)
    assert json.dumps(vars(question), default=str)


def test_an_adopted_task_is_followed(parked: UUID, context: Context, rows: Rows, jobs: Jobs) -> None:
    with context.sessions.begin() as session:
        wake = wake_for(session, review.adopt(session, parked, "perhaps", now=context.clock.now(session)))
    assert wake is not None
    jobs.hints.poll(wake, now=wake.at)
    jobs.provider.on_query(succeeded(), task_id="perhaps")

    jobs.poll()

    assert rows.state(parked) is RenderState.ARCHIVING
    assert rows.job(parked).failure_message is None
    assert rows.attempts(parked)[0].state is AttemptState.ADOPTED


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_task_of_another_job_is_not_adopted(
    parked: UUID, context: Context, rows: Rows, jobs: Jobs, *, elsewhere: bool
) -> None:
    owner = jobs.rendering()
    taken = rows.tasks(owner)[0].provider_task_id
    if elsewhere:
        at_another_account(rows, owner)

    with pytest.raises(TaskTakenError, match=taken), context.sessions.begin() as session:
        review.adopt(session, parked, taken, now=context.clock.now(session))

    assert rows.state(parked) is RenderState.NEEDS_REVIEW


def test_a_job_is_submitted_again_once_per_word(parked: UUID, context: Context, rows: Rows, doubts: Doubts) -> None:
    with context.sessions.begin() as session:
        review.resubmit(session, parked, now=context.clock.now(session))
    doubts.lists()

    dispatch(context)

    assert rows.state(parked) is RenderState.ADMITTED
    assert doubts.attempt(parked).state is AttemptState.NOT_CREATED


def test_a_job_is_written_off(parked: UUID, context: Context, rows: Rows, doubts: Doubts) -> None:
    with context.sessions.begin() as session:
        review.write_off(session, parked, now=context.clock.now(session))

    assert rows.state(parked) is RenderState.FAILED
    assert rows.job(parked).failure_class is FailureClass.UNKNOWN
    assert doubts.attempt(parked).state is AttemptState.UNRESOLVED
    assert not rows.has_slot(parked)


def test_a_written_off_job_is_asked_about_no_more(parked: UUID, context: Context) -> None:
    with context.sessions.begin() as session:
        review.write_off(session, parked, now=context.clock.now(session))
        assert review.questions(session, context) == []


@pytest.mark.parametrize("settle", [review.resubmit, review.write_off], ids=lambda function: function.__name__)
def test_what_is_settled_is_settled_once(settle: object, parked: UUID, context: Context) -> None:
    assert callable(settle)
    with context.sessions.begin() as session:
        settle(session, parked, now=context.clock.now(session))

    with pytest.raises(review.NotUnderReviewError, match="not needs_review"), context.sessions.begin() as session:
        settle(session, parked, now=context.clock.now(session))


def test_a_job_that_does_not_exist_is_named(context: Context) -> None:
    with pytest.raises(review.NotUnderReviewError, match="does not exist"), context.sessions.begin() as session:
        review.resubmit(session, uuid.uuid4(), now=context.clock.now(session))


def test_an_answer_that_took_for_ever_settles_the_review(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _leave_to_a_person(doubts, context, claim.job_id)

    bind(context, claim, Acceptance("late", "PENDING", None))

    assert rows.state(claim.job_id) is RenderState.RENDERING
    assert rows.job(claim.job_id).failure_message is None


def test_an_answer_after_the_write_off_is_on_record(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _leave_to_a_person(doubts, context, claim.job_id)
    with context.sessions.begin() as session:
        review.write_off(session, claim.job_id, now=context.clock.now(session))

    bind(context, claim, Acceptance("late", "PENDING", None))

    assert [task.provider_task_id for task in rows.tasks(claim.job_id)] == ["late"]
    assert rows.state(claim.job_id) is RenderState.FAILED
    assert not rows.has_slot(claim.job_id)


def _leave_to_a_person(doubts: Doubts, context: Context, job_id: UUID) -> None:
    doubts.jobs.clock.advance(41)
    sweep(context)
    doubts.lists("perhaps")
    doubts.give_up(job_id)
    assert doubts.rows.state(job_id) is RenderState.NEEDS_REVIEW


@pytest.mark.parametrize(("hours", "told"), [(17, 0), (19, 1)])
def test_an_alarm_is_raised_hours_before_a_task_under_review_is_gone(
    parked: UUID, context: Context, rows: Rows, clock: VirtualClock, hours: float, told: int
) -> None:
    clock.time = (rows.attempts(parked)[0].sent_at or clock.now()) + timedelta(hours=hours)

    sweep(context)
    sweep(context)

    assert len(rows.events(parked, "result_expiring")) == told


def test_the_question_says_until_when_it_can_be_answered(parked: UUID, context: Context, rows: Rows) -> None:
    with context.sessions() as session:
        (question,) = review.questions(session, context)

    assert question.sent_at is not None
    assert question.gone_at == question.sent_at + timedelta(hours=24)
    assert question.prompt == rows.job(parked).prompt
