"""Text jobs in a batch: asked together, paid at half the price, and nothing paid twice whatever is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import update

from models import Account, Campaign, EntryKind, OnLostAnswer, TextBatch
from models.campaign import ensure_campaign
from models.operations.money.budget import Budget, set_budget
from models.operations.texts.cancel import request_text_cancel
from models.operations.texts.enqueue import TextJobOptions
from models.tenant import ensure_tenant
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen import QwenBatches
from reelqueue.states import FailureClass, TextAttemptState, TextBatchState, TextState
from tests.conftest import TIME_SCALE
from tests.support.asked import MODEL
from tests.support.batched import DAY, Batched, KilledError
from workers.batches import creation, following, lines, search
from workers.batches.gathering import gather_text_jobs
from workers.batches.lines import close_lines
from workers.batches.stepping import step_batch
from workers.failpoints import Failpoint
from workers.operator.text_health import text_troubles
from workers.runtime.host_clock import HostClock
from workers.settings import BatchSettings
from workers.sweep.batches import sweep_batches
from workers.texts.decisions import Reason


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


class FrozenHost(HostClock):
    """A host whose process stops now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen_seconds = 0.0

    def freeze(self, seconds: float, is_frozen: bool) -> None:  # noqa: FBT001
        """Let time pass for everybody else."""
        self.frozen_seconds += seconds if is_frozen else 0

    def seconds(self) -> float:
        """Seconds by the host's clock."""
        return super().seconds() + self.frozen_seconds


