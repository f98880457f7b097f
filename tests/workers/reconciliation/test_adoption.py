"""A task that the listing shows is adopted when it is proven to be the attempt's, and never before."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from models import Account, Attempt, ProviderTask
from reelqueue.states import AttemptState, FailureClass, RenderState
from tests.support.doubts import HOUR_SECONDS, QUIET_SECONDS, Doubts, WatchedProvider, at_another_account, row
from tests.support.jobs import PROMPT, Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.restored import Restored
from tests.support.rows import Rows
from tests.support.scripted_provider import answer, listing, refused, task
from tests.support.virtual_clock import VirtualClock
from workers.audit.invariants import audit
from workers.dashscope.wire import format_time
from workers.dispatch.dispatcher import dispatch
from workers.operator.manual_review import write_off
from workers.reconciliation.reconcile import STRANGERS_AT_ONCE

OTHER = "somebody else's dog"


def test_a_finished_task_that_echoes_our_prompt_is_adopted(doubts: Doubts, rows: Rows, hints: RecordedHints) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert doubts.attempt(job_id).state is AttemptState.ADOPTED
    assert [task.provider_task_id for task in rows.tasks(job_id)] == ["ours"]
    assert rows.state(job_id) is RenderState.RENDERING
    assert hints.wakes[-1].at == rows.job(job_id).next_poll_at


def test_an_adopted_task_that_has_ended_is_settled_before_it_says_so(doubts: Doubts, rows: Rows, jobs: Jobs) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)
    doubts.provider.on_list(listing(row("ours", status="SUCCEEDED")))

    doubts.ask(job_id)

    with rows.sessions() as session:
        assert [finding.check.name for finding in audit(session) if finding.rows] == []
    jobs.poll()
    assert [task.status for task in rows.tasks(job_id)] == ["SUCCEEDED"]


def test_an_adopted_task_is_followed_to_its_video(doubts: Doubts, rows: Rows, jobs: Jobs) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)
    doubts.ask(job_id)

    jobs.poll()

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_the_request_id_of_a_garbled_answer_is_proof(doubts: Doubts, rows: Rows, provider: WatchedProvider) -> None:
    fault = {"code": "InternalError", "message": "oops", "request_id": "of-ours"}
    job_id = doubts.ambiguous(answer(500, fault))
    provider.on_list(listing(row("foreign"), row("ours")))

    doubts.ask(job_id)

    assert [task.provider_task_id for task in rows.tasks(job_id)] == ["ours"]
    assert provider.count("query") == 0


def test_a_lone_task_that_renders_is_not_adopted_on_suspicion(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists("perhaps")

    said = doubts.ask(job_id)

    assert "perhaps" in said
    assert doubts.attempt(job_id).state is AttemptState.RECONCILING
    assert rows.state(job_id) is RenderState.SUBMITTING
    assert rows.has_slot(job_id)


def test_a_lone_task_is_adopted_when_it_has_told_its_prompt(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists("ours")
    doubts.ask(job_id)
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert rows.state(job_id) is RenderState.RENDERING


def test_a_lone_task_that_failed_is_the_attempts(doubts: Doubts, rows: Rows, jobs: Jobs) -> None:
    failed = task("FAILED", code="DataInspectionFailed", message="no")
    job_id = doubts.ambiguous()
    doubts.lists("ours")
    doubts.provider.on_query(failed, task_id="ours")
    doubts.ask(job_id)
    assert rows.tasks(job_id) == []  # the listing may not show ours yet
    doubts.ask(job_id, after_seconds=QUIET_SECONDS)

    jobs.poll()

    assert rows.state(job_id) is RenderState.MODERATED


def test_a_task_of_another_program_is_left_to_it(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(foreign=OTHER)

    doubts.ask_until_absent(job_id)

    assert doubts.attempt(job_id).state is AttemptState.NOT_CREATED
    assert rows.tasks(job_id) == []
    assert rows.state(job_id) is RenderState.QUEUED


def test_a_task_that_the_provider_denies_to_know_is_never_followed(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists("denied")
    doubts.provider.on_query(task("UNKNOWN"), task_id="denied")

    doubts.give_up(job_id)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert "denied" in str(rows.job(job_id).failure_message)


def test_several_are_told_apart_by_their_echoes(doubts: Doubts, rows: Rows) -> None:
    first, second = doubts.ambiguous(prompt="a cat"), doubts.ambiguous(prompt="a dog")
    doubts.lists(made_second="a dog", made_first="a cat", foreign=OTHER)

    doubts.ask(first)
    doubts.ask(second)

    assert [task.provider_task_id for task in rows.tasks(first)] == ["made_first"]
    assert [task.provider_task_id for task in rows.tasks(second)] == ["made_second"]


def test_equal_requests_adopt_a_task_each(doubts: Doubts, rows: Rows) -> None:
    job_ids = [doubts.ambiguous(), doubts.ambiguous()]
    doubts.lists(one=PROMPT, another=PROMPT)

    for job_id in job_ids:
        doubts.ask(job_id)

    adopted = [rows.tasks(job_id)[0].provider_task_id for job_id in job_ids]
    assert sorted(adopted) == ["another", "one"]


def test_equal_prompts_with_other_options_are_left_to_a_person(doubts: Doubts, rows: Rows) -> None:
    job_ids = [doubts.ambiguous(seed=1), doubts.ambiguous(seed=2)]
    doubts.lists(one=PROMPT, another=PROMPT)

    for job_id in job_ids:
        doubts.give_up(job_id)

    assert [rows.state(job_id) for job_id in job_ids] == [RenderState.NEEDS_REVIEW] * 2
    assert {rows.job(job_id).failure_class for job_id in job_ids} == {FailureClass.UNKNOWN}


def test_equal_prompts_are_told_apart_by_the_length_of_the_results(doubts: Doubts, rows: Rows) -> None:
    short, long = doubts.ambiguous(duration=5), doubts.ambiguous(duration=10)
    doubts.lists(made_long=PROMPT, made_short=PROMPT)
    for task_id, seconds in {"made_long": 10, "made_short": 5}.items():
        said = task("SUCCEEDED", orig_prompt=PROMPT, usage={"duration": seconds, "SR": 720})
        doubts.provider.on_query(said, task_id=task_id)

    doubts.ask(short)
    doubts.ask(long)

    assert [task.provider_task_id for task in rows.tasks(short)] == ["made_short"]
    assert [task.provider_task_id for task in rows.tasks(long)] == ["made_long"]


def test_a_task_that_may_be_a_written_off_jobs_is_not_adopted(doubts: Doubts, rows: Rows) -> None:
    written_off, job_id = doubts.ambiguous(seed=1), doubts.ambiguous(seed=2)
    doubts.lists(perhaps=PROMPT)
    doubts.give_up(written_off)
    with doubts.context.sessions.begin() as session:
        write_off(session, written_off, now=doubts.context.clock.now(session))

    doubts.ask(job_id)

    assert rows.tasks(job_id) == []


def pictures(doubts: Doubts, *names: str) -> list[UUID]:
    """A lost answer for each picture, which is animated without a prompt."""
    options = {"model": "wan2.6-i2v", "prompt": None, "resolution": "720P"}
    return [doubts.ambiguous(**options, image=f"https://media.test/{name}.png") for name in names]


def listed_pictures(doubts: Doubts, *task_ids: str, status: str = "SUCCEEDED") -> None:
    """The listing shows tasks that tell nothing."""
    doubts.provider.on_list(listing(*(row(task_id, model_name="wan2.6-i2v") for task_id in task_ids)))
    for task_id in task_ids:
        doubts.provider.on_query(task(status, video_url="https://x.test/a.mp4"), task_id=task_id)


def test_equal_requests_without_a_prompt_adopt_a_task_each(doubts: Doubts, rows: Rows) -> None:
    job_ids = pictures(doubts, "a", "a")
    listed_pictures(doubts, "one", "another")

    doubts.ask(job_ids[0])
    assert rows.tasks(job_ids[0]) == []  # not before the listing shows whatever was made
    for job_id in job_ids:
        doubts.ask(job_id, after_seconds=QUIET_SECONDS)
        dispatch(doubts.context)  # or the gate closes, and the first job may have made a forgotten task

    assert sorted(rows.tasks(job_id)[0].provider_task_id for job_id in job_ids) == ["another", "one"]


def test_a_task_that_an_equal_request_took_is_looked_for_at_the_time_of_that_request(
    doubts: Doubts, rows: Rows, clock: VirtualClock
) -> None:
    first = doubts.ambiguous()
    clock.advance(5 * HOUR_SECONDS)
    dispatch(doubts.context)  # or the gate closes meanwhile
    later = doubts.ambiguous()
    doubts.lists(of_the_first=PROMPT)
    doubts.ask(later)  # which takes the task of the first, as the two are equal
    assert [task.provider_task_id for task in rows.tasks(later)] == ["of_the_first"]

    doubts.lists(of_the_later=PROMPT)
    doubts.ask(first)

    sent_at = doubts.attempt(later).sent_at
    assert sent_at is not None
    window = [one.url.params for one in doubts.provider.requests if "start_time" in one.url.params][-1]
    assert window["start_time"] < format_time(sent_at) < window["end_time"]
    assert [task.provider_task_id for task in rows.tasks(first)] == ["of_the_later"]


def test_of_equal_requests_without_a_prompt_those_beyond_the_tasks_are_proven_absent(
    doubts: Doubts, rows: Rows
) -> None:
    first, second = pictures(doubts, "a", "a")
    listed_pictures(doubts, "one")

    doubts.ask(first, after_seconds=QUIET_SECONDS)
    doubts.ask_until_absent(second)

    assert [task.provider_task_id for task in rows.tasks(first)] == ["one"]
    assert doubts.attempt(second).state is AttemptState.NOT_CREATED


@pytest.mark.parametrize(
    ("names", "tasks", "status"),
    [
        (("a", "b"), ("one", "another"), "SUCCEEDED"),
        (("a", "b"), ("one",), "SUCCEEDED"),
        (("a", "a"), ("one", "another", "a third"), "SUCCEEDED"),
        (("a", "a"), ("one", "another"), "RUNNING"),
        (("a", "a"), ("one", "another"), "UNKNOWN"),
    ],
)
def test_sets_that_do_not_match_are_left_to_a_person(
    names: tuple[str, ...], tasks: tuple[str, ...], status: str, doubts: Doubts, rows: Rows
) -> None:
    job_ids = pictures(doubts, *names)
    listed_pictures(doubts, *(one.replace(" ", "-") for one in tasks), status=status)

    for job_id in job_ids:
        doubts.give_up(job_id)

    assert [rows.state(job_id) for job_id in job_ids] == [RenderState.NEEDS_REVIEW] * len(job_ids)


def test_a_set_is_not_adopted_where_the_clock_was_set(doubts: Doubts, rows: Rows) -> None:
    first, second = pictures(doubts, "a", "a")
    rows.change(Attempt, Attempt.job_id == second, clock_offset_seconds=None)
    listed_pictures(doubts, "one", "another")

    assert "the provider's clock at the time it was sent is unknown" in doubts.ask(first, after_seconds=QUIET_SECONDS)
    assert rows.tasks(first) == []


def test_a_set_is_not_adopted_under_another_key(doubts: Doubts, rows: Rows) -> None:
    first, _ = pictures(doubts, "a", "a")
    rows.change(Attempt, Attempt.job_id == first, key_fingerprint="another")
    listed_pictures(doubts, "one", "another")

    assert "under another key" in doubts.ask(first, after_seconds=QUIET_SECONDS)


def test_a_silent_task_may_be_that_of_a_lost_answer_at_another_account(doubts: Doubts, rows: Rows) -> None:
    theirs, ours = doubts.ambiguous(prompt="a dog"), doubts.ambiguous(prompt="a cat")
    at_another_account(rows, theirs)
    doubts.lists("broken")
    doubts.provider.on_query(task("FAILED"), task_id="broken")

    doubts.ask(ours, after_seconds=QUIET_SECONDS)

    assert rows.tasks(ours) == []


def test_a_lone_failure_is_nobodys_while_others_are_in_doubt(doubts: Doubts, rows: Rows) -> None:
    job_id, _rival = doubts.ambiguous(prompt="a cat"), doubts.ambiguous(prompt="a dog")
    doubts.lists("broken")
    doubts.provider.on_query(task("FAILED"), task_id="broken")

    doubts.ask(job_id)

    assert rows.tasks(job_id) == []


def test_a_job_under_review_is_still_a_rival(doubts: Doubts, rows: Rows) -> None:
    parked, job_id = doubts.ambiguous(prompt="a cat"), doubts.ambiguous(prompt="a dog")
    doubts.lists("broken", "other")
    doubts.give_up(parked)
    doubts.lists("broken")
    doubts.provider.on_query(task("FAILED"), task_id="broken")

    doubts.ask(job_id)

    assert rows.state(parked) is RenderState.NEEDS_REVIEW
    assert rows.tasks(job_id) == []


def test_an_image_without_a_prompt_waits_for_the_end_of_a_lone_task(doubts: Doubts, rows: Rows) -> None:
    options = {"model": "wan2.6-i2v", "prompt": None, "image": "https://media.test/a.png", "resolution": "720P"}
    job_id = doubts.ambiguous(**options)
    doubts.provider.on_list(listing(row("ours", model_name="wan2.6-i2v")))
    doubts.provider.on_query(task("RUNNING"), task("SUCCEEDED", video_url="https://x.test/a.mp4"), task_id="ours")

    doubts.ask(job_id)
    assert rows.tasks(job_id) == []
    doubts.ask(job_id, after_seconds=QUIET_SECONDS)

    assert [task.provider_task_id for task in rows.tasks(job_id)] == ["ours"]


def test_a_task_that_another_attempt_has_is_not_a_candidate(doubts: Doubts, rows: Rows, jobs: Jobs) -> None:
    bound = jobs.rendering()
    job_id = doubts.ambiguous()
    doubts.lists(**{rows.tasks(bound)[0].provider_task_id: PROMPT})

    doubts.ask(job_id)

    assert rows.tasks(job_id) == []


def test_a_crowd_of_strangers_is_not_asked_one_by_one(doubts: Doubts, provider: WatchedProvider) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(*(f"task-{number}" for number in range(STRANGERS_AT_ONCE + 1)))

    doubts.ask(job_id)

    assert provider.count("query") == 0


def test_a_candidate_that_cannot_be_asked_decides_nothing(doubts: Doubts) -> None:
    job_id = doubts.ambiguous()
    doubts.lists("perhaps")
    doubts.provider.on_query(refused(429, "Throttling.RateQuota"), task_id="perhaps")

    doubts.ask(job_id)

    assert doubts.attempt(job_id).state is AttemptState.RECONCILING


@pytest.mark.parametrize("model", ["wan2.6-t2v", None])
def test_another_models_task_is_not_a_candidate(model: str | None, doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT, others=PROMPT)
    doubts.provider.on_list(listing(row("others", model_name="wan2.7-t2v"), row("ours", model_name=model)))

    doubts.ask(job_id)

    assert [task.provider_task_id for task in rows.tasks(job_id)] == ["ours"]


def test_the_listing_is_asked_where_the_submit_went(doubts: Doubts, rows: Rows, provider: WatchedProvider) -> None:
    job_id = doubts.ambiguous()
    with doubts.context.sessions.begin() as session:
        session.execute(update(Account).values(base_url="https://moved.example"))
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert {request.url.host for request in provider.requests} == {httpx.URL(doubts.attempt(job_id).base_url).host}
    assert rows.tasks(job_id)[0].base_url == doubts.attempt(job_id).base_url


def test_a_task_of_another_account_of_ours_is_not_adopted(doubts: Doubts, rows: Rows, jobs: Jobs) -> None:
    theirs = jobs.rendering()
    (task_id,) = [task.provider_task_id for task in rows.tasks(theirs)]
    at_another_account(rows, theirs)
    job_id = doubts.ambiguous()
    doubts.lists(**{task_id: PROMPT})

    doubts.ask_until_absent(job_id)

    assert (rows.tasks(job_id), rows.state(job_id)) == ([], RenderState.QUEUED)
    assert doubts.attempt(job_id).state is AttemptState.NOT_CREATED


def test_a_task_that_another_account_binds_meanwhile_is_not_adopted(
    doubts: Doubts, rows: Rows, jobs: Jobs, provider: WatchedProvider
) -> None:
    theirs = jobs.rendering()
    job_id = doubts.ambiguous()
    doubts.lists(late=PROMPT)

    def bind() -> None:
        at_another_account(rows, theirs)
        rows.change(ProviderTask, ProviderTask.job_id == theirs, provider_task_id="late")

    provider.during("query", bind)

    assert "a rival adopted the task first" in doubts.ask(job_id)
    assert rows.tasks(job_id) == []


def test_a_submit_of_the_same_prompt_at_another_account_may_have_made_it(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(its=PROMPT)
    at_another_account(rows, doubts.in_flight().job_id)

    assert "1 other submits of wan2.6-t2v are under way" in doubts.ask(job_id)
    assert rows.tasks(job_id) == []


@pytest.mark.parametrize(("other_seed", "state"), [(2, RenderState.SUBMITTING), (1, RenderState.RENDERING)])
def test_in_a_restored_database_a_task_that_a_waiting_job_may_have_made_is_left_alone(
    doubts: Doubts, rows: Rows, jobs: Jobs, other_seed: int, state: RenderState
) -> None:
    job_id = doubts.ambiguous(seed=1)
    jobs.queued(seed=other_seed)
    Restored(doubts.context, jobs, rows).from_backup()
    doubts.lists(forgotten=PROMPT)

    doubts.ask(job_id)

    assert rows.state(job_id) is state  # of equal requests each task is as good as the other


def test_in_a_restored_database_a_lone_silent_task_is_left_alone_until_the_gate_is_open(
    doubts: Doubts, rows: Rows, jobs: Jobs
) -> None:
    restored = Restored(doubts.context, jobs, rows)
    job_id = doubts.ambiguous()
    jobs.queued(prompt=OTHER)
    restored.from_backup()
    doubts.lists()
    doubts.provider.on_list(listing(row("perhaps", status="FAILED")))
    doubts.provider.on_query(task("FAILED", code="DataInspectionFailed", message="no"), task_id="perhaps")

    doubts.ask(job_id)
    left_alone = rows.state(job_id)
    restored.dispatched()
    restored.settle()
    doubts.ask(job_id)

    assert (left_alone, rows.state(job_id)) == (RenderState.SUBMITTING, RenderState.RENDERING)
