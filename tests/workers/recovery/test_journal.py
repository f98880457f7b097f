"""A database that went back in time submits nothing that the journal knows, whatever the provider's list shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import delete

from models import SubmitGate
from models.base import new_id
from models.storage.line_log import FolderLog
from reelqueue.states import AttemptState, RenderState
from tests.support.jobs import PROMPT, Jobs
from tests.support.journals import journaling, submit_at
from tests.support.restored import SETTLED_SECONDS, Restored
from tests.support.rows import Rows
from tests.support.scripted_provider import accepted, answer, listing, refused, succeeded
from workers.audit.invariants import audit
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.submit_journal import JournaledSubmit
from workers.submission.submit import Claim, claim_job
from workers.sweep.sweep import sweep


@dataclass
class Past:
    """A database that is put back, beside a journal that is not."""

    restored: Restored
    jobs: Jobs
    rows: Rows
    folder: Path

    def noted(
        self,
        job_id: UUID,
        task_id: str | None = None,
        *,
        age: timedelta = timedelta(seconds=60),
        account: str = "default",
    ) -> JournaledSubmit:
        """A submit that the database has forgotten."""
        claimed_at = self.jobs.clock.now() - age
        key = self.jobs.context.key_fingerprint(self.rows.account())
        submit = submit_at(claimed_at, job_id, account=account, key_fingerprint=key, clock_offset_seconds=0.0)
        self.jobs.context.journal.leaving(submit)
        if task_id is not None:
            self.jobs.context.journal.made(submit.attempt_id, task_id, at=claimed_at)
        return submit

    def is_of(self, age: timedelta) -> None:
        """The backup ends so long ago."""
        self.restored.from_backup()
        self.rows.change(SubmitGate, known_until=self.jobs.clock.now() - age)

    def was_never_opened(self) -> None:
        """The backup has no gate."""
        with self.rows.sessions.begin() as session:
            session.execute(delete(SubmitGate))

    def settle(self) -> int:
        """How many jobs are admitted once everything was compared."""
        self.restored.dispatched()
        return self.restored.settle()

    def states(self, *job_ids: UUID) -> list[RenderState]:
        return [self.rows.state(one) for one in job_ids]


@pytest.fixture
def past(restored: Restored, jobs: Jobs, rows: Rows, tmp_path: Path) -> Past:
    jobs.context = restored.context = journaling(jobs.context, tmp_path / "journal")
    jobs.provider.on_list(listing())
    return Past(restored, jobs, rows, tmp_path / "journal")


def broken(rows: Rows) -> list[object]:
    with rows.sessions() as session:
        return [finding for finding in audit(session) if finding.rows]


def test_a_job_follows_the_task_that_the_journal_has_though_no_list_shows_it(past: Past) -> None:
    first, second = past.jobs.queued(seed=1), past.jobs.queued(seed=2)
    submit = past.noted(first, "forgotten")
    past.restored.from_backup()

    admitted = past.settle()

    (attempt,), (followed,) = past.rows.attempts(first), past.rows.tasks(first)
    assert (past.states(first, second), admitted) == ([RenderState.RENDERING, RenderState.ADMITTED], 1)
    assert (attempt.id, attempt.state, attempt.sent_at) == (submit.attempt_id, AttemptState.ADOPTED, submit.claimed_at)
    assert (followed.provider_task_id, past.rows.has_slot(first)) == ("forgotten", True)
    assert past.jobs.provider.count("submit") == 0
    assert broken(past.rows) == []


def test_its_result_is_fetched_and_its_bill_entered(past: Past) -> None:
    job_id = past.jobs.queued()
    past.noted(job_id, "forgotten")
    past.restored.from_backup()
    past.settle()

    past.jobs.poll(succeeded())

    assert past.rows.state(job_id) is RenderState.ARCHIVING
    assert past.rows.spent(job_id) > 0


def test_a_data_directory_that_was_put_back_is_told_by_the_journal(past: Past) -> None:
    job_id = past.jobs.queued()
    past.noted(job_id, "forgotten")
    past.restored.on_the_same_server()

    assert past.restored.dispatched() == 0
    assert "restored" in past.restored.reasons()[0]
    past.restored.settle()

    assert past.states(job_id) == [RenderState.RENDERING]


def test_a_backup_that_is_older_than_the_list_is_compared_with_a_whole_journal(past: Past) -> None:
    past.jobs.rendering()  # of before the backup, and in the journal
    known, new = past.jobs.queued(seed=1), past.jobs.queued(seed=2)
    past.noted(known, "three-days-old", age=timedelta(days=3))
    past.is_of(timedelta(days=3, hours=1))

    admitted = past.settle()

    assert (past.states(known, new), admitted) == ([RenderState.RENDERING, RenderState.ADMITTED], 1)


@pytest.mark.parametrize("flaw", ["lacks a submit", "has a damaged line"])
def test_a_journal_that_is_not_whole_leaves_an_old_backup_to_an_operator(past: Past, flaw: str) -> None:
    past.jobs.rendering()
    (path,) = past.folder.glob("*/*")
    path.write_text("" if flaw == "lacks a submit" else f"damaged\n{path.read_text()}")
    job_id = past.jobs.queued()
    past.is_of(timedelta(days=3))

    assert past.settle() == 0
    assert past.states(job_id) == [RenderState.QUEUED]
    assert "the journal of submits lacks some" in past.restored.reasons()[0]


def test_a_submit_without_an_answer_that_no_list_shows_waits_for_an_operator(past: Past) -> None:
    lost, other = past.jobs.queued(seed=1), past.jobs.queued(seed=2)
    past.noted(lost)
    past.restored.from_backup()

    admitted = past.settle()

    assert (past.states(lost, other), admitted) == ([RenderState.NEEDS_REVIEW, RenderState.ADMITTED], 1)
    assert "by the journal of submits" in str(past.rows.job(lost).failure_message)
    assert (past.rows.has_slot(lost), past.rows.attempts(lost)[0].state) == (True, AttemptState.UNRESOLVED)
    past.restored.dispatched(after_seconds=3600)
    assert past.states(lost) == [RenderState.NEEDS_REVIEW]
    assert broken(past.rows) == []


def test_a_submit_without_an_answer_gets_the_task_that_echoes_its_prompt(past: Past) -> None:
    lost = past.jobs.queued()
    past.noted(lost)
    past.restored.from_backup()
    past.restored.lists(found=PROMPT)

    past.settle()

    assert [one.provider_task_id for one in past.rows.tasks(lost)] == ["found"]


@pytest.mark.parametrize("task_id", ["forgotten", None])
def test_a_comparison_that_began_too_early_opens_nothing_however_long_it_takes(
    past: Past, monkeypatch: pytest.MonkeyPatch, task_id: str | None
) -> None:
    past.noted(past.jobs.queued(), task_id)
    past.restored.from_backup()
    past.restored.dispatched()
    answer_in_time = past.jobs.provider.handle_async_request

    async def answer_late(request: httpx.Request) -> httpx.Response:
        past.jobs.clock.advance(20)
        return await answer_in_time(request)

    monkeypatch.setattr(past.jobs.provider, "handle_async_request", answer_late)

    assert past.restored.dispatched(after_seconds=SETTLED_SECONDS - 10) == 0


def test_two_submits_of_one_prompt_and_one_task_are_a_question(past: Past) -> None:
    first, second = past.jobs.queued(seed=1), past.jobs.queued(seed=2)
    past.noted(first)
    past.noted(second)
    past.restored.from_backup()
    past.restored.lists(found=PROMPT)

    assert past.settle() == 0
    assert past.restored.dispatched(after_seconds=600) == 0
    assert past.jobs.provider.count("submit") == 0
    assert {*past.states(first, second)} <= {RenderState.QUEUED, RenderState.NEEDS_REVIEW}


def test_each_of_two_equal_jobs_gets_its_own_task(past: Past) -> None:
    first, second = past.jobs.queued(seed=1), past.jobs.queued(seed=2)
    past.noted(first, "one")
    past.noted(second, "two")
    past.restored.from_backup()
    past.restored.lists(one=PROMPT, two=PROMPT)

    past.settle()

    followed = [past.rows.tasks(one)[0].provider_task_id for one in (first, second)]
    assert followed == ["one", "two"]


def test_the_task_of_a_job_that_is_gone_is_not_given_to_another_of_its_prompt(past: Past) -> None:
    waiting = past.jobs.queued()
    past.noted(new_id(), "gone")
    past.restored.from_backup()
    past.restored.lists(gone=PROMPT)

    assert past.settle() == 1
    assert past.states(waiting) == [RenderState.ADMITTED]


def test_a_later_submit_of_a_job_that_renders_holds_its_model_until_it_is_followed(past: Past) -> None:
    job_id = past.jobs.rendering(seed=1)
    past.jobs.clock.advance(60)
    past.noted(job_id, "second", age=timedelta(seconds=30))
    other = past.jobs.queued(seed=2)
    past.restored.from_backup()

    assert past.settle() == 0
    assert "submitted again later" in past.restored.reasons()[0]
    fault = answer(200, {"output": {"task_status": "FAILED", "code": "InternalError", "message": "again"}})
    past.jobs.poll(fault)
    admitted = past.restored.dispatched(after_seconds=20)

    assert [one.provider_task_id for one in past.rows.tasks(job_id)][1:] == ["second"]
    assert (past.states(job_id, other), admitted) == ([RenderState.RENDERING, RenderState.ADMITTED], 1)


def test_an_intent_of_the_backup_that_left_after_it_is_followed(past: Past) -> None:
    hint = past.jobs.admitted()
    claim = claim_job(past.jobs.context, hint.job_id, hint.epoch)
    assert not isinstance(claim, str)
    past.jobs.context.journal.leaving(claim.journaled)
    past.jobs.context.journal.made(claim.attempt_id, "forgotten", at=claim.journaled.claimed_at)
    past.restored.from_backup()
    past.jobs.clock.advance(60)
    sweep(past.jobs.context)  # provably unsent, by this database

    past.settle()

    (attempt,) = past.rows.attempts(hint.job_id)
    assert (attempt.id, attempt.state) == (claim.attempt_id, AttemptState.ADOPTED)
    assert past.states(hint.job_id) == [RenderState.RENDERING]
    assert broken(past.rows) == []


def test_a_lost_answer_that_is_in_the_journal_needs_no_list(past: Past, rows: Rows) -> None:
    past.jobs.provider.on_submit(answer(200, {"output": {"task_id": "../x"}}))
    job_id = past.jobs.rendering()
    (attempt,) = rows.attempts(job_id)
    past.jobs.context.journal.made(attempt.id, "noted", at=attempt.created_at)
    past.jobs.clock.advance(600)

    reconcile_attempt(past.jobs.context, attempt.id)

    assert [one.provider_task_id for one in rows.tasks(job_id)] == ["noted"]
    assert past.jobs.provider.count("list") == 0


def test_a_lost_answer_that_is_in_the_journal_is_adopted_while_another_submit_begins(
    past: Past, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.jobs.provider.on_submit(answer(200, {"output": {"task_id": "../x"}}))
    job_id, other = past.jobs.rendering(), past.jobs.admitted(seed=2)
    (attempt,) = rows.attempts(job_id)
    past.jobs.context.journal.made(attempt.id, "noted", at=attempt.created_at)
    past.jobs.clock.advance(120)
    read = FolderLog.read

    def reading(lines: FolderLog, since: date) -> Iterator[str]:
        assert isinstance(claim_job(past.jobs.context, other.job_id, other.epoch), Claim)
        return read(lines, since)

    monkeypatch.setattr(FolderLog, "read", reading)
    reconcile_attempt(past.jobs.context, attempt.id)

    assert [one.provider_task_id for one in rows.tasks(job_id)] == ["noted"]


def test_a_task_that_another_job_follows_is_left_to_an_operator(past: Past) -> None:
    past.jobs.provider.on_submit(accepted("taken"))
    past.jobs.rendering(seed=1)
    second = past.jobs.queued(seed=2)
    past.noted(second, "taken")
    past.restored.from_backup()

    past.settle()

    assert past.states(second) == [RenderState.NEEDS_REVIEW]
    assert "which another job follows" in str(past.rows.job(second).failure_message)


def test_an_account_that_the_database_has_not_is_named(past: Past) -> None:
    job_id = past.jobs.queued()
    past.noted(job_id, "forgotten", account="added-later")
    past.restored.from_backup()

    assert past.settle() == 0
    assert "submitted to added-later, which this database does not have" in past.restored.reasons()[0]


def test_a_journal_that_cannot_be_read_keeps_the_gate_closed(past: Past) -> None:
    past.jobs.queued()
    past.folder.mkdir()
    (past.folder / "2099-01-01").mkdir()
    (past.folder / "2099-01-01" / "a.jsonl").mkdir()  # no file
    past.restored.from_backup()

    assert past.settle() == 0
    assert "Is a directory" in past.restored.reasons()[0]


def test_of_an_account_that_was_never_opened_no_day_is_read_from_before_its_jobs(past: Past) -> None:
    past.jobs.queued()
    past.was_never_opened()
    (past.folder / "2000-01-01" / "a.jsonl").mkdir(parents=True)  # no file

    assert past.restored.dispatched() == 1


def test_of_an_account_that_was_never_opened_the_submits_of_its_oldest_job_are_found(past: Past) -> None:
    job_id = past.jobs.queued()
    past.noted(job_id, "forgotten")
    past.was_never_opened()
    past.jobs.clock.advance(timedelta(days=10).total_seconds())
    past.jobs.queued(seed=2)

    past.settle()

    assert past.states(job_id) == [RenderState.RENDERING]


def test_what_is_on_record_shows_no_restore(past: Past) -> None:
    past.jobs.rendering(seed=1)
    past.jobs.provider.on_submit(refused(429, "Throttling.RateQuota"))
    past.jobs.rendering(seed=2)
    past.jobs.queued(seed=3)
    past.restored.on_the_same_server()

    assert past.restored.dispatched(after_seconds=60) > 0
    assert past.restored.reasons() == []


def test_a_second_restore_finds_what_the_first_one_bound_by_the_list(past: Past) -> None:
    job_id = past.jobs.queued()
    past.restored.from_backup()
    past.restored.lists(found=PROMPT)
    past.settle()
    (attempt,) = past.rows.attempts(job_id)

    noted = past.jobs.context.journal.read(past.jobs.clock.now() - timedelta(days=1)).submits

    assert (noted[attempt.id].job_id, noted[attempt.id].provider_task_id) == (job_id, "found")
