"""Submitting: one attempt, one POST, one outcome, whatever comes back and however often the message does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from models import Account, RenderJob
from models.operations.accounts import resume_account
from reelqueue.states import AttemptState, FailureClass, RenderState
from tests.support.jobs import MODEL, PROMPT, Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import Answer, Said, ScriptedProvider, accepted, answer, refused, succeeded
from tests.support.virtual_clock import VirtualClock
from tests.workers.conftest import CANARY
from workers.dashscope import Acceptance
from workers.dispatch.dispatcher import dispatch
from workers.submission.claim_outcomes import THROTTLE_BACKOFF
from workers.submission.submit import Claim, bind, claim_job, submit_render_job

SAFE_TO_REPEAT = [httpx.ConnectError("refused"), refused(429, "Throttling.RateQuota"), Answer(429, b"slow down")]
NEEDS_A_PERSON = [
    refused(400, "Arrearage"),
    refused(401, "InvalidApiKey"),
    refused(403, "Model.AccessDenied"),
    refused(429, "PostpaidBillOverdue"),
]
FINAL = [
    (refused(400, "InvalidParameter", "Model not exist."), RenderState.FAILED, FailureClass.INPUT),
    (refused(400, "DataInspectionFailed"), RenderState.MODERATED, FailureClass.MODERATION),
    (refused(404, "ModelNotFound"), RenderState.FAILED, FailureClass.INPUT),
    (Answer(413, b"<html>too large</html>"), RenderState.FAILED, FailureClass.INPUT),
    (refused(400, "BrandNewCode"), RenderState.FAILED, FailureClass.UNKNOWN),
]
MISDIRECTED = [
    Answer(302, b"", {"Location": "https://login.example/"}),
    Answer(404, b"<html>not here</html>"),
    Answer(405, b""),
    Answer(407, b"<html>sign in</html>"),
    Answer(403, b"event: error\n\n", {"Content-Type": "text/event-stream"}),
]
AMBIGUOUS = [
    httpx.ReadTimeout("silence"),
    httpx.WriteError("broken pipe"),
    httpx.RemoteProtocolError("eof"),
    refused(500, "InternalError"),
    Answer(502, b"<html>Bad Gateway</html>"),
    Answer(200, b"<html>It works!</html>"),
    answer(200, {"output": {"task_id": "../x"}}),
]


def test_a_job_is_bound_to_its_task(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    provider.on_submit(accepted("0385dc79"))

    job_id = jobs.rendering()

    (attempt,), (task,) = rows.attempts(job_id), rows.tasks(job_id)
    assert (attempt.state, attempt.number, attempt.request_id) == (AttemptState.BOUND, 1, "request-0385dc79")
    assert (task.provider_task_id, task.attempt_id) == ("0385dc79", attempt.id)
    assert (task.base_url, task.status) == ("https://dashscope.test", "PENDING")
    assert rows.state(job_id) is RenderState.RENDERING
    assert rows.has_slot(job_id)


def test_the_history_names_the_providers_request(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    provider.on_submit(accepted("0385dc79"))

    job_id = jobs.rendering()

    (event,) = [event for event in rows.events(job_id) if event.to_state is RenderState.RENDERING]
    assert event.detail["provider_request_id"] == "request-0385dc79"


def test_the_first_poll_is_one_interval_later_and_the_deadline_one_timeout(
    jobs: Jobs, rows: Rows, clock: VirtualClock, hints: RecordedHints
) -> None:
    job_id = jobs.rendering(poll_interval_ms=2500, poll_timeout_ms=60_000)

    job = rows.job(job_id)
    assert (job.submitted_at, job.next_poll_at, job.poll_deadline_at) == (clock.at(0), clock.at(2.5), clock.at(60))
    assert hints.wakes[-1].at == clock.at(2.5)


def test_the_first_poll_is_never_after_the_deadline(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    assert rows.job(jobs.rendering(poll_interval_ms=9000, poll_timeout_ms=3000)).next_poll_at == clock.at(3)


def test_what_is_sent_is_what_was_enqueued(jobs: Jobs, provider: ScriptedProvider) -> None:
    jobs.rendering(negative_prompt="rain", seed=7, headers={"X-DashScope-DataInspection": "a"})

    (request,) = provider.requests
    body = json.loads(request.content)
    assert (body["model"], body["input"]) == (MODEL, {"prompt": PROMPT, "negative_prompt": "rain"})
    assert body["parameters"] == {"size": "1280*720", "seed": 7}
    assert (request.headers["X-DashScope-DataInspection"], request.headers["Authorization"]) == (
        "a",
        f"Bearer {CANARY}",
    )


def test_the_accounts_headers_go_with_every_submit(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    hint = jobs.admitted()
    rows.change(Account, Account.name == "default", headers={"X-DashScope-WorkSpace": "ws-1"})

    jobs.submit(hint)

    assert provider.requests[0].headers["X-DashScope-WorkSpace"] == "ws-1"


@pytest.mark.parametrize("times", [2, 20])
def test_a_message_that_comes_again_sends_nothing(jobs: Jobs, provider: ScriptedProvider, times: int) -> None:
    hint = jobs.admitted()

    said = [jobs.submit(hint) for _ in range(times)]

    assert provider.count("submit") == 1
    assert set(said[1:]) == {"not admitted under this epoch: nothing done"}


def test_a_message_that_comes_again_during_the_post_sends_nothing(jobs: Jobs, provider: ScriptedProvider) -> None:
    hint = jobs.admitted()

    def again() -> Said:
        assert "nothing done" in jobs.submit(hint)
        return accepted("task-1")

    provider.on_submit(again)
    jobs.submit(hint)

    assert provider.count("submit") == 1


@pytest.mark.parametrize("epochs_off", [-1, 1, 7])
def test_a_message_of_another_admission_does_nothing(jobs: Jobs, provider: ScriptedProvider, epochs_off: int) -> None:
    hint = jobs.admitted()

    submit_render_job(jobs.context, hint.job_id, hint.epoch + epochs_off)

    assert provider.count("submit") == 0


@pytest.mark.parametrize("said", SAFE_TO_REPEAT, ids=str)
def test_what_was_provably_not_created_waits_its_turn_again(
    jobs: Jobs, rows: Rows, clock: VirtualClock, said: Said
) -> None:
    jobs.provider.on_submit(said)

    job_id = jobs.rendering()

    held_until = rows.submit_lane().throttled_until
    assert (rows.state(job_id), rows.attempts(job_id)[0].state) == (RenderState.QUEUED, AttemptState.REJECTED)
    assert held_until is not None
    assert clock.at(0.5) <= held_until <= clock.at(1.5)
    assert not rows.has_slot(job_id)


def test_one_post_at_a_time_on_a_lane(jobs: Jobs, rows: Rows, hints: RecordedHints) -> None:
    first, second = jobs.admitted(), jobs.admitted()
    claim = claim_job(jobs.context, first.job_id, first.epoch)

    assert "waits its turn" in jobs.submit(second)
    assert (rows.state(second.job_id), rows.attempts(second.job_id)) == (RenderState.ADMITTED, [])

    assert isinstance(claim, Claim)
    jobs.clock.advance(1)
    bind(jobs.context, claim, Acceptance("task-of-the-first", "PENDING", None))
    assert hints.submits[-1].job_id == second.job_id
    assert jobs.submit(hints.submits[-1]).startswith("provider_task=")


def test_a_dead_posters_lane_is_free_when_its_time_is_over(jobs: Jobs, clock: VirtualClock) -> None:
    first, second = jobs.admitted(), jobs.admitted()
    claim_job(jobs.context, first.job_id, first.epoch)

    clock.advance(jobs.context.settings.submit.send_within_seconds)

    assert jobs.submit(second).startswith("provider_task=")


def test_refusals_slow_the_lane_and_successes_win_its_pace_back(
    jobs: Jobs, rows: Rows, clock: VirtualClock, hints: RecordedHints
) -> None:
    jobs.provider.on_submit(*[refused(429, "Throttling.RateQuota")] * 6)
    paces = []
    for _ in range(15):
        jobs.rendering()
        paces.append(rows.submit_lane().pace_factor)
        clock.advance(90)
        if hints.wakes:
            jobs.poll(succeeded())

    assert paces[:6] == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16, 1 / 16]
    assert paces[6:9] == [3 / 16, 5 / 16, 7 / 16]
    assert paces[-1] == 1


def test_a_storm_of_refusals_fails_no_job(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    jobs.provider.on_submit(*[refused(429, "Throttling")] * 40)
    job_id = jobs.queued()
    while rows.state(job_id) is not RenderState.RENDERING:
        for hint in dispatch(jobs.context):
            submit_render_job(jobs.context, hint.job_id, hint.epoch)
        clock.advance(100)

    assert jobs.provider.count("submit") == 41


@pytest.mark.parametrize("code", ["InvalidURL.Timeout", "BadRequest.InputDownloadFailed"])
def test_a_medium_that_could_not_be_fetched_is_tried_again_twice(
    jobs: Jobs, rows: Rows, clock: VirtualClock, code: str
) -> None:
    jobs.provider.on_submit(*[refused(400, code)] * 3)
    job_id = jobs.rendering()
    for _ in range(2):
        assert rows.state(job_id) is RenderState.QUEUED
        clock.advance(10)
        dispatch(jobs.context)
        jobs.submit(jobs.hints.submits[-1])

    assert (rows.state(job_id), rows.job(job_id).failure_code) == (RenderState.FAILED, code)


def test_a_throttled_job_is_sent_when_its_back_off_is_over(
    jobs: Jobs, rows: Rows, clock: VirtualClock, hints: RecordedHints
) -> None:
    jobs.provider.on_submit(refused(429, "Throttling.RateQuota"))
    job_id = jobs.rendering()
    assert dispatch(jobs.context) == []

    clock.advance(2)
    dispatch(jobs.context)
    jobs.submit(hints.submits[-1])

    assert rows.state(job_id) is RenderState.RENDERING
    assert [attempt.state for attempt in rows.attempts(job_id)] == [AttemptState.REJECTED, AttemptState.BOUND]
    assert rows.job(job_id).failure_class is None


def test_the_back_off_grows_to_a_minute_and_is_spread() -> None:
    assert all(0.5 <= THROTTLE_BACKOFF.delay(1) <= 1 for _ in range(100))
    assert all(4 <= THROTTLE_BACKOFF.delay(4) <= 8 for _ in range(100))
    assert all(30 <= THROTTLE_BACKOFF.delay(1_000_000) <= 60 for _ in range(100))
    assert len({THROTTLE_BACKOFF.delay(3) for _ in range(10)}) > 1


@pytest.mark.parametrize("said", NEEDS_A_PERSON, ids=str)
def test_an_account_that_needs_a_person_is_paused_and_the_job_kept(jobs: Jobs, rows: Rows, said: Said) -> None:
    jobs.provider.on_submit(said)

    job_id = jobs.rendering()

    account, job = rows.account(), rows.job(job_id)
    assert account.paused_at == jobs.clock.now()
    assert (job.state, job.failure_class) == (RenderState.QUEUED, FailureClass.ACCOUNT)
    assert "is paused" in (job.failure_message or "")
    assert not rows.has_slot(job_id)


def test_nothing_more_is_sent_to_a_paused_account(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    first, second = jobs.admitted(), jobs.admitted()
    provider.on_submit(refused(400, "Arrearage"))

    for hint in (first, second):
        jobs.submit(hint)

    assert provider.count("submit") == 1
    assert rows.state(second.job_id) is RenderState.QUEUED
    assert not rows.has_slot(second.job_id)


@pytest.mark.parametrize("said", MISDIRECTED, ids=str)
def test_another_service_at_the_accounts_address_pauses_it_after_a_few_answers(
    jobs: Jobs, rows: Rows, clock: VirtualClock, said: Said
) -> None:
    jobs.provider.on_submit(said, said, said)
    job_id = jobs.rendering()
    for _ in range(2):
        assert (rows.state(job_id), rows.account().paused_at) == (RenderState.QUEUED, None)
        clock.advance(10)
        dispatch(jobs.context)
        jobs.submit(jobs.hints.submits[-1])

    job = rows.job(job_id)
    assert (rows.account().paused_reason or "").startswith("this host does not speak DashScope: dashscope.test answers")
    assert (job.state, job.failure_class) == (RenderState.QUEUED, FailureClass.ACCOUNT)
    assert {attempt.state for attempt in rows.attempts(job_id)} == {AttemptState.REJECTED}
    assert not rows.has_slot(job_id)


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/event-stream"])
def test_pages_in_place_of_answers_stay_in_doubt_and_pause_the_account(
    jobs: Jobs, rows: Rows, content_type: str
) -> None:
    jobs.provider.on_submit(*[Answer(200, b"<html>welcome</html>", {"Content-Type": content_type})] * 3)
    hints = [jobs.admitted() for _ in range(5)]

    for hint in hints:
        jobs.submit(hint)

    assert jobs.provider.count("submit") == 3
    assert (rows.account().paused_reason or "").startswith("this host does not speak DashScope: dashscope.test answers")
    ambiguous = [rows.attempts(hint.job_id)[0].state for hint in hints[:3]]
    assert ambiguous == [AttemptState.AMBIGUOUS] * 3
    assert [rows.state(hint.job_id) for hint in hints[3:]] == [RenderState.QUEUED] * 2


def test_a_proxys_whim_pauses_no_account(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    jobs.provider.on_submit(MISDIRECTED[0], MISDIRECTED[0], httpx.ConnectError("refused"), MISDIRECTED[0])
    job_id = jobs.rendering()
    while rows.state(job_id) is not RenderState.RENDERING:
        clock.advance(100)
        dispatch(jobs.context)
        jobs.submit(jobs.hints.submits[-1])

    assert (rows.account().paused_at, len(rows.attempts(job_id))) == (None, 5)


def test_a_quota_that_comes_back_holds_its_model_until_then(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    said = {"code": "Throttling.AllocationQuota", "message": "Allocated quota exceeded, it will reset at midnight."}
    jobs.provider.on_submit(replace(answer(429, said), headers={"Retry-After": "1849295"}))

    job_id = jobs.rendering()

    assert (rows.account().paused_at, rows.state(job_id)) == (None, RenderState.QUEUED)
    assert rows.submit_lane().throttled_until == clock.at(1849295)
    clock.advance(1849294)
    assert dispatch(jobs.context) == []
    clock.advance(1)
    assert [hint.job_id for hint in dispatch(jobs.context)] == [job_id]


def test_a_model_that_is_held_goes_on_when_its_account_is_resumed(jobs: Jobs, rows: Rows) -> None:
    jobs.provider.on_submit(replace(Answer(429, b"slow down"), headers={"Retry-After": "1849295"}))
    job_id = jobs.rendering()

    with jobs.context.sessions.begin() as session:
        assert resume_account(session, "default")
        assert not resume_account(session, "default")

    assert [hint.job_id for hint in dispatch(jobs.context)] == [job_id]


@pytest.mark.parametrize(("said", "state", "failure_class"), FINAL, ids=str)
def test_what_can_never_be_rendered_ends(
    jobs: Jobs, rows: Rows, said: Said, state: RenderState, failure_class: FailureClass
) -> None:
    jobs.provider.on_submit(said)

    job_id = jobs.rendering()

    job, (attempt,) = rows.job(job_id), rows.attempts(job_id)
    assert (job.state, job.failure_class) == (state, failure_class)
    assert (attempt.state, attempt.error_class) == (AttemptState.REJECTED, failure_class)
    assert job.failure_message
    assert not rows.has_slot(job_id)


@pytest.mark.parametrize("said", [*SAFE_TO_REPEAT, *NEEDS_A_PERSON, *(said for said, *_ in FINAL)], ids=str)
def test_a_slot_that_came_free_is_offered_at_once(jobs: Jobs, hints: RecordedHints, said: Said) -> None:
    jobs.provider.on_submit(said)

    jobs.rendering()

    assert hints.dispatches == 1


@pytest.mark.parametrize("said", AMBIGUOUS, ids=str)
def test_what_may_have_been_created_is_never_sent_again_by_itself(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, said: Said
) -> None:
    hint = jobs.admitted()
    provider.on_submit(said)

    for _ in range(3):
        jobs.submit(hint)

    (attempt,) = rows.attempts(hint.job_id)
    assert (attempt.state, rows.state(hint.job_id)) == (AttemptState.AMBIGUOUS, RenderState.SUBMITTING)
    assert rows.has_slot(hint.job_id)
    assert provider.count("submit") == 1


def test_an_id_that_another_job_has_is_no_proof(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    provider.on_submit(accepted("same"), accepted("same"))
    first, second = jobs.rendering(), jobs.rendering()

    assert (rows.state(first), rows.state(second)) == (RenderState.RENDERING, RenderState.SUBMITTING)
    assert rows.attempts(second)[0].state is AttemptState.AMBIGUOUS
    assert rows.tasks(second) == []


def test_a_worker_that_was_killed_during_the_post_leaves_a_sent_attempt(jobs: Jobs, rows: Rows) -> None:
    hint = jobs.admitted()
    jobs.provider.on_submit(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        jobs.submit(hint)

    (attempt,) = rows.attempts(hint.job_id)
    assert (attempt.state, attempt.sent_at) == (AttemptState.SENT, jobs.clock.now())
    assert attempt.answer_by > jobs.clock.at(jobs.context.settings.submit.post_seconds)


@pytest.mark.parametrize("key", ["", "  ", "sk-canary with space", "sk-canary\nsecond line", "sk-canary\x00"])
def test_without_a_usable_key_the_account_is_paused_before_anything_is_sent(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, key: str
) -> None:
    hint = jobs.admitted()
    jobs.context.environment["ALIBABA_API_KEY"] = key  # type: ignore[index]

    jobs.submit(hint)

    assert provider.requests == []
    assert rows.state(hint.job_id) is RenderState.QUEUED
    assert "ALIBABA_API_KEY" in (rows.account().paused_reason or "")
    assert "canary" not in str(vars(rows.account())) + str(vars(rows.job(hint.job_id)))


def test_a_stored_request_that_the_catalog_refuses_by_now_ends(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider
) -> None:
    hint = jobs.admitted()
    rows.change(RenderJob, RenderJob.id == hint.job_id, duration=99)

    jobs.submit(hint)

    job = rows.job(hint.job_id)
    assert (job.state, job.failure_class) == (RenderState.FAILED, FailureClass.INPUT)
    assert "duration" in (job.failure_message or "")
    assert (rows.attempts(hint.job_id), provider.requests) == ([], [])
    assert not rows.has_slot(hint.job_id)


def test_a_job_whose_start_by_passed_in_a_workers_queue_is_not_sent(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, clock: VirtualClock
) -> None:
    hint = jobs.admitted(start_by=clock.at(10).isoformat())
    clock.advance(10)

    jobs.submit(hint)

    assert provider.requests == []
    assert rows.state(hint.job_id) is RenderState.EXPIRED
    assert not rows.has_slot(hint.job_id)


def test_twenty_messages_at_once_make_one_post(own_jobs: Jobs, rows: Rows) -> None:
    """On connections of their own, as in as many workers."""
    hint = own_jobs.admitted()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(own_jobs.submit, [hint] * 20))

    assert own_jobs.provider.count("submit") == 1
    assert Rows(own_jobs.context.sessions).state(hint.job_id) is RenderState.RENDERING


def test_the_workspace_of_the_account_goes_with_every_call(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    theirs = {"X-DashScope-WorkSpace": "ws-1", "X-Team": "film"}
    rows.change(Account, Account.name == "default", headers=theirs)

    jobs.rendering()
    jobs.poll()

    submit = next(request for request in reversed(jobs.provider.requests) if request.method == "POST")
    query = jobs.provider.requests[-1]
    assert (submit.headers["X-DashScope-WorkSpace"], submit.headers["X-Team"]) == ("ws-1", "film")
    assert (query.method, query.headers["X-DashScope-WorkSpace"], query.headers.get("X-Team")) == ("GET", "ws-1", None)


def test_a_header_that_an_older_version_took_is_not_sent(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    stored = {"headers": {"X-DashScope-WorkSpace": "another", "Cookie": "1"}}
    rows.change(RenderJob, RenderJob.id == job_id, extra_options=stored)
    dispatch(jobs.context)

    jobs.submit(jobs.hints.submits[-1])

    assert not {"x-dashscope-workspace", "cookie"} & set(jobs.provider.requests[-1].headers)