POINTS = [
    (creation, Failpoint.BATCH_UPLOADED, 1),
    (creation, Failpoint.BATCH_CREATING, 1),
    (creation, Failpoint.BATCH_CREATED, 1),
    (search, Failpoint.BATCH_LISTED, 1),
    (following, Failpoint.BATCH_READ, 1),
    (lines, Failpoint.BATCH_SETTLED, 1),
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


def test_lines_that_expire_are_free_and_those_that_were_answered_are_kept(batched: Batched) -> None:
    jobs = [batched.batched() for _ in range(4)]
    batched.configure(texts={"batch_run_seconds": 1.5 * DAY})
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.wait(DAY)

    assert batched.step(batch_id).provider_status == "expired"

    ended = [batched.job(one).state for one in jobs]
    assert (ended.count(TextState.SUCCEEDED), ended.count(TextState.QUEUED)) == (2, 2)
    assert (len(batched.charges()), batched.broken()) == (2, [])
    batched.configure(texts={"batch_run_seconds": 600.0})
    batched.play()
    assert (batched.states(), len(batched.charges())) == ([TextState.SUCCEEDED] * 4, 4)
    assert batched.broken() == []


def test_a_job_comes_back_to_the_queue_a_few_times_and_then_has_failed(batched: Batched) -> None:
    job_id = batched.batched()
    batched.configure(texts={"batch_run_seconds": 100 * DAY})

    batched.play(most=100)

    job = batched.job(job_id)
    assert (job.state, job.failure_code, len(batched.attempts(job_id))) == (TextState.FAILED, "batch_expired", 3)
    assert (job.cost_amount, batched.entries(), batched.broken()) == (None, [], [])


def test_cancelling_all_jobs_of_a_batch_cancels_it(batched: Batched) -> None:
    jobs = [batched.batched() for _ in range(4)]
    batched.configure(texts={"batch_run_seconds": 0.9 * DAY})
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.wait(0.45 * DAY / TIME_SCALE)  # half of its lines are answered
    assert batched.cancel(jobs[0])
    assert batched.step(batch_id).cancel_sent_at is None
    assert [batched.cancel(one) for one in jobs[1:]] == [True] * 3

    batched.wait(60)
    assert batched.step(batch_id).cancel_sent_at is not None
    batched.play()

    assert set(batched.states()) == {TextState.SUCCEEDED, TextState.CANCELLED}
    assert len(batched.charges()) == batched.states().count(TextState.SUCCEEDED)
    assert batched.broken() == []


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_batch_that_is_cancelled_before_its_file_was_read_is_free(batched: Batched, *, is_wanted: bool) -> None:
    jobs = [batched.batched() for _ in range(2)]
    batched.configure(texts={"batch_validation_seconds": DAY})
    batch_id = batched.gathered()
    provider_id = str(batched.step(batch_id).provider_batch_id)
    if is_wanted:  # in the provider's console
        with QwenBatches(
            {"base_url": f"{batched.simulator.base_url}/compatible-mode/v1", "api_key": "sk-simulated"}
        ) as client:
            client.cancel(provider_id)
    else:
        assert all(map(batched.cancel, jobs))
        batched.clock.ahead += timedelta(seconds=60)
        assert batched.step(batch_id).cancel_sent_at is not None
    batched.configure(texts={"batch_validation_seconds": 1.0})

    batched.play()

    state = TextState.SUCCEEDED if is_wanted else TextState.CANCELLED
    assert (batched.batch(batch_id).provider_status, batched.states()) == ("cancelled", [state] * 2)
    assert (len(batched.entries()), len(batched.charges())) == (2 * is_wanted, 2 * is_wanted)
    assert batched.broken() == []


def _cancel_campaign(batched: Batched, _job_id: UUID) -> None:
    with batched.context.sessions.begin() as session:
        session.execute(update(Campaign).values(cancelled_at=batched.context.clock.now(session)))


def _give_up(batched: Batched, job_id: UUID) -> None:
    assert batched.cancel(job_id)


@pytest.mark.parametrize("give_up", [_give_up, _cancel_campaign])
def test_a_line_that_is_answered_although_it_was_given_up_is_paid_and_kept(
    batched: Batched, give_up: Callable[[Batched, UUID], None]
) -> None:
    job_id, _ = batched.batched("Name a boat."), batched.batched()
    batch_id = batched.gathered()
    batched.step(batch_id)
    give_up(batched, job_id)
    batched.wait(DAY)

    assert batched.step(batch_id).state is TextBatchState.CLOSED

    job = batched.job(job_id)
    assert (job.state, job.text) == (TextState.SUCCEEDED, "You said: Name a boat.")
    assert job.cost_amount in {Decimal(charge["amount"]) for charge in batched.charges()}
    assert (len(batched.charges()), batched.broken()) == (2, [])


def test_a_job_that_was_given_up_ends_unpaid_where_its_batch_was_not_made(batched: Batched) -> None:
    job_id, other = batched.batched(), batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="before")
    assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS
    assert batched.cancel(job_id)

    batched.play()

    assert (batched.job(job_id).state, batched.job(other).state) == (TextState.CANCELLED, TextState.SUCCEEDED)
    assert (batched.job(job_id).cost_amount, len(batched.attempts(job_id))) == (None, 1)
    assert (len(batched.charges()), batched.broken()) == (1, [])


def test_a_job_whose_batch_runs_is_not_cancelled_unless_its_answer_may_be_given_up(batched: Batched) -> None:
    job_id = batched.batched()
    batched.step(batched.gathered())

    with batched.context.sessions.begin() as session:
        assert not request_text_cancel(session, job_id, now=batched.context.clock.now(session))

    batched.play()
    assert batched.job(job_id).state is TextState.SUCCEEDED


def test_a_line_that_the_model_refuses_is_free(batched: Batched) -> None:
    blocked, fine = batched.batched("[[blocked-input]]"), batched.batched()

    batched.play()

    job = batched.job(blocked)
    assert (job.state, job.failure_class, job.cost_amount) == (TextState.FAILED, FailureClass.MODERATION, None)
    assert (batched.job(fine).state, len(batched.charges())) == (TextState.SUCCEEDED, 1)
    assert batched.broken() == []


