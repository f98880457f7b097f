"""The sweep: whatever hint was lost comes again, and what a dead worker left behind goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Attempt, CampaignCount, ClipImport, PollLane, RenderJob
from models.operations.campaign_import.commit import begin_import
from models.operations.campaigns import counts
from models.operations.jobs.cancel import request_cancel
from models.tenant import ensure_tenant
from reelqueue.states import AttemptState, RenderState, TextAttemptState, TextState
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import Killed, ScriptedProvider, task
from tests.support.stored_texts import read_text, store_text, store_text_attempt
from tests.support.virtual_clock import START, VirtualClock
from workers.dispatch.dispatcher import dispatch
from workers.sweep import sweep as sweep_module
from workers.sweep.sweep import Swept, sweep

NOTHING = Swept(
    bounded=0,
    expired=0,
    unpaid=0,
    stopped=0,
    unsent=0,
    ambiguous=0,
    reconciles=0,
    submits=0,
    polls=0,
    fetches=0,
    kept=0,
    expiring=0,
    webhooks=0,
    imports=0,
    texts=0,
    questions=0,
    batches=0,
    admitted=0,
)


def lose_everything(hints: RecordedHints) -> None:
    """What FLUSHALL does to the messages under way."""
    hints.submits.clear()
    hints.wakes.clear()
    hints.fetches.clear()


def test_a_quiet_system_is_left_alone(jobs: Jobs) -> None:
    assert sweep(jobs.context) == NOTHING
    assert str(NOTHING) == "nothing overdue"


def test_an_import_that_was_never_committed_is_forgotten(jobs: Jobs, clock: VirtualClock) -> None:
    with jobs.context.sessions.begin() as session:
        now = clock.now(session)
        begun = begin_import(session, ensure_tenant(session), "autumn", None, file_name=None, now=now)
    assert sweep(jobs.context).imports == 0
    clock.advance(86_400 + 1)

    assert sweep(jobs.context).imports == 1
    with jobs.context.sessions() as session:
        assert session.get(ClipImport, begun.id) is None


def test_the_counts_of_campaigns_are_folded_to_the_last(
    jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "FOLDED_AT_ONCE", 2)
    monkeypatch.setattr(sweep_module, "FOLDED_AT_ONCE", 2)
    jobs.queued()
    jobs.queued()

    sweep(jobs.context)

    with rows.sessions.begin() as session:
        kept = session.execute(select(CampaignCount.state, CampaignCount.count, CampaignCount.is_folded)).all()
    assert [tuple(one) for one in kept] == [(RenderState.ADMITTED, 2, True)]


def test_what_is_under_way_is_left_alone(jobs: Jobs, hints: RecordedHints) -> None:
    jobs.rendering()
    jobs.admitted()
    lose_everything(hints)

    assert sweep(jobs.context) == NOTHING
    assert (hints.submits, hints.wakes) == ([], [])


def test_a_lost_dispatch_is_made_up_for(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()

    assert str(sweep(jobs.context)) == "admitted=1"
    assert rows.state(job_id) is RenderState.ADMITTED


def test_a_lost_submit_is_hinted_again(jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock) -> None:
    hint = jobs.admitted()
    lose_everything(hints)
    clock.advance(4)

    assert sweep(jobs.context).submits == 1
    jobs.submit(hints.submits[0])
    assert rows.state(hint.job_id) is RenderState.RENDERING


def test_a_submit_that_is_not_due_is_not_lost(jobs: Jobs, hints: RecordedHints, clock: VirtualClock) -> None:
    for _ in range(3):
        jobs.queued()
    dispatch(jobs.context)
    lose_everything(hints)
    clock.advance(3.1)  # of three submits, 0.2 s apart, one is overdue by 3 s

    assert sweep(jobs.context).submits == 1


def test_a_lost_poll_is_hinted_again(jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock) -> None:
    job_id = jobs.rendering()
    lose_everything(hints)
    clock.advance(5 + 4)

    assert sweep(jobs.context).polls == 1
    jobs.poll()
    assert rows.job(job_id).poll_count == 1


def test_the_message_that_was_believed_lost_does_nothing_when_it_comes(
    jobs: Jobs, hints: RecordedHints, clock: VirtualClock, provider: ScriptedProvider
) -> None:
    jobs.rendering()
    late = hints.wakes[-1]
    clock.advance(5 + 4)
    sweep(jobs.context)
    jobs.poll()

    hints.wakes.append(late)

    assert jobs.poll() is None
    assert provider.count("query") == 1


def test_a_batch_that_died_is_hinted_again_after_its_lease(
    jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock
) -> None:
    job_id = jobs.rendering()
    with pytest.raises(Killed):
        jobs.poll(Killed(), task("RUNNING"))

    clock.advance(29)
    assert sweep(jobs.context).polls == 0
    clock.advance(2)
    assert sweep(jobs.context).polls == 1

    jobs.poll()
    assert rows.job(job_id).poll_count == 1


def test_a_lane_is_not_woken_without_a_due_job(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    jobs.rendering(poll_interval_ms=60_000)
    rows.change(PollLane, PollLane.seq > 0, wake_at=None)
    clock.advance(30)

    assert sweep(jobs.context).polls == 0


def test_a_cancel_does_not_wait_for_a_long_interval(jobs: Jobs, hints: RecordedHints, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=600_000)
    clock.advance(10)
    with jobs.context.sessions.begin() as session:
        request_cancel(session, job_id, now=clock.now())

    dispatch(jobs.context)

    assert hints.wakes[-1].at == clock.now()


def test_a_lost_fetch_is_hinted_again(jobs: Jobs, hints: RecordedHints) -> None:
    job_id = jobs.archiving()
    lose_everything(hints)

    assert sweep(jobs.context).fetches == 1
    assert hints.fetches == [job_id]


def test_what_waits_in_the_queue_is_not_hinted_at_twice(jobs: Jobs, hints: RecordedHints) -> None:
    job_id = jobs.archiving()
    lose_everything(hints)

    hints.waiting["render.archive"] = 1
    assert (sweep(jobs.context).fetches, hints.fetches) == (1, [])

    hints.waiting["render.archive"] = 0
    assert (sweep(jobs.context).fetches, hints.fetches) == (1, [job_id])


def test_a_fetch_in_a_workers_hands_is_not_lost(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.archiving()
    rows.change(RenderJob, RenderJob.id == job_id, lease_until=clock.at(100), next_archive_at=clock.at(100))

    assert sweep(jobs.context).fetches == 0
    clock.time = clock.at(101)
    assert sweep(jobs.context).fetches == 1


def test_an_intent_that_was_never_sent_is_handed_back(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering()
    rows.change(Attempt, Attempt.job_id == job_id, state=AttemptState.INTENT, send_by=clock.at(15))
    rows.change(RenderJob, RenderJob.id == job_id, state=RenderState.SUBMITTING)

    clock.advance(17)
    assert sweep(jobs.context).unsent == 0
    clock.advance(2)
    assert sweep(jobs.context).unsent == 1

    assert rows.attempts(job_id)[0].state is AttemptState.REJECTED
    assert rows.path(job_id)[-2:] == ["queued", "admitted"]


def test_a_worker_that_died_in_the_post_leaves_a_doubt(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    hint = jobs.admitted()
    jobs.provider.on_submit(Killed())
    with pytest.raises(Killed):
        jobs.submit(hint)
    (attempt,) = rows.attempts(hint.job_id)

    clock.time = attempt.answer_by
    swept = sweep(jobs.context)

    assert (swept.ambiguous, swept.unsent) == (1, 0)
    assert rows.attempts(hint.job_id)[0].state is AttemptState.AMBIGUOUS
    assert rows.has_slot(hint.job_id)


@pytest.mark.parametrize("is_admitted", [False, True])
def test_a_job_whose_start_by_has_passed_expires(
    jobs: Jobs, rows: Rows, clock: VirtualClock, *, is_admitted: bool
) -> None:
    job_id = jobs.queued(start_by=clock.at(10).isoformat())
    if is_admitted:
        dispatch(jobs.context)

    clock.advance(10)
    swept = sweep(jobs.context)

    assert (swept.expired, rows.state(job_id)) == (1, RenderState.EXPIRED)
    assert not rows.has_slot(job_id)
    assert rows.job(job_id).failure_message


def test_a_job_that_was_sent_in_time_does_not_expire(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(start_by=clock.at(1).isoformat())
    clock.advance(4)

    assert sweep(jobs.context).expired == 0
    assert rows.state(job_id) is RenderState.RENDERING


@pytest.mark.parametrize("part", ["bound_waits", "_heal_renders", "_hint_renders", "_forget_imports", "dispatch"])
def test_an_error_in_one_part_is_raised_when_the_others_have_run(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    with jobs.context.sessions.begin() as session:
        late = store_text(session, start_by=START - timedelta(days=1))
    monkeypatch.setattr(sweep_module, part, unlucky)

    with pytest.raises(ZeroDivisionError) as raised:
        sweep(jobs.context)

    with jobs.context.sessions() as session:
        assert read_text(session, late).state is TextState.EXPIRED
    assert raised.value.__notes__[0].startswith("parts of the sweep that failed: ")


def test_an_error_among_text_jobs_stops_neither_renders_nor_other_text_jobs(
    jobs: Jobs, hints: RecordedHints, monkeypatch: pytest.MonkeyPatch, clock: VirtualClock
) -> None:
    job_id = jobs.admitted()
    with jobs.context.sessions.begin() as session:
        late = store_text(session, start_by=START - timedelta(days=1))
        waits = store_text(session)
        dead = store_text(session, TextState.RUNNING, epoch=1)
        store_text_attempt(session, dead, TextAttemptState.SENT, answer_by=START - timedelta(days=1))
    lose_everything(hints)
    clock.advance(60)
    monkeypatch.setattr("workers.sweep.texts._close_one", unlucky)

    with pytest.raises(ZeroDivisionError):
        sweep(jobs.context)

    assert [hint.job_id for hint in hints.submits] == [job_id.job_id]
    assert waits in [hint.job_id for hint in hints.texts]
    with jobs.context.sessions() as session:
        assert read_text(session, late).state is TextState.EXPIRED


def unlucky(*_: object) -> None:
    """A part with a bug."""
    raise ZeroDivisionError
