"""What a campaign chooses for jobs in doubt, and what another key can prove: nothing."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from models import Campaign, OnAmbiguous
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import CUT_OFF, Doubts
from tests.support.jobs import PROMPT, Jobs
from tests.support.rows import Rows
from workers.dispatch.dispatcher import dispatch
from workers.runtime.context import Context


def choose(rows: Rows, choice: OnAmbiguous) -> None:
    rows.change(Campaign, on_ambiguous=choice)


def test_hold_leaves_what_is_absent_to_a_person(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    choose(rows, OnAmbiguous.HOLD)

    said = doubts.ask_until_absent(job_id)

    assert "leaves it to a person" in said
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert rows.has_slot(job_id)  # what may be rendered may also be billed


@pytest.mark.parametrize("choice", list(OnAmbiguous))
def test_whatever_is_chosen_a_proven_task_is_adopted(doubts: Doubts, rows: Rows, choice: OnAmbiguous) -> None:
    job_id = doubts.ambiguous()
    choose(rows, choice)
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert rows.state(job_id) is RenderState.RENDERING


def test_resubmit_does_not_wait_for_a_second_listing(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    choose(rows, OnAmbiguous.RESUBMIT)
    silent_since = doubts.attempt(job_id).answer_by

    doubts.ask_until_absent(job_id)

    attempt = doubts.attempt(job_id)
    assert (rows.state(job_id), attempt.state) == (RenderState.QUEUED, AttemptState.NOT_CREATED)
    assert attempt.first_absent_at is None
    # Before the POST could be out, no listing says anything.
    assert attempt.closed_at is not None
    assert silent_since is not None
    assert 0 <= (attempt.closed_at - silent_since).total_seconds() < 60


def test_resubmit_resubmits_once(doubts: Doubts, rows: Rows, context: Context) -> None:
    job_id = doubts.ambiguous()
    choose(rows, OnAmbiguous.RESUBMIT)
    doubts.ask_until_absent(job_id)
    _submit_in_vain(doubts, context, job_id)

    doubts.ask_until_absent(job_id)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW


def test_an_attempt_remembers_its_key_and_does_not_tell_it(jobs: Jobs, rows: Rows, context: Context) -> None:
    job_id = jobs.rendering()

    fingerprint = rows.attempts(job_id)[0].key_fingerprint

    assert fingerprint == context.key_fingerprint(rows.account())
    assert len(str(fingerprint)) == 16


def test_absence_under_another_key_proves_nothing(doubts: Doubts, rows: Rows, context: Context) -> None:
    job_id = doubts.ambiguous()
    doubts.context = replace(context, environment={"ALIBABA_API_KEY": "sk-of-another-main-account"})

    for _ in range(20):
        said = doubts.ask(job_id)
    assert "another key" in said
    assert doubts.attempt(job_id).first_absent_at is None

    doubts.give_up(job_id)
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW


def test_an_echo_under_another_key_is_proof(doubts: Doubts, rows: Rows, context: Context) -> None:
    job_id = doubts.ambiguous()
    doubts.context = replace(context, environment={"ALIBABA_API_KEY": "sk-of-the-same-main-account"})
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert rows.state(job_id) is RenderState.RENDERING


def _submit_in_vain(doubts: Doubts, context: Context, job_id: UUID) -> None:
    dispatch(context)
    doubts.provider.on_submit(CUT_OFF)
    doubts.jobs.submit([hint for hint in doubts.jobs.hints.submits if hint.job_id == job_id][-1])