def test_a_batch_that_the_provider_refuses_to_make_costs_nothing(batched: Batched) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "error", phase="before", status=429, code="limit_requests")

    assert batched.step(batch_id).state is TextBatchState.RELEASING
    batched.play()

    first, second = batched.attempts(job_id)
    assert (first.state, second.state) == (TextAttemptState.REFUSED, TextAttemptState.ANSWERED)
    assert (len(batched.charges()), batched.broken()) == (1, [])


def test_a_gateway_s_refusal_is_looked_up(batched: Batched) -> None:
    """The page of a proxy says nothing about what the service has received."""
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "gateway-page", phase="after", status=404)

    assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS
    batched.play()

    assert (batched.job(job_id).state, len(batched.made()), len(batched.charges())) == (TextState.SUCCEEDED, 1, 1)


def test_a_file_that_the_provider_refuses_fails_the_line_it_names_and_returns_the_others(batched: Batched) -> None:
    jobs = [batched.batched() for _ in range(2)]
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.refuse_line(batch_id, 2)
    batched.wait(60)

    batched.step(batch_id)

    refused = batched.job(jobs[1])
    assert (refused.state, refused.failure_class) == (TextState.FAILED, FailureClass.INPUT)
    assert batched.job(jobs[0]).state is TextState.QUEUED
    batched.play()
    assert batched.job(jobs[0]).state is TextState.SUCCEEDED


def test_a_line_that_is_in_no_file_may_be_billed_and_is_asked_again_by_policy(batched: Batched) -> None:
    hold = TextJobOptions(is_batched=True, on_lost_answer=OnLostAnswer.HOLD)
    held, retried = batched.batched(options=hold), batched.batched()
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.wait(DAY)
    batched.says(batch_id, status="completed")

    batched.step(batch_id)

    assert [batched.job(one).state for one in (held, retried)] == [TextState.HELD, TextState.QUEUED]
    assert {attempt.state for one in (held, retried) for attempt in batched.attempts(one)} == {
        TextAttemptState.AMBIGUOUS
    }
    assert {entry.kind for entry in batched.entries()} == {EntryKind.WRITE_OFF}
    assert batched.broken() == []
    batched.play()
    assert (batched.job(retried).state, len(batched.charges())) == (TextState.SUCCEEDED, 3)
    assert batched.broken() == []


def test_a_list_that_cannot_be_read_proves_nothing(batched: Batched) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="after")
    batched.step(batch_id)
    for _ in range(6):
        batched.goes_wrong("batch-list", "error", phase="before", status=500)
        batched.wait(600)
        assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS

    batched.play()

    assert (batched.job(job_id).state, len(batched.made()), len(batched.charges())) == (TextState.SUCCEEDED, 1, 1)


def test_a_clock_that_is_set_forward_does_not_prove_that_a_batch_is_absent(batched: Batched) -> None:
    """The batch is in the list only later: its request is still under way when the database's clock jumps."""
    batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="before")
    batched.step(batch_id)

    for _ in range(4):
        batched.clock.ahead += timedelta(hours=1)
        assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS


def test_a_second_absence_is_left_to_the_job_s_policy(batched: Batched) -> None:
    """A list that never shows a batch would have each paid for again."""
    job_id = batched.batched(options=TextJobOptions(is_batched=True, on_lost_answer=OnLostAnswer.HOLD))
    for _ in range(2):
        batched.goes_wrong("batch-create", "drop", phase="before")

    batched.play()

    assert batched.job(job_id).state is TextState.HELD
    assert [attempt.state for attempt in batched.attempts(job_id)] == [
        TextAttemptState.NOT_SENT,
        TextAttemptState.AMBIGUOUS,
    ]
    assert batched.broken() == []


def test_a_campaign_that_is_paused_has_its_jobs_taken_out_of_a_batch_that_was_not_sent(batched: Batched) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    with batched.context.sessions.begin() as session:
        session.execute(update(Campaign).values(paused_at=batched.context.clock.now(session)))

    assert batched.step(batch_id).state is TextBatchState.CLOSED

    (attempt,) = batched.attempts(job_id)
    assert (batched.job(job_id).state, attempt.state) == (TextState.QUEUED, TextAttemptState.NOT_SENT)
    assert (batched.made(), batched.broken()) == ([], [])


