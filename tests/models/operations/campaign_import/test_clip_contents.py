"""A content of a campaign is bought once, under whatever ids and in whatever order its rows come and go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from models import Campaign, ClipTwin, RenderJob
from models.operations.campaign_import.apply import StoredClips
from models.operations.campaigns.current_clips import current_clips
from models.operations.campaigns.results import result_pages
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from models.operations.jobs.transitions import move
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState
from tests.support.stored_clips import ENDED_FAILED, RENDERED, apply, clip, end, make_campaign, standing
from tests.support.stored_jobs import NOW, read_job

RENDERING = RENDERED[:3]


def jobs_of(session: Session, campaign: Campaign) -> list[RenderJob]:
    """Every job, also those that stand for nothing any more."""
    found = select(RenderJob).where(RenderJob.campaign_id == campaign.id).order_by(RenderJob.id)
    return list(session.scalars(found.execution_options(populate_existing=True)))


def twins_of(session: Session, campaign: Campaign) -> list[str]:
    """Ids that share another's clip."""
    found = select(ClipTwin.custom_id).where(ClipTwin.campaign_id == campaign.id).order_by(ClipTwin.custom_id)
    return list(session.scalars(found))


@pytest.mark.parametrize("states", [RENDERED, RENDERING, ENDED_FAILED], ids=["rendered", "rendering", "failed"])
def test_a_row_changed_back_gets_the_clip_that_was_submitted(session: Session, states: tuple[RenderState, ...]) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    first = standing(session, campaign)["a"]
    end(session, first, *states)
    apply(session, campaign, clip("a", prompt="another"))

    stored = apply(session, campaign, clip("a"))

    assert stored == StoredClips(restored=1)
    assert standing(session, campaign)["a"].id == first.id
    assert [job.state for job in jobs_of(session, campaign)] == [states[-1], RenderState.CANCELLED]


