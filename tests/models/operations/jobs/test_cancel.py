"""Cancelling: at once where nothing was bought, in two phases where it was, never where it is too late."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from models.operations.jobs.cancel import request_cancel
from reelqueue.states import TERMINAL, RenderState
from tests.support.stored_jobs import NOW, events_of, has_slot, lease_slot, read_job, store_job

PAST_STOPPING = [*sorted(TERMINAL), RenderState.ARCHIVING, RenderState.NEEDS_REVIEW]


@pytest.mark.parametrize("state", [RenderState.QUEUED, RenderState.ADMITTED])
def test_a_job_that_was_not_sent_is_cancelled_at_once(session: Session, state: RenderState) -> None:
    job_id = store_job(session, state)
    lease_slot(session, job_id)

    assert request_cancel(session, job_id, now=NOW)

    job = read_job(session, job_id)
    assert (job.state, job.cancel_requested_at) == (RenderState.CANCELLED, NOW)
    assert not has_slot(session, job_id)


def test_a_job_at_the_provider_is_asked_about_first(session: Session) -> None:
    job_id = store_job(session, RenderState.RENDERING)
    lease_slot(session, job_id)

    assert request_cancel(session, job_id, now=NOW, abandon_running=True)

    job = read_job(session, job_id)
    assert (job.state, job.next_poll_at, job.abandon_running) == (RenderState.CANCELLING, NOW, True)
    assert has_slot(session, job_id)


def test_a_job_in_a_workers_hands_is_marked(session: Session) -> None:
    job_id = store_job(session, RenderState.SUBMITTING)

    assert request_cancel(session, job_id, now=NOW)

    job = read_job(session, job_id)
    assert (job.state, job.cancel_requested_at) == (RenderState.SUBMITTING, NOW)
    assert [event.kind for event in events_of(session, job_id)] == ["cancel_requested"]


def test_a_second_cancel_may_say_otherwise_about_a_running_task(session: Session) -> None:
    job_id = store_job(session, RenderState.CANCELLING, abandon_running=False)

    assert request_cancel(session, job_id, now=NOW, abandon_running=True)

    assert read_job(session, job_id).abandon_running


@pytest.mark.parametrize("state", PAST_STOPPING)
def test_a_job_past_stopping_is_left_alone(session: Session, state: RenderState) -> None:
    job_id = store_job(session, state)

    assert not request_cancel(session, job_id, now=NOW)

    assert read_job(session, job_id).cancel_requested_at is None
    assert events_of(session, job_id) == []