def test_a_campaign_that_is_paused_while_its_batch_is_uploaded_is_not_sent(
    batched: Batched, monkeypatch: pytest.MonkeyPatch
) -> None:
    batched.batched()
    batch_id = batched.gathered()

    def pause(name: Failpoint) -> None:
        if name is Failpoint.BATCH_UPLOADED:
            with batched.context.sessions.begin() as session:
                session.execute(update(Campaign).values(paused_at=batched.context.clock.now(session)))

    monkeypatch.setattr(creation, "failpoint", pause)

    assert batched.step(batch_id).state is TextBatchState.GATHERED
    assert (batched.made(), batched.broken()) == ([], [])


def test_a_worker_that_was_frozen_before_the_paid_step_does_not_take_it(
    batched: Batched, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    host = FrozenHost()
    batched.context = replace(batched.context, host=host)
    monkeypatch.setattr(creation, "failpoint", lambda name: host.freeze(60, name is Failpoint.BATCH_CREATING))

    assert batched.step(batch_id).state is TextBatchState.RELEASING
    monkeypatch.undo()
    batched.play()

    assert (batched.job(job_id).state, len(batched.made()), batched.broken()) == (TextState.SUCCEEDED, 1, [])


def test_a_step_that_another_worker_has_taken_makes_nothing(batched: Batched, monkeypatch: pytest.MonkeyPatch) -> None:
    batched.batched()
    batch_id = batched.gathered()

    def take(name: Failpoint) -> None:
        if name is Failpoint.BATCH_UPLOADED:
            monkeypatch.undo()
            batched.wait(600)
            assert batched.step(batch_id).state is TextBatchState.RUNNING

    monkeypatch.setattr(creation, "failpoint", take)
    batched.step(batch_id)

    assert (len(batched.made()), batched.batch(batch_id).state) == (1, TextBatchState.RUNNING)
    assert batched.broken() == []


def test_a_batch_that_is_asked_about_days_later_is_not_given_up_for_one_failure(batched: Batched) -> None:
    """The workers were off for longer than a batch without news is followed."""
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.wait(5 * DAY)
    batched.goes_wrong("batch-get", "error", phase="before", status=500)

    assert batched.step(batch_id).state is TextBatchState.RUNNING

    batched.play()
    assert (batched.job(job_id).state, len(batched.charges()), batched.broken()) == (TextState.SUCCEEDED, 1, [])


def test_a_lost_answer_that_is_looked_up_days_later_is_not_given_up_for_one_failure(batched: Batched) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="after")
    batched.step(batch_id)
    batched.wait(5 * DAY)
    batched.goes_wrong("batch-list", "error", phase="before", status=500)

    assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS

    batched.play()
    assert (batched.job(job_id).state, len(batched.charges()), batched.broken()) == (TextState.SUCCEEDED, 1, [])


@pytest.mark.parametrize("operation", ["batch-get", "batch-list"])
def test_a_batch_of_which_nothing_is_found_out_for_days_may_be_billed(batched: Batched, operation: str) -> None:
    rules = BatchSettings(gather_seconds=0, give_up_hours=1)
    batched.context = replace(batched.context, settings=replace(batched.context.settings, batch=rules))
    job_id = batched.batched(options=TextJobOptions(is_batched=True, on_lost_answer=OnLostAnswer.HOLD))
    batch_id = batched.gathered()
    if operation == "batch-list":
        batched.goes_wrong("batch-create", "drop", phase="after")
    batched.step(batch_id)
    seen = []
    for _ in range(14):
        batched.goes_wrong(operation, "error", phase="before", status=500)
        batched.wait(301)
        seen.append(batched.step(batch_id).state)

    assert (seen[0] in {TextBatchState.RUNNING, TextBatchState.AMBIGUOUS}, seen[-1]) == (True, TextBatchState.CLOSED)
    (attempt,) = batched.attempts(job_id)
    assert (batched.job(job_id).state, attempt.error_code) == (TextState.HELD, "batch_lost")
    assert batched.broken() == []


