"""Campaigns at work: when they begin, when they stop by themselves, and clips that continue others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from sqlalchemy import select

from models import Campaign, RenderJob
from models.operations.campaigns.control import approve, cancel_campaign, resume
from models.operations.campaigns.status import campaign_view
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import refused, succeeded
from tests.support.stored_clips import apply, clip, make_campaign
from workers.archive.archive_result import archive_render_job
from workers.dispatch.dispatcher import dispatch
from workers.settings import Settings
from workers.sweep.sweep import sweep

FRAME_PX = (640, 360)
Start = Callable[..., UUID]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def start(jobs: Jobs) -> Start:
    """Starts a campaign of some clips."""

    def store(*clips: dict[str, Any], **options: Any) -> UUID:
        with jobs.context.sessions.begin() as session:
            campaign = make_campaign(session, **options)
            apply(session, campaign, *clips)
            return campaign.id

    return store


def some(count: int) -> list[dict[str, Any]]:
    return [clip(str(number), duration=5) for number in range(count)]


def admitted(jobs: Jobs) -> int:
    return len(dispatch(jobs.context))


def change(jobs: Jobs, campaign_id: UUID, act: Callable[..., None]) -> None:
    with jobs.context.sessions.begin() as session:
        act(session.get_one(Campaign, campaign_id), now=jobs.clock.now())


def read(jobs: Jobs, campaign_id: UUID) -> CampaignView:
    with jobs.context.sessions.begin() as session:
        return campaign_view(session, session.get_one(Campaign, campaign_id), now=jobs.clock.now())


def job_named(rows: Rows, name: str) -> RenderJob:
    with rows.sessions.begin() as session:
        return session.scalars(select(RenderJob).where(RenderJob.custom_id == name)).one()


def end(rows: Rows, jobs: Jobs, name: str, state: RenderState, **values: Any) -> None:
    """Let a clip have ended."""
    rows.change(RenderJob, RenderJob.custom_id == name, state=state, finished_at=jobs.clock.now(), **values)


def test_nothing_is_submitted_before_run_at(jobs: Jobs, start: Start) -> None:
    campaign_id = start(*some(1), run_at=jobs.clock.at(60))

    assert (admitted(jobs), read(jobs, campaign_id).phase) == (0, "scheduled")

    jobs.clock.advance(60)
    assert admitted(jobs) == 1


def test_a_cancelled_campaign_is_swept_to_its_end(jobs: Jobs, start: Start) -> None:
    campaign_id = start(*some(3))
    change(jobs, campaign_id, cancel_campaign)  # and the API is killed here

    assert (admitted(jobs), sweep(jobs.context).stopped) == (0, 3)
    assert read(jobs, campaign_id).counts == {"cancelled": 3}


def test_a_canary_waits_for_a_person(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(*some(5), canary_count=2)
    assert (admitted(jobs), admitted(jobs)) == (2, 0)
    begun = RenderJob.state == RenderState.ADMITTED
    rows.change(RenderJob, begun, state=RenderState.SUCCEEDED, finished_at=jobs.clock.now())
    assert read(jobs, campaign_id).phase == "awaiting_approval"

    change(jobs, campaign_id, approve)

    assert admitted(jobs) == 3


def test_a_breaker_stops_at_so_many_failures_and_says_why(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(*some(5), breaker={"failures": 2}, max_in_flight=1)
    for name in ("0", "1"):
        end(rows, jobs, name, RenderState.FAILED, failure_code="InvalidParameter")

    assert admitted(jobs) == 0

    view = read(jobs, campaign_id)
    assert view.phase == "paused"
    assert "2 clips failed, most of them with InvalidParameter" in (view.reason or "")


def test_a_breaker_that_somebody_has_looked_at_counts_anew(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(*some(5), breaker={"failures": 1}, max_in_flight=1)
    end(rows, jobs, "0", RenderState.FAILED)
    admitted(jobs)

    change(jobs, campaign_id, resume)  # in the very moment of the failure, which the operator has seen

    assert admitted(jobs) == 1


@pytest.mark.parametrize(("moderated", "stops"), [(1, False), (2, True)])
def test_a_share_counts_once_enough_have_ended(
    jobs: Jobs, rows: Rows, start: Start, *, moderated: int, stops: bool
) -> None:
    start(*some(6), breaker={"moderated_percent": 40, "after": 5}, max_in_flight=1)
    for number in range(5):
        state = RenderState.MODERATED if number < moderated else RenderState.SUCCEEDED
        end(rows, jobs, str(number), state)

    assert (admitted(jobs) == 0) is stops


@pytest.mark.parametrize("state", [RenderState.FAILED, RenderState.LOST, RenderState.TIMED_OUT])
@pytest.mark.parametrize(("failed", "stops"), [(1, False), (2, True)])
def test_a_share_of_failures_counts_once_enough_have_ended(
    jobs: Jobs, rows: Rows, start: Start, *, failed: int, stops: bool, state: RenderState
) -> None:
    campaign_id = start(*some(6), breaker={"failed_percent": 40, "after": 5}, max_in_flight=1)
    for number in range(5):
        end(rows, jobs, str(number), state if number < failed else RenderState.SUCCEEDED)

    assert (admitted(jobs) == 0) is stops
    assert ("2 of 5 clips failed" in (read(jobs, campaign_id).reason or "")) is stops


@pytest.mark.parametrize(("succeeded_count", "stops"), [(8, True), (9, False)])
def test_a_share_is_one_of_all_that_have_ended(
    jobs: Jobs, rows: Rows, start: Start, *, succeeded_count: int, stops: bool
) -> None:
    # Two of ten are the 20 percent that stop it, two of eleven are fewer, however few `after` asks for.
    start(*some(12), breaker={"failed_percent": 20, "after": 2}, max_in_flight=1)
    for number in range(2 + succeeded_count):
        end(rows, jobs, str(number), RenderState.FAILED if number < 2 else RenderState.SUCCEEDED)

    assert (admitted(jobs) == 0) is stops


def test_a_continued_clip_begins_with_the_last_picture_of_the_other(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(clip("a"), clip("b", after="a", first_frame="last_frame"))
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    assert admitted(jobs) == 0
    with serving(says("200 OK", make_clip(size_px=FRAME_PX))) as server:
        jobs.poll(succeeded(server.url))
        archive_render_job(jobs.context, job_named(rows, "a").id)

    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])

    sent = json.loads(jobs.provider.requests[-1].content)["input"]["img_url"]
    header, _, picture = sent.partition(",")
    kept = jobs.context.archive.path(rows.assets(job_named(rows, "a").id)["last_frame"].path)
    assert (header, base64.b64decode(picture)) == ("data:image/png;base64", kept.read_bytes())
    with Image.open(kept) as frame:
        assert frame.size == FRAME_PX


def test_what_continues_a_failed_clip_ends_with_it(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(clip("a"), clip("b", after="a", first_frame="last_frame"))
    (first,) = dispatch(jobs.context)
    jobs.provider.on_submit(refused(400, "InvalidParameter"))

    jobs.submit(jobs.hints.submits[-1])

    assert rows.state(first.job_id) is RenderState.FAILED
    follower = job_named(rows, "b")
    assert (follower.state, follower.failure_code) == (RenderState.CANCELLED, "predecessor_failed")
    assert "the last frame of clip 'a', which ended as failed" in (follower.failure_message or "")
