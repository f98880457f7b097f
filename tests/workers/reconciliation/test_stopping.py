"""Cancelling a job while nobody knows whether its task exists."""

from __future__ import annotations

from uuid import UUID

from models.operations.jobs.cancel import request_cancel
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import Doubts, row
from tests.support.jobs import PROMPT, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import answer, listing, task
from workers.runtime.context import Context
from workers.sweep.sweep import sweep


def test_the_wish_waits_for_the_listing(doubts: Doubts, context: Context, rows: Rows) -> None:
    job_id = doubts.ambiguous()

    assert _cancel(context, job_id)

    assert rows.state(job_id) is RenderState.SUBMITTING
    assert rows.has_slot(job_id)


def test_an_adopted_task_is_cancelled_at_the_provider(doubts: Doubts, context: Context, rows: Rows, jobs: Jobs) -> None:
    fault = {"code": "InternalError", "message": "oops", "request_id": "of-ours"}
    job_id = doubts.ambiguous(answer(500, fault))
    doubts.provider.on_list(listing(row("ours", status="PENDING")))
    _cancel(context, job_id)

    doubts.ask(job_id)
    assert rows.state(job_id) is RenderState.CANCELLING
    jobs.poll(task("CANCELED"))

    assert rows.state(job_id) is RenderState.CANCELLED
    assert doubts.provider.count("cancel") == 1


def test_a_task_that_was_ruled_out_is_not_bought_again(doubts: Doubts, context: Context, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    _cancel(context, job_id)

    doubts.ask_until_absent(job_id)

    assert rows.state(job_id) is RenderState.CANCELLED
    assert doubts.attempt(job_id).state is AttemptState.NOT_CREATED
    assert not rows.has_slot(job_id)


def test_a_finished_task_is_collected_all_the_same(doubts: Doubts, context: Context, rows: Rows, jobs: Jobs) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)
    _cancel(context, job_id)
    doubts.ask(job_id)

    jobs.poll()

    assert rows.state(job_id) is RenderState.ARCHIVING  # it is paid for


def test_a_job_under_review_is_past_stopping(doubts: Doubts, context: Context, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists("perhaps")
    doubts.give_up(job_id)

    assert not _cancel(context, job_id)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW


def test_a_poll_that_a_cancel_makes_due_does_not_wait_for_the_next_message(
    context: Context, rows: Rows, jobs: Jobs
) -> None:
    job_id = jobs.rendering(poll_interval_ms=600_000)
    _cancel(context, job_id)
    jobs.clock.advance(3)

    sweep(context)

    assert jobs.hints.wakes[-1].at <= jobs.clock.now()
    assert rows.state(job_id) is RenderState.CANCELLING


def _cancel(context: Context, job_id: UUID) -> bool:
    with context.sessions.begin() as session:
        return request_cancel(session, job_id, now=context.clock.now(session))