@pytest.mark.parametrize("kind", ["truncated", "empty"])
def test_a_result_file_that_is_cut_is_read_again(batched: Batched, kind: str) -> None:
    """Its lines are paid for, and the file is deleted once they are read."""
    jobs = [batched.batched() for _ in range(4)]
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.wait(DAY)
    batched.goes_wrong("file-content", kind, phase="after")

    assert batched.step(batch_id).state is TextBatchState.RUNNING
    assert batched.broken() == []

    batched.play()
    assert [batched.job(one).state for one in jobs] == [TextState.SUCCEEDED] * 4
    assert (len(batched.made()), len(batched.charges()), batched.broken()) == (1, 4, [])


def test_a_batch_that_was_made_twice_is_followed_where_the_other_is_over(batched: Batched) -> None:
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="after")
    batch = batched.step(batch_id)
    url = f"{batched.simulator.base_url}/compatible-mode/v1"
    with QwenBatches({"base_url": url, "api_key": "sk-simulated"}) as client:
        client.create(str(batch.input_file_id), name=batch.name)
    batched.wait(DAY)

    assert batched.step(batch_id).state is TextBatchState.RUNNING

    batched.play()
    assert batched.job(job_id).state is TextState.SUCCEEDED


def test_a_database_that_went_back_in_time_makes_no_batch_again(batched: Batched) -> None:
    stopped, other = batched.batched(), batched.batched()
    batch_id = batched.gathered()
    batched.step(batch_id)
    batched.forget(batch_id)
    assert batched.cancel(stopped)
    batched.wait(60)

    assert batched.step(batch_id).state is TextBatchState.CREATING
    assert batched.broken() == []

    batched.play()
    assert [batched.job(one).state for one in (stopped, other)] == [TextState.SUCCEEDED] * 2
    assert (len(batched.made()), len(batched.charges()), batched.broken()) == (1, 2, [])


def test_a_list_of_thirty_days_does_not_prove_that_an_older_batch_is_absent(batched: Batched) -> None:
    job_id = batched.batched(options=TextJobOptions(is_batched=True, on_lost_answer=OnLostAnswer.HOLD))
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="after")
    batched.step(batch_id)
    batched.wait(31 * DAY)

    batched.play()

    (attempt,) = batched.attempts(job_id)
    assert (batched.job(job_id).state, attempt.error_code) == (TextState.HELD, "batch_lost")
    assert batched.broken() == []


def _pause_account(batched: Batched, _job_id: UUID) -> None:
    with batched.context.sessions.begin() as session:
        session.execute(update(Account).values(paused_at=batched.context.clock.now(session)))


def _close_line(batched: Batched, job_id: UUID) -> None:
    (attempt,) = batched.attempts(job_id)
    close_lines(batched.context, {attempt.id: Reason(code=FailureCode.WITHDRAWN)})


@pytest.mark.parametrize("change", [_pause_account, _close_line])
def test_what_changes_while_a_batch_is_uploaded_is_not_sent(
    batched: Batched, monkeypatch: pytest.MonkeyPatch, change: Callable[[Batched, UUID], None]
) -> None:
    job_id, _ = batched.batched(), batched.batched()
    batch_id = batched.gathered()
    monkeypatch.setattr(
        creation, "failpoint", lambda name: change(batched, job_id) if name is Failpoint.BATCH_UPLOADED else None
    )

    assert batched.step(batch_id).state is TextBatchState.GATHERED

    assert (batched.made(), batched.broken()) == ([], [])


def test_the_doctor_names_a_batch_that_stands_still(batched: Batched) -> None:
    batched.batched()
    batch_id = batched.gathered()
    for _ in range(3):
        batched.goes_wrong("file-put", "error", phase="before", status=500)
        batched.wait(600)
        assert batched.step(batch_id).state is TextBatchState.GATHERED

    with batched.context.sessions() as session:
        (trouble,) = text_troubles(session, batched.context.clock.now(session))

    assert trouble.subject == f"batch {batch_id}"
    assert "1 text jobs of qwen3.5-flash are gathered" in trouble.seen
    assert "its file could not be uploaded" in trouble.seen


