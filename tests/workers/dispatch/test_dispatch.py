"""Admission: who gets a slot, in which order and at which pace, however many dispatchers look."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest

from models import Account, RenderJob
from models.operations.money.slot_reservations import release_slot
from models.operations.scheduling.account_limits import UNKNOWN_MODEL_SLOTS, LaneLimits, lane_limits
from reelqueue.states import RenderState
from tests.support.jobs import MODEL, Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import succeeded
from tests.support.virtual_clock import VirtualClock
from workers.dispatch.dispatcher import _healthy, dispatch

SLOTS, SUBMITS_PER_SECOND, LOOK_AHEAD = 5, 5, 2


@pytest.mark.parametrize(
    ("model", "limits"),
    [
        (MODEL, (5, 5)),
        ("wan2.2-t2v-plus", (2, 2)),
        ("wan2.1-kf2v-plus", (2, 1)),
        ("wan3.0-video", (UNKNOWN_MODEL_SLOTS, 2)),  # in the catalog, its limits unpublished
        ("some-new-t2v", (UNKNOWN_MODEL_SLOTS, 2)),
    ],
)
def test_limits_come_from_the_catalog(model: str, limits: tuple[int, float]) -> None:
    assert lane_limits(Account(slot_limits={}), model) == LaneLimits(*limits)


def test_an_account_may_have_other_limits() -> None:
    assert lane_limits(Account(slot_limits={MODEL: 12}), MODEL).slots == 12


def test_slots_and_look_ahead_are_filled_and_no_more(jobs: Jobs, rows: Rows) -> None:
    job_ids = [jobs.queued() for _ in range(10)]

    admitted = dispatch(jobs.context)

    assert [one.job_id for one in admitted] == job_ids[: SLOTS + LOOK_AHEAD]
    assert [rows.has_slot(job_id) for job_id in job_ids] == [True] * 7 + [False] * 3


def test_a_second_look_finds_nothing_to_do(jobs: Jobs, hints: RecordedHints) -> None:
    jobs.queued()
    dispatch(jobs.context)

    assert dispatch(jobs.context) == []
    assert len(hints.submits) == 1


def test_a_slot_that_came_free_is_filled(jobs: Jobs) -> None:
    jobs.rendering()
    for _ in range(SLOTS + LOOK_AHEAD):
        jobs.queued()
    assert len(dispatch(jobs.context)) == SLOTS + LOOK_AHEAD - 1

    jobs.poll(succeeded())

    assert len(dispatch(jobs.context)) == 1


def test_without_look_ahead_only_slots_are_filled(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    rows.change(Account, Account.name == "default", look_ahead=0)
    for _ in range(10):
        jobs.queued()

    assert len(dispatch(jobs.context)) == SLOTS


def test_each_model_has_its_own_slots(jobs: Jobs) -> None:
    for _ in range(8):
        jobs.queued()
        jobs.queued(model="wan2.5-t2v-preview")

    assert Counter(one.model for one in dispatch(jobs.context)) == {MODEL: 7, "wan2.5-t2v-preview": 7}


def test_higher_priority_first_then_age(jobs: Jobs, clock: VirtualClock) -> None:
    low = jobs.queued(priority=-5)
    old = jobs.queued()
    clock.advance(1)
    young = jobs.queued()
    urgent = jobs.queued(priority=100)

    assert [one.job_id for one in dispatch(jobs.context)] == [urgent, old, young, low]


def test_an_urgent_job_passes_a_long_queue(jobs: Jobs, clock: VirtualClock) -> None:
    for _ in range(20):
        jobs.queued()
    dispatch(jobs.context)
    clock.advance(60)
    urgent = jobs.queued(priority=1)
    with jobs.context.sessions.begin() as session:
        release_slot(session, jobs.hints.submits[0].job_id, now=jobs.clock.now())

    assert [one.job_id for one in dispatch(jobs.context)] == [urgent]


def test_submits_are_spaced_at_the_models_pace(jobs: Jobs, hints: RecordedHints) -> None:
    for _ in range(7):
        jobs.queued()

    dispatch(jobs.context)

    delays = [hint.delay_seconds for hint in hints.submits]
    assert delays[0] == 0
    assert all(later - earlier == pytest.approx(1 / SUBMITS_PER_SECOND) for earlier, later in pairwise(delays))


def test_the_next_look_keeps_the_pace(jobs: Jobs, hints: RecordedHints, clock: VirtualClock) -> None:
    jobs.queued()
    dispatch(jobs.context)
    clock.advance(0.05)
    jobs.queued()

    dispatch(jobs.context)

    assert hints.submits[-1].delay_seconds == pytest.approx(0.15)


def test_an_admission_is_a_new_epoch(jobs: Jobs, rows: Rows, hints: RecordedHints) -> None:
    job_id = jobs.queued()

    dispatch(jobs.context)

    job = rows.job(job_id)
    assert (job.state, job.epoch, job.admitted_at) == (RenderState.ADMITTED, 1, jobs.clock.now())
    assert (hints.submits[0].epoch, job.account_id) == (1, rows.account().id)


def test_a_job_in_back_off_waits_and_the_next_goes(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    waiting, ready = jobs.queued(), jobs.queued()
    rows.change(RenderJob, RenderJob.id == waiting, not_before_at=clock.at(10))

    assert [one.job_id for one in dispatch(jobs.context)] == [ready]
    clock.advance(10)
    assert [one.job_id for one in dispatch(jobs.context)] == [waiting]


def test_a_job_past_its_start_by_is_not_admitted(jobs: Jobs, clock: VirtualClock) -> None:
    jobs.queued(start_by=clock.at(10).isoformat())
    clock.advance(10)

    assert dispatch(jobs.context) == []


def test_a_paused_account_gets_nothing_until_it_is_resumed(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    dispatch(jobs.context)
    rows.change(Account, Account.name == "default", paused_at=clock.now())
    jobs.queued()

    assert dispatch(jobs.context) == []
    rows.change(Account, Account.name == "default", paused_at=None)
    assert len(dispatch(jobs.context)) == 1


def test_a_second_account_takes_what_the_first_cannot(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    with rows.sessions.begin() as session:
        session.add(Account(name="second", base_url="https://us.test", region="us-east-1", key_env="OTHER_KEY"))
    for _ in range(20):
        jobs.queued()

    environment = {**jobs.context.environment, "OTHER_KEY": "sk-other"}
    admitted = dispatch(replace(jobs.context, environment=environment))

    accounts = Counter(rows.job(one.job_id).account_id for one in admitted)
    assert sorted(accounts.values()) == [7, 7]


def test_the_default_account_follows_the_environment(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    moved = jobs.context.settings.provider.model_copy(update={"video_base_url": "https://us.test/"})
    settings = replace(jobs.context.settings, provider=moved)

    dispatch(replace(jobs.context, settings=settings, environment={"DASHSCOPE_API_KEY": "sk-other"}))

    account = rows.account()
    assert (account.base_url, account.key_env) == ("https://us.test", "DASHSCOPE_API_KEY")


def test_ten_dispatchers_at_once_never_exceed_the_limit(own_jobs: Jobs) -> None:
    for _ in range(30):
        own_jobs.queued()

    with ThreadPoolExecutor(10) as dispatchers:
        admitted = [one for found in dispatchers.map(lambda _: dispatch(own_jobs.context), range(20)) for one in found]

    assert len(admitted) == len({one.job_id for one in admitted}) == SLOTS + LOOK_AHEAD
    assert len({one.submit_at for one in admitted}) == SLOTS + LOOK_AHEAD
    assert len(own_jobs.hints.submits) == SLOTS + LOOK_AHEAD


def test_a_dispatcher_at_work_holds_up_no_submit(own_jobs: Jobs) -> None:
    hint = own_jobs.admitted()

    with own_jobs.context.sessions.begin() as dispatcher:
        _healthy(dispatcher)

        own_jobs.submit(hint)

    assert Rows(own_jobs.context.sessions).state(hint.job_id) is RenderState.RENDERING


def test_a_tenant_with_few_jobs_does_not_wait_behind_one_with_many(jobs: Jobs, rows: Rows) -> None:
    big = {jobs.queued(tenant="big") for _ in range(60)}
    small = {jobs.queued(tenant="small") for _ in range(6)}
    served: list[UUID] = []
    while len(small & set(served)) < len(small):
        admitted = [one.job_id for one in dispatch(jobs.context)]
        served += admitted
        for job_id in admitted[:2]:
            rows.change(RenderJob, RenderJob.id == job_id, state=RenderState.CANCELLED)
            with rows.sessions.begin() as session:
                release_slot(session, job_id, now=jobs.clock.now())
        jobs.clock.advance(1)

    # While both wait, every other slot is the small one's.
    assert len(big & set(served)) <= len(small) + 2


def test_an_urgent_job_passes_everybody(jobs: Jobs) -> None:
    for _ in range(20):
        jobs.queued(tenant="big")
    urgent = jobs.queued(tenant="big", priority=50)

    assert dispatch(jobs.context)[0].job_id == urgent
