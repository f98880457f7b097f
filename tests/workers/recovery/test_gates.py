"""A database that went back in time submits nothing that the provider's list knows already."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models import Account, Attempt, Campaign, RenderJob, SubmitGate
from models.account import Account as AccountRow
from models.campaign import OnBudget
from models.operations.jobs.cancel import request_cancel
from models.operations.scheduling.submit_gates import (
    Cause,
    Openings,
    database_identity,
    ensure_gate,
)
from models.session import make_engine
from reelqueue.states import AttemptState, RenderState
from tests.support.jobs import MODEL, PROMPT, Jobs
from tests.support.restored import SETTLED_SECONDS, Restored
from tests.support.rows import Rows
from tests.support.scripted_provider import listing, refused
from workers.audit.invariants import audit
from workers.dispatch.dispatcher import dispatch
from workers.operator.manual_review import resubmit
from workers.orphans.scan import scan_for_orphans
from workers.runtime.context import Context
from workers.runtime.submit_journal import Journaled, SubmitJournal
from workers.sweep.sweep import sweep

OTHER_MODEL = "wan2.5-t2v-preview"


def test_a_task_that_echoes_a_waiting_jobs_prompt_is_that_jobs(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    restored.from_backup()
    restored.lists(forgotten=PROMPT)

    restored.settle()
    restored.settle()

    assert rows.state(job_id) is RenderState.ARCHIVING
    assert jobs.provider.count("submit") == 0
    assert [one.provider_task_id for one in rows.tasks(job_id)] == ["forgotten"]
    assert rows.spent(job_id) == Decimal("0.50")
    assert not rows.has_slot(job_id)
    assert broken(rows) == []


def test_an_admitted_job_gets_its_task_too(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.admitted().job_id
    restored.from_backup()
    restored.lists(forgotten=PROMPT)

    restored.dispatched()
    restored.settle()

    assert rows.state(job_id) is RenderState.ARCHIVING
    assert (jobs.provider.count("submit"), broken(rows)) == (0, [])


@pytest.mark.parametrize("age_days", [20 * 365, 7, -7, -20 * 365])
def test_a_task_with_a_time_that_cannot_be_is_not_ruled_out_by_it(
    restored: Restored, jobs: Jobs, rows: Rows, age_days: int
) -> None:
    job_id = jobs.queued()
    restored.from_backup()
    restored.lists(age_seconds=age_days * 86_400, forgotten=PROMPT)

    restored.settle()
    restored.settle()

    (attempt,), now = rows.attempts(job_id), jobs.clock.now()
    assert (jobs.provider.count("submit"), rows.tasks(job_id)[0].provider_task_id) == (0, "forgotten")
    assert attempt.sent_at is not None
    assert now - timedelta(days=1) <= attempt.sent_at <= now


def test_a_hint_about_an_admitted_job_submits_nothing_while_the_gate_is_closed(
    restored: Restored, jobs: Jobs, rows: Rows
) -> None:
    hint = jobs.admitted()
    restored.from_backup()

    jobs.submit(hint)

    assert (rows.state(hint.job_id), jobs.provider.count("submit")) == (RenderState.ADMITTED, 0)


def test_a_forgotten_task_that_renders_holds_its_model_until_it_has_ended(
    restored: Restored, jobs: Jobs, rows: Rows
) -> None:
    job_id, other_id = jobs.queued(), jobs.queued(model=OTHER_MODEL)
    restored.from_backup()
    restored.lists("forgotten")

    assert restored.dispatched() == 0
    assert (restored.settle(), rows.state(other_id)) == (1, RenderState.ADMITTED)
    assert "say so when they have ended" in restored.reasons()[0]
    restored.lists(forgotten=PROMPT)
    restored.dispatched(after_seconds=60)

    assert (rows.state(job_id), restored.reasons()) == (RenderState.ARCHIVING, [])
    assert jobs.provider.count("submit") == 0


def test_a_restored_database_waits_for_what_may_still_be_on_its_way(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    restored.from_backup()

    assert restored.dispatched() == 0
    restored.lists(late=PROMPT)
    restored.settle()

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_without_a_trace_it_goes_on_by_itself(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    restored.from_backup()

    assert (restored.dispatched(), restored.settle(), restored.reasons()) == (0, 1, [])


@pytest.mark.parametrize("is_new", [True, False])
def test_a_first_start_and_a_restart_cost_one_call(restored: Restored, jobs: Jobs, rows: Rows, *, is_new: bool) -> None:
    if is_new:
        forget_gates(rows)
    else:
        restored.on_the_same_server()
    jobs.queued()

    assert (restored.dispatched(), jobs.provider.count("list")) == (1, 1)


def test_a_database_with_attempts_whose_gate_was_never_opened_counts_as_restored(
    restored: Restored, jobs: Jobs, rows: Rows
) -> None:
    jobs.rendering()
    jobs.queued()
    forget_gates(rows)

    assert (restored.dispatched(), gate(rows).cause, restored.settle()) == (0, Cause.RESTORED, 1)


def test_a_first_list_with_a_task_of_ours_is_read_again(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    first_id = jobs.queued()
    jobs.queued(prompt="the one on its way")
    forget_gates(rows)
    restored.lists(forgotten=PROMPT)

    admitted = restored.dispatched()
    restored.lists(forgotten=PROMPT, late="the one on its way")

    assert (admitted, restored.settle(), rows.state(first_id)) == (0, 0, RenderState.ARCHIVING)
    assert jobs.provider.count("submit") == 0


@pytest.mark.parametrize(("is_restored", "cause"), [(True, Cause.RESTORED), (False, Cause.RESTARTED)])
def test_an_account_without_a_gate_is_restored_with_the_others_of_its_database(
    restored: Restored, jobs: Jobs, rows: Rows, *, is_restored: bool, cause: Cause
) -> None:
    with rows.sessions.begin() as session:
        session.add(AccountRow(name="second", base_url="https://second.test", region="x", key_env="SECOND", headers={}))
    jobs.queued()
    if is_restored:
        restored.from_backup()
    jobs.provider.on_list(refused(403, "AccessDenied"))

    admitted = restored.dispatched()

    with rows.sessions() as session:
        second = session.query(SubmitGate).filter(SubmitGate.account_id != default_id(rows)).one()
        lets = Openings({default_id(rows): gate_of(rows)}, {second.account_id: second}, session)
        assert lets.lets(default_id(rows), MODEL) is not is_restored
    assert (second.cause, admitted) == (cause, 0 if is_restored else 1)


@pytest.mark.parametrize("is_admitted", [True, False])
def test_a_job_that_is_late_while_the_gate_is_shut_waits_for_the_comparison(
    restored: Restored, jobs: Jobs, rows: Rows, *, is_admitted: bool
) -> None:
    start_by = jobs.clock.at(30).isoformat()
    hint = jobs.admitted(start_by=start_by) if is_admitted else None
    job_id = hint.job_id if hint else jobs.queued(start_by=start_by)
    restored.from_backup()
    restored.lists(forgotten=PROMPT)
    jobs.clock.advance(31)

    if hint is not None:
        jobs.submit(hint)
    sweep(jobs.context)
    jobs.clock.advance(SETTLED_SECONDS)
    sweep(jobs.context)

    assert (rows.state(job_id), jobs.provider.count("submit")) == (RenderState.ARCHIVING, 0)


def test_a_late_job_expires_when_the_comparison_has_found_no_task(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued(start_by=jobs.clock.at(30).isoformat())
    restored.from_backup()
    jobs.clock.advance(31)

    sweep(jobs.context)
    before = rows.state(job_id)
    jobs.clock.advance(SETTLED_SECONDS)
    sweep(jobs.context)
    sweep(jobs.context)

    assert (before, rows.state(job_id)) == (RenderState.QUEUED, RenderState.EXPIRED)


def test_a_job_without_budget_is_not_cancelled_before_the_comparison(
    restored: Restored, jobs: Jobs, rows: Rows
) -> None:
    job_id = jobs.queued()
    rows.change(Campaign, budget_exhausted_at=jobs.clock.now(), on_budget=OnBudget.CANCEL)
    restored.from_backup()
    restored.lists(forgotten=PROMPT)

    sweep(jobs.context)
    jobs.clock.advance(SETTLED_SECONDS)
    sweep(jobs.context)

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_dispatch_and_the_opening_of_gates_lock_them_in_one_order(own_jobs: Jobs) -> None:
    sessions = own_jobs.context.sessions
    with sessions.begin() as session:
        session.add(AccountRow(name="second", base_url="https://second.test", region="x", key_env="SECOND", headers={}))
    dispatch(own_jobs.context)
    with sessions.begin() as session:
        first_id, second_id = session.scalars(select(SubmitGate.account_id).order_by(SubmitGate.account_id)).all()
        session.execute(update(SubmitGate).values(is_open=True, alive_at=own_jobs.clock.now()))
        # Its row lies behind the other's now, so that whatever takes them as they lie takes it last.
        session.execute(update(SubmitGate).where(SubmitGate.account_id == first_id).values(reason=None))
        for plan in ("enable_indexscan", "enable_bitmapscan"):
            session.execute(
                text(f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {plan} = off', current_database()); END $$")
            )
    sessions.kw["bind"].dispose()
    own_jobs.clock.advance(30)

    with sessions.begin() as opener, ThreadPoolExecutor(1) as threads:
        ensure_gate(opener, first_id)
        dispatching = threads.submit(dispatch, own_jobs.context)
        while not _waits(opener) and not dispatching.done():
            pass
        ensure_gate(opener, second_id)
        opener.commit()

        assert dispatching.result() == []


def test_a_task_whose_job_has_gone_on_meanwhile_is_held_for_the_next_comparison(own_jobs: Jobs) -> None:
    rows = Rows(own_jobs.context.sessions)
    restored = Restored(own_jobs.context, own_jobs, rows)
    first_id, second_id = own_jobs.queued(), own_jobs.queued()
    restored.from_backup()
    restored.settle()
    restored.lists(forgotten=PROMPT)

    with own_jobs.context.sessions() as owner, ThreadPoolExecutor(1) as threads:
        request_cancel(owner, first_id, now=own_jobs.clock.now(), abandon_running=False)
        comparing = threads.submit(restored.settle)
        while not _waits(owner) and not comparing.done():
            pass
        owner.commit()
        admitted = comparing.result()

    assert (admitted, rows.state(second_id)) == (0, RenderState.QUEUED)
    restored.dispatched(after_seconds=60)
    assert (rows.state(second_id), own_jobs.provider.count("submit")) == (RenderState.ARCHIVING, 0)


def _waits(session: Session) -> bool:
    """Whether another session waits for what this one has locked."""
    blocked = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return session.execute(text(blocked)).first() is not None


def test_where_nothing_waits_nothing_is_asked(restored: Restored, jobs: Jobs) -> None:
    restored.from_backup()

    restored.dispatched()

    assert (jobs.provider.requests, restored.reasons()) == ([], [])


def test_a_data_directory_that_was_put_back_is_noticed(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    restored.on_the_same_server()
    restored.lists(forgotten=PROMPT)

    restored.dispatched()

    assert (rows.state(job_id), jobs.provider.count("submit")) == (RenderState.ARCHIVING, 0)


def test_a_database_without_a_dispatch_for_minutes_is_compared(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()

    restored.dispatched(after_seconds=600)

    assert jobs.provider.count("list") == 1


def test_a_database_whose_clock_was_set_back_is_compared_at_once(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    jobs.clock.advance(-3600)
    job_id = jobs.queued()
    restored.lists(forgotten=PROMPT)

    restored.dispatched()

    assert (rows.state(job_id), restored.reasons()) == (RenderState.ARCHIVING, [])


def test_a_comparison_that_a_clock_ahead_has_put_off_is_made(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    jobs.queued()
    restored.from_backup()
    restored.dispatched()
    ahead = jobs.clock.now() + timedelta(hours=1)
    rows.change(SubmitGate, check_at=ahead, closed_at=ahead)

    restored.dispatched()

    assert gate(rows).check_at <= jobs.clock.now() + timedelta(minutes=1)


def test_a_task_of_another_program_holds_nothing(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    jobs.queued()
    restored.from_backup()
    restored.lists(stray="somebody else's paper boat")

    assert (restored.settle(), restored.dispatched(after_seconds=60)) == (0, 0)
    assert restored.settle() == 1
    assert gate(rows).foreign_task_ids == ["stray"]


def test_a_stream_of_another_programs_tasks_shuts_no_model_for_good(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    restored.with_known_clock()
    restored.on_the_same_server()
    admitted = []
    for number in range(6):  # each renders for ten minutes
        restored.lists(f"stranger-{number}")
        admitted.append(sum(restored.dispatched(after_seconds=200) for _ in range(3)))

    assert admitted == [0, 0, 1, 0, 0, 0]
    assert restored.reasons() == []


def test_a_task_whose_post_can_have_left_before_the_gate_was_closed_is_held(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    restored.with_known_clock()
    restored.on_the_same_server()
    restored.lists("first")
    restored.dispatched()

    jobs.clock.advance(SETTLED_SECONDS)
    restored.lists("late")

    assert restored.dispatched(after_seconds=60) == 0


def test_after_the_clock_was_set_forward_a_forgotten_task_is_held(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    restored.with_known_clock()
    restored.from_backup()
    jobs.provider.on_list(refused(403, "AccessDenied"))
    restored.dispatched()

    jobs.clock.advance(3600)
    restored.lists("forgotten", age_seconds=1800)

    assert (restored.dispatched(), restored.settle(), restored.settle()) == (0, 0, 0)


def test_what_was_seen_before_the_gate_was_closed_again_does_not_open_it(
    restored: Restored, jobs: Jobs, rows: Rows, context: Context
) -> None:
    class Closing(SubmitJournal):
        place = "a journal"

        def read(self, _since: datetime) -> Journaled:
            rows.change(SubmitGate, closed_at=jobs.clock.now() + timedelta(seconds=1))
            return Journaled({})

    restored.context = replace(context, journal=Closing())
    jobs.queued()
    restored.on_the_same_server()
    restored.lists(stray="another program's paper boat")

    assert restored.dispatched() == 0


def test_a_task_older_than_the_record_is_nobodys_to_wait_for(restored: Restored, jobs: Jobs) -> None:
    restored.with_known_clock()
    jobs.queued()
    jobs.clock.advance(250)
    dispatch(jobs.context)
    jobs.queued()
    restored.on_the_same_server()
    restored.lists("old", age_seconds=245)

    assert restored.dispatched() == 1


def test_equal_jobs_share_their_tasks(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    ids = [jobs.queued() for _ in range(3)]
    restored.from_backup()
    restored.lists(first=PROMPT, second=PROMPT)

    restored.dispatched()
    admitted = restored.settle()

    states = sorted(rows.state(one) for one in ids)
    assert (states, admitted) == ([RenderState.ADMITTED, RenderState.ARCHIVING, RenderState.ARCHIVING], 1)
    assert broken(rows) == []


def test_more_tasks_than_jobs_that_can_have_made_them_are_an_operators(
    restored: Restored, jobs: Jobs, rows: Rows
) -> None:
    job_id = jobs.queued(seed=1)
    restored.from_backup()
    restored.lists(of_a_job_that_is_gone=PROMPT, mine=PROMPT)

    restored.dispatched()
    admitted = restored.settle()

    assert (admitted, rows.state(job_id), rows.tasks(job_id)) == (0, RenderState.QUEUED, [])
    assert "python -m workers recover" in restored.reasons()[0]


@pytest.mark.parametrize("is_later", [True, False])
def test_a_job_gets_no_task_while_another_one_may_be_its_own(
    restored: Restored, jobs: Jobs, rows: Rows, *, is_later: bool
) -> None:
    job_id = jobs.queued(seed=1)
    restored.from_backup()
    restored.lists(*(() if is_later else ("mine",)), of_a_job_that_is_gone=PROMPT)

    restored.dispatched()
    if is_later:  # its POST was under way, or the list lags
        restored.lists(of_a_job_that_is_gone=PROMPT, mine=PROMPT)
    admitted = restored.settle()

    assert (admitted, rows.state(job_id), rows.tasks(job_id)) == (0, RenderState.QUEUED, [])
    assert jobs.provider.count("submit") == 0


def test_a_list_that_may_miss_tasks_gives_none_to_a_job(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued(seed=1)
    restored.from_backup()
    restored.lists(missing=1, of_a_job_that_is_gone=PROMPT)

    restored.dispatched()
    restored.settle()

    assert (rows.state(job_id), rows.tasks(job_id)) == (RenderState.QUEUED, [])


def test_jobs_of_one_prompt_and_several_seeds_are_an_operators(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    ids = [jobs.queued(seed=seed) for seed in (1, 2)]
    restored.from_backup()
    restored.lists(forgotten=PROMPT)

    restored.dispatched()

    assert (restored.settle(), [rows.state(one) for one in ids]) == (0, [RenderState.QUEUED] * 2)
    assert "python -m workers recover" in restored.reasons()[0]


def test_the_results_length_tells_jobs_of_one_prompt_apart(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    long_id, short_id = jobs.queued(duration=10), jobs.queued(duration=5)
    restored.from_backup()
    restored.lists(forgotten=PROMPT)  # of 5 s

    restored.dispatched()
    restored.settle()

    assert (rows.state(long_id), rows.state(short_id)) == (RenderState.ADMITTED, RenderState.ARCHIVING)


def test_a_list_that_cannot_be_read_keeps_a_restored_database_closed(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    restored.from_backup()
    jobs.provider.on_list(refused(403, "AccessDenied"))

    assert [restored.settle() for _ in range(5)] == [0] * 5
    assert "AccessDenied" in restored.reasons()[0]


def test_a_list_that_cannot_be_read_holds_a_restart_up_for_a_minute(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    restored.on_the_same_server()
    jobs.provider.on_list(refused(403, "AccessDenied"))

    assert (restored.dispatched(), restored.dispatched(after_seconds=60)) == (0, 1)


def test_a_backup_that_is_older_than_the_list_is_an_operators(restored: Restored, jobs: Jobs) -> None:
    jobs.queued()
    jobs.clock.advance(24 * 3600)
    restored.from_backup()

    restored.dispatched()

    assert restored.settle() == 0
    assert "lists no task of that age" in restored.reasons()[0]


def test_after_a_restart_an_undecided_attempts_task_is_left_to_reconciliation(
    restored: Restored, jobs: Jobs, rows: Rows
) -> None:
    jobs.provider.on_submit(httpx.ReadError("cut"))
    jobs.rendering()
    jobs.queued()
    restored.on_the_same_server()
    restored.lists("perhaps")

    assert restored.dispatched() == 1


def test_in_a_restored_database_it_holds_the_model(restored: Restored, jobs: Jobs) -> None:
    jobs.provider.on_submit(httpx.ReadError("cut"))
    jobs.rendering()
    jobs.queued()
    restored.from_backup()
    restored.lists("perhaps")

    assert restored.settle() == 0


@pytest.mark.parametrize("is_resubmitted", [True, False])
def test_a_task_that_a_job_under_review_may_have_made_waits_for_the_review(
    restored: Restored, jobs: Jobs, rows: Rows, context: Context, *, is_resubmitted: bool
) -> None:
    jobs.provider.on_submit(httpx.ReadError("cut"))
    reviewed_id = jobs.rendering(seed=1)
    rows.change(Attempt, state=AttemptState.UNRESOLVED, reconcile_at=None)
    rows.change(RenderJob, state=RenderState.NEEDS_REVIEW)
    if not is_resubmitted:
        jobs.queued(seed=2)
    restored.from_backup()
    restored.lists(perhaps=PROMPT)

    restored.dispatched()
    assert (restored.settle(), rows.tasks(reviewed_id)) == (0, [])
    if is_resubmitted:  # as it had been in the forgotten future
        with context.sessions.begin() as session:
            resubmit(session, reviewed_id, now=jobs.clock.now())
        restored.dispatched(after_seconds=60)

    expected = [RenderState.ARCHIVING] if is_resubmitted else [RenderState.NEEDS_REVIEW, RenderState.QUEUED]
    with context.sessions() as session:
        assert session.scalars(select(RenderJob.state).order_by(RenderJob.id)).all() == expected
    assert jobs.provider.count("submit") == 1


def test_a_job_that_was_rolled_back_goes_to_no_other_account(
    restored: Restored, jobs: Jobs, rows: Rows, context: Context
) -> None:
    with rows.sessions.begin() as session:
        session.add(AccountRow(name="second", base_url="https://second.test", region="x", key_env="SECOND", headers={}))
    dispatch(context)
    jobs.queued()
    restored.from_backup()
    rows.change(SubmitGate, SubmitGate.account_id != default_id(rows), database_id=None)
    jobs.provider.on_list(refused(403, "AccessDenied"))

    assert restored.settle() == 0


def test_a_forgotten_task_does_not_become_an_orphan(restored: Restored, jobs: Jobs, rows: Rows) -> None:
    jobs.queued(seed=1)
    jobs.queued(seed=2)
    restored.from_backup()
    restored.lists(forgotten=PROMPT)
    jobs.clock.advance(SETTLED_SECONDS)

    assert "its gate is closed" in str(scan_for_orphans(jobs.context)[0])
    restored.settle()
    jobs.clock.advance(200)
    (look,) = scan_for_orphans(jobs.context)

    assert (look.undecided, look.orphans) == (1, [])
    with rows.sessions.begin() as session:
        assert session.query(RenderJob).count() == 2


def test_a_comparison_that_fails_says_of_what_and_keeps_its_account_alone_closed(
    restored: Restored, jobs: Jobs, context: Context
) -> None:
    class Unreadable(SubmitJournal):
        place = "a journal"

        def read(self, _since: datetime) -> Journaled:
            raise RuntimeError("the journal cannot be read")

    restored.context = replace(context, journal=Unreadable())
    jobs.queued()
    restored.from_backup()
    restored.lists("forgotten")

    assert restored.dispatched() == 0
    failed = "the comparison with the provider's task list failed: RuntimeError: the journal cannot be read"
    assert restored.reasons() == [failed]
    (look,) = scan_for_orphans(restored.context)
    assert failed in str(look)


def test_a_copy_is_another_database(postgres_url: str, database_url: str) -> None:
    identities = []
    for url in (postgres_url, database_url, database_url):
        engine = make_engine(url)
        with Session(engine) as session:
            identities.append(database_identity(session))
        engine.dispose()

    assert identities[0] != identities[1] == identities[2]


def test_the_list_is_asked_for_no_more_than_what_may_be_unknown(restored: Restored, jobs: Jobs) -> None:
    restored.with_known_clock()
    jobs.queued()
    restored.on_the_same_server()
    jobs.provider.on_list(listing())

    restored.dispatched()

    query = jobs.provider.requests[-1].url.params
    since = jobs.clock.now() + timedelta(hours=8) - timedelta(minutes=2)  # Beijing time
    assert (query["start_time"], "model_name" in query) == (since.strftime("%Y%m%d%H%M%S"), False)


def gate(rows: Rows) -> SubmitGate:
    with rows.sessions.begin() as session:
        return session.query(SubmitGate).one()


def gate_of(rows: Rows) -> SubmitGate:
    """The default account's gate."""
    with rows.sessions() as session:
        return session.query(SubmitGate).filter_by(account_id=default_id(rows)).one()


def forget_gates(rows: Rows) -> None:
    """No gate was ever opened in this database."""
    with rows.sessions.begin() as session:
        session.query(SubmitGate).delete()


def default_id(rows: Rows) -> UUID:
    with rows.sessions.begin() as session:
        return session.query(Account).filter_by(name="default").one().id


def broken(rows: Rows) -> list[str]:
    """Invariants that do not hold."""
    with rows.sessions.begin() as session:
        return [finding.check.name for finding in audit(session) if finding.rows]