def test_a_step_whose_files_take_longer_than_its_lease_is_not_taken_over(
    batched: Batched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the file would be sent, or read, from its beginning again and again."""
    jobs = [batched.batched(f"{number} " + "boat " * 40_000) for number in range(2)]
    batch_id = batched.gathered()
    host = FrozenHost()
    batched.context = replace(batched.context, host=host)
    seconds = {Failpoint.BATCH_UPLOADED: 0.0, Failpoint.BATCH_READ: 0.0}
    taken: list[str] = []

    def pass_time() -> None:
        host.freeze(100, is_frozen=True)
        batched.clock.ahead += timedelta(seconds=100)
        seconds[[*seconds][len(taken)]] += 100

    def take(name: Failpoint) -> None:
        if len(taken) < len(seconds) and name is [*seconds][len(taken)]:
            taken.append("")
            taken[-1] = step_batch(batched.context, batch_id)

    batched.slows_files(pass_time)
    monkeypatch.setattr(creation, "failpoint", take)
    monkeypatch.setattr(following, "failpoint", take)
    batched.step(batch_id)
    batched.wait(DAY)
    batched.step(batch_id)

    assert taken == [f"batch={batch_id} not due: nothing done"] * 2
    assert min(seconds.values()) > batched.context.settings.batch.lease_seconds
    assert [batched.job(one).state for one in jobs] == [TextState.SUCCEEDED] * 2
    assert (len(batched.made()), batched.broken()) == (1, [])


def test_the_list_of_another_key_does_not_prove_that_a_batch_is_absent(batched: Batched) -> None:
    """The key is changed for one of another main account while an answer is looked up."""
    job_id = batched.batched()
    batch_id = batched.gathered()
    batched.goes_wrong("batch-create", "drop", phase="after")
    batched.step(batch_id)
    mine = batched.context
    batched.context = replace(mine, environment={"ALIBABA_API_KEY": "sk-of-another-account"})
    for _ in range(4):
        batched.wait(600)
        assert batched.step(batch_id).state is TextBatchState.AMBIGUOUS

    batched.context = mine
    batched.play()
    assert (batched.job(job_id).state, len(batched.made()), len(batched.charges())) == (TextState.SUCCEEDED, 1, 1)


def _search(batched: Batched, batch_id: UUID) -> None:
    batched.wait(600)
    batched.step(batch_id)


def _believe_lost(batched: Batched, batch_id: UUID) -> None:
    with batched.context.sessions.begin() as session:
        lost = {"state": TextBatchState.RELEASING, "error_code": FailureCode.BATCH_LOST}
        session.execute(update(TextBatch).where(TextBatch.id == batch_id).values(lost))


@pytest.mark.parametrize(("change", "status"), [(_search, "validating"), (_believe_lost, "cancelling")])
def test_an_answer_that_comes_late_cancels_a_batch_that_no_job_waits_for(
    batched: Batched, monkeypatch: pytest.MonkeyPatch, change: Callable[[Batched, UUID], None], status: str
) -> None:
    """Its worker was frozen behind the paid step: the batch was found meanwhile, or given up."""
    batched.batched()
    batched.configure(texts={"batch_validation_seconds": DAY, "batch_cancel_seconds": DAY})
    batch_id = batched.gathered()
    monkeypatch.setattr(
        creation, "failpoint", lambda name: change(batched, batch_id) if name is Failpoint.BATCH_CREATED else None
    )

    batched.step(batch_id)

    url = f"{batched.simulator.base_url}/compatible-mode/v1"
    with QwenBatches({"base_url": url, "api_key": "sk-simulated"}) as client:
        (made,) = client.find(batched.batch(batch_id).name)
    assert made.status == status
