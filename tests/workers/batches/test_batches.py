"""Text jobs in a batch: asked together, paid at half the price, and nothing paid twice whatever is lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from models import EntryKind
from models.campaign import ensure_campaign
from models.operations.money.budget import Budget, set_budget
from models.operations.texts.cancel import request_text_cancel
from models.tenant import ensure_tenant
from reelqueue.states import TextAttemptState, TextBatchState, TextState
from tests.support.asked import MODEL
from tests.support.batched import DAY, Batched, KilledError
from workers.batches import creation, following, search
from workers.batches.gathering import gather_text_jobs
from workers.failpoints import Failpoint
from workers.settings import BatchSettings
from workers.sweep.batches import sweep_batches


def test_jobs_are_asked_together_at_half_the_price(batched: Batched) -> None:
    first, second = batched.batched("Name a boat."), batched.batched("Name a ship.")
    alone = batched.answered(batched.queued("Name a boat."))

    batch = batched.step(batched.gathered())

    assert (batch.state, batch.line_count, batch.provider_batch_id is not None) == (TextBatchState.RUNNING, 2, True)
    batched.wait(DAY)
    assert batched.step(batch.id).state is TextBatchState.CLOSED
    assert [batched.job(one).text for one in (first, second)] == ["You said: Name a boat.", "You said: Name a ship."]
    assert batched.job(first).cost_amount == (alone.cost_amount or Decimal(0)) / 2
    assert {entry.kind for entry in batched.entries()} == {EntryKind.SETTLE}
    assert (len(batched.charges()), batched.broken()) == (3, [])


def test_a_job_is_claimed_with_half_the_price_reserved(batched: Batched) -> None:
    job_id = batched.batched()
    alone = batched.job(batched.queued())

    batched.gathered()

    (attempt,) = batched.attempts(job_id)
    assert (batched.job(job_id).state, attempt.state) == (TextState.RUNNING, TextAttemptState.INTENT)
    assert attempt.reserved_amount == (alone.estimate_amount or Decimal(0)) / 2
    assert batched.broken() == []


@pytest.mark.parametrize("kind", ["drop", "cut", "html"])
def test_a_lost_answer_is_looked_up_by_name(batched: Batched, kind: str) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", kind, phase="after")

    assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS

    batched.wait(10)
    assert batched.step(batch_id).state is TextBatchState.RUNNING
    batched.play()
    assert (batched.job(job_id).state, len(batched.made())) == (TextState.SUCCEEDED, 1)
    assert (len(batched.charges()), batched.broken()) == (1, [])


def test_a_batch_that_was_not_made_is_made_again_only_after_two_lists_minutes_apart(batched: Batched) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="before")
    batched.step(batch_id)

    for seconds in (10, 60, 60, 60, 60):
        batched.wait(seconds)
        batched.step(batch_id)
        assert (batched.batch(batch_id).state, batched.made()) == (TextBatchState.AMBIGUOUS, [])
    batched.wait(120)
    batched.step(batch_id)
    assert batched.batch(batch_id).state is TextBatchState.RELEASING
    batched.play()

    first, second = batched.attempts(job_id)
    assert (first.state, first.error_code) == (TextAttemptState.NOT_SENT, "batch_absent")
    assert (second.state, batched.job(job_id).state) == (TextAttemptState.ANSWERED, TextState.SUCCEEDED)
    assert (len(batched.charges()), batched.broken()) == (1, [])


POINTS = [
    (creation, Failpoint.BATCH_UPLOADED, 1),
    (creation, Failpoint.BATCH_CREATING, 1),
    (creation, Failpoint.BATCH_CREATED, 1),
    (search, Failpoint.BATCH_LISTED, 1),
    (following, Failpoint.BATCH_READ, 1),
    (following, Failpoint.BATCH_SETTLED, 1),
    (following, Failpoint.BATCH_CLOSED, 1),
]


@pytest.mark.parametrize(("module", "point", "made"), POINTS, ids=[str(point) for _, point, _ in POINTS])
def test_a_worker_that_dies_between_two_steps_loses_and_pays_nothing_twice(
    batched: Batched, monkeypatch: pytest.MonkeyPatch, module: object, point: Failpoint, made: int
) -> None:
    jobs = [batched.batched() for _ in range(3)]
    met: list[Failpoint] = []

    def kill(name: Failpoint) -> None:
        if name is point and not met:
            met.append(name)
            raise KilledError

    monkeypatch.setattr(module, "failpoint", kill)
    if point is Failpoint.BATCH_LISTED:
        batched.goes_wrong("batch-create", "drop", phase="after")
    for _ in range(40):
        try:
            batched.play()
        except KilledError:
            assert batched.broken() == []
        else:
            break

    assert met == [point]
    assert [batched.job(one).state for one in jobs] == [TextState.SUCCEEDED] * 3
    assert (len(batched.made()), len(batched.charges())) == (made, 3)
    assert batched.broken() == []


def test_a_job_that_is_cancelled_before_its_batch_is_sent_is_not_in_it(batched: Batched) -> None:
    stopped, other = batched.batched(), batched.batched()
    batch_id = batched.gathered()
    with batched.context.sessions.begin() as session:
        now = batched.context.clock.now(session)
        assert request_text_cancel(session, stopped, now=now, abandon_running=True)

    batched.step(batch_id)
    batched.play()

    assert (batched.job(stopped).state, batched.job(other).state) == (TextState.CANCELLED, TextState.SUCCEEDED)
    assert (len(batched.charges()), batched.broken()) == (1, [])


def test_the_sweep_hints_at_jobs_that_have_waited_and_at_steps_that_are_overdue(batched: Batched) -> None:
    batched.batched()
    assert sweep_batches(batched.context) == 1
    assert batched.hints.gathers == [MODEL]

    batch_id = batched.gathered()
    batched.hints.batches.clear()
    assert sweep_batches(batched.context) == 0  # its hint is under way
    batched.wait(60)

    assert sweep_batches(batched.context) == 1
    assert [hint.batch_id for hint in batched.hints.batches] == [batch_id]


def test_a_job_waits_for_others_as_long_as_a_batch_does(batched: Batched) -> None:
    rules = BatchSettings(gather_seconds=60, lines_max=2)
    batched.context = replace(batched.context, settings=replace(batched.context.settings, batch=rules))
    batched.batched()
    gather_text_jobs(batched.context, MODEL)
    assert batched.batches() == []

    batched.wait(61)
    gather_text_jobs(batched.context, MODEL)
    assert [batch.line_count for batch in batched.batches()] == [1]

    for _ in range(3):
        batched.batched()
    gather_text_jobs(batched.context, MODEL)
    assert [batch.line_count for batch in batched.batches()] == [1, 2]


def test_a_batch_has_one_thinking_mode(batched: Batched) -> None:
    batched.batched()
    batched.batched(enable_thinking=True)

    gather_text_jobs(batched.context, MODEL)

    assert [(batch.line_count, batch.thinking) for batch in batched.batches()] == [(1, False), (1, True)]
    batched.play()
    assert (batched.states(), batched.broken()) == ([TextState.SUCCEEDED] * 2, [])


def test_a_budget_holds_for_all_lines_together(batched: Batched) -> None:
    with batched.context.sessions.begin() as session:
        campaign_id = ensure_campaign(session, ensure_tenant(session))
    jobs = [batched.batched(campaign_id=campaign_id) for _ in range(3)]
    most = batched.job(jobs[0]).estimate_amount or Decimal(0)
    with batched.context.sessions.begin() as session:
        set_budget(session, campaign_id, Budget(most * 5 / 2, "USD"))

    batch = batched.batch(batched.gathered())

    assert batch.line_count == 2
    waits = batched.job(jobs[2])
    assert (waits.state, waits.failure_code) == (TextState.QUEUED, "budget_exhausted")
    batched.play()
    assert (batched.states(), batched.broken()) == ([TextState.SUCCEEDED] * 3, [])