def test_a_row_changed_back_before_anything_was_submitted_is_stored_anew(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    apply(session, campaign, clip("a", prompt="another"))

    assert apply(session, campaign, clip("a")) == StoredClips(changed=1)

    states = [job.state for job in jobs_of(session, campaign)]
    assert states == [RenderState.CANCELLED, RenderState.CANCELLED, RenderState.QUEUED]


def test_of_several_earlier_clips_the_one_with_a_video_comes_back(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    end(session, standing(session, campaign)["a"], *ENDED_FAILED)
    retry_clips(session, campaign, find_retries(session, campaign.id, Which(), limit=9), now=NOW)
    rendered = standing(session, campaign)["a"]
    end(session, rendered, *RENDERED)
    apply(session, campaign, clip("a", prompt="another"))

    apply(session, campaign, clip("a"))

    assert standing(session, campaign)["a"].id == rendered.id


def test_the_same_content_under_another_id_shares_the_clip(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))

    stored = apply(session, campaign, clip("b", prompt="clip a"))

    assert (stored, len(jobs_of(session, campaign))) == (StoredClips(shared=1), 1)
    found = current_clips(session, campaign.id, ["a", "b"])
    assert found["a"] == found["b"]
    assert apply(session, campaign, clip("b", prompt="clip a")) == StoredClips(present=1)


def test_a_shared_clip_has_a_line_of_results_for_each_row_and_costs_once(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    apply(session, campaign, clip("b", prompt="clip a"))
    sessions = sessionmaker(session.connection(), join_transaction_mode="create_savepoint")

    lines = [row for page in result_pages(sessions, campaign.id) for row in page]

    told = [(line["custom_id"], line["file"], line["same_as"]) for line in lines]
    assert told == [("a", "autumn/a.mp4", None), ("b", "autumn/b.mp4", "a")]
    assert lines[0]["job_id"] == lines[1]["job_id"]


def test_a_row_that_shares_a_clip_takes_it_over_when_the_other_is_changed(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    apply(session, campaign, clip("b", prompt="clip a"))
    shared = standing(session, campaign)["a"].id

    assert apply(session, campaign, clip("a", prompt="another")) == StoredClips(changed=1)

    jobs = standing(session, campaign)
    assert (jobs["b"].id, jobs["b"].state, jobs["b"].output_path) == (shared, RenderState.QUEUED, "autumn/b.mp4")
    assert (jobs["a"].prompt, twins_of(session, campaign)) == ("another", [])


def test_rows_that_trade_their_contents_buy_nothing(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b"))
    before = {name: job.id for name, job in standing(session, campaign).items()}

    stored = apply(session, campaign, clip("a", prompt="clip b"), clip("b", prompt="clip a"))

    after = {name: job.id for name, job in standing(session, campaign).items()}
    assert stored == StoredClips(shared=2)
    assert after == {"a": before["b"], "b": before["a"]}


def test_a_row_may_go_back_from_sharing_to_a_clip_of_its_own(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b"))
    own = standing(session, campaign)["b"]
    end(session, own, *RENDERED)
    assert apply(session, campaign, clip("b", prompt="clip a")) == StoredClips(shared=1)
    assert twins_of(session, campaign) == ["b"]

    assert apply(session, campaign, clip("b")) == StoredClips(restored=1)

    assert (standing(session, campaign)["b"].id, twins_of(session, campaign)) == (own.id, [])


def test_variants_differ_by_their_seeds_and_are_bought(session: Session) -> None:
    campaign = make_campaign(session)

    stored = apply(session, campaign, clip("a", seed=1), clip("a.2", prompt="clip a", seed=2))

    assert stored == StoredClips(new=2)


def test_a_failed_row_that_is_unchanged_is_not_bought_again(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    end(session, standing(session, campaign)["a"], *ENDED_FAILED)

    assert apply(session, campaign, clip("a")) == StoredClips(present=1)


@pytest.mark.parametrize("count", range(3))
def test_what_was_submitted_is_kept_when_its_row_is_changed(session: Session, count: int) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    first = standing(session, campaign)["a"]
    states = RENDERED[: 2 + count]
    end(session, first, *states)

    apply(session, campaign, clip("a", prompt="another"))

    assert read_job(session, first.id).state is states[-1]


def test_what_comes_back_to_the_queue_after_its_row_was_changed_is_not_submitted_again(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    first = standing(session, campaign)["a"]
    end(session, first, RenderState.ADMITTED, RenderState.SUBMITTING)
    apply(session, campaign, clip("a", prompt="another"))

    move(session, first.id, [RenderState.SUBMITTING], RenderState.QUEUED, now=NOW)

    assert read_job(session, first.id).state is RenderState.CANCELLED


def test_a_waiting_clip_gets_the_priority_and_start_of_its_row(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b"))
    end(session, standing(session, campaign)["b"], *RENDERED)
    until = NOW + timedelta(hours=1)
    again = {"priority": 7, "start_by": until.isoformat()}

    assert apply(session, campaign, clip("a", **again), clip("b", **again)) == StoredClips(amended=1, present=1)

    jobs = standing(session, campaign)
    assert (jobs["a"].priority, jobs["a"].start_by, jobs["b"].priority) == (7, until, 0)


def test_a_chained_row_changed_after_its_predecessor_timed_out_is_given_up_at_once(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b", after="a", first_frame="last_frame"))
    first = standing(session, campaign)["a"]
    end(session, first, *RENDERING, RenderState.TIMED_OUT)

    apply(session, campaign, clip("b", prompt="another", after="a", first_frame="last_frame"))

    follower = standing(session, campaign)["b"]
    assert (follower.state, follower.failure_code) == (RenderState.CANCELLED, FailureCode.PREDECESSOR_FAILED)


def test_a_repaired_row_is_what_those_after_it_are_rendered_from_and_they_are_bought_once(session: Session) -> None:
    campaign = make_campaign(session)
    chain = [clip("b", after="a", first_frame="last_frame"), clip("c", after="b", first_frame="last_frame")]
    apply(session, campaign, clip("a"), *chain)
    end(session, standing(session, campaign)["a"], *ENDED_FAILED)
    apply(session, campaign, clip("a", prompt="repaired"))  # alone, as from a file of failures
    end(session, standing(session, campaign)["a"], *RENDERED)
    chosen = Which(states=[RenderState.CANCELLED], codes=[FailureCode.PREDECESSOR_FAILED])
    retry_clips(session, campaign, find_retries(session, campaign.id, chosen, limit=9), now=NOW)

    stored = apply(session, campaign, clip("a", prompt="repaired"), *chain)

    assert stored == StoredClips(present=3)
    jobs = standing(session, campaign)
    assert (jobs["b"].after_job_id, jobs["b"].is_awaiting) == (jobs["a"].id, False)
    assert (jobs["c"].after_job_id, jobs["c"].is_awaiting) == (jobs["b"].id, True)


def test_a_chain_changed_and_changed_back_is_the_one_that_was_rendered(session: Session) -> None:
    campaign = make_campaign(session)
    follower = clip("b", after="a", first_frame="last_frame")
    apply(session, campaign, clip("a"), follower)
    before = {name: job.id for name, job in standing(session, campaign).items()}
    end(session, standing(session, campaign)["a"], *RENDERED)
    end(session, standing(session, campaign)["b"], *RENDERED)
    assert apply(session, campaign, clip("a", prompt="another"), follower) == StoredClips(changed=2)

    assert apply(session, campaign, clip("a"), follower) == StoredClips(restored=2)

    assert {name: job.id for name, job in standing(session, campaign).items()} == before


def test_what_waited_for_a_row_that_now_shares_a_rendered_clip_begins(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b"), clip("c", after="b"))
    end(session, standing(session, campaign)["a"], *RENDERED)

    apply(session, campaign, clip("b", prompt="clip a"))

    jobs = standing(session, campaign)
    assert (jobs["c"].after_job_id, jobs["c"].is_awaiting) == (jobs["a"].id, False)
