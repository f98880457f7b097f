"""Storing the clips of a campaign: each id once, however often, and by however many, its file is applied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import JobReference, RenderJob
from models.operations.jobs.request_rows import to_request
from models.session import make_engine
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState
from tests.support.stored_clips import ENDED_FAILED, RENDERED, apply, clip, end, make_campaign, standing
from tests.support.stored_jobs import events_of, read_job


def counts(stored: object) -> tuple[int, int, int]:
    return stored.new, stored.changed, stored.present  # type: ignore[attr-defined]


def test_a_stored_clip_is_the_request_that_was_sent(session: Session) -> None:
    campaign = make_campaign(session)
    sent = clip("a", duration=5, seed=7, metadata={"scene": 1}, variables={"style": "noir"}, line=12)

    apply(session, campaign, sent)

    job = standing(session, campaign)["a"]
    request = to_request(job, [])
    assert (request.prompt, request.duration, request.seed, request.metadata) == ("clip a", 5, 7, {"scene": 1})
    assert (job.output_path, job.clip_variables, job.clip_line) == ("autumn/a.mp4", {"style": "noir"}, 12)
    assert [event.to_state for event in events_of(session, job.id)] == [RenderState.QUEUED]


def test_variables_keep_the_order_of_the_file(session: Session) -> None:
    campaign = make_campaign(session)

    apply(session, campaign, clip("a", variables={"style": "noir", "SKU": "1"}), clip("b", variables={"Name": "Kugel"}))
    apply(session, campaign, clip("c", variables={"Ground": "oak", "SKU": "1"}))

    assert campaign.variable_names == ["style", "SKU", "Name", "Ground"]


def test_references_keep_their_order(session: Session) -> None:
    campaign = make_campaign(session)
    urls = [f"https://pictures.test/{number}.png" for number in (2, 1)]

    apply(session, campaign, clip("a", model="wan2.6-r2v", reference_urls=urls, prompt="character1 meets character2"))

    job = standing(session, campaign)["a"]
    kept = select(JobReference.url).where(JobReference.job_id == job.id).order_by(JobReference.position)
    assert list(session.scalars(kept)) == urls


def test_a_file_applied_again_stores_nothing(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b"))

    again = apply(session, campaign, clip("a"), clip("b"), clip("c"))

    assert counts(again) == (1, 0, 2)
    assert set(standing(session, campaign)) == {"a", "b", "c"}


def test_a_changed_row_takes_the_place_of_one_that_waits(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    earlier = standing(session, campaign)["a"].id

    stored = apply(session, campaign, clip("a", prompt="another"))

    before = read_job(session, earlier)
    assert counts(stored) == (0, 1, 0)
    assert (before.state, before.failure_code) == (RenderState.CANCELLED, FailureCode.SUPERSEDED)
    assert standing(session, campaign)["a"].prompt == "another"


def test_a_changed_row_leaves_alone_what_was_paid_for(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    earlier = standing(session, campaign)["a"]
    end(session, earlier, *RENDERED)

    apply(session, campaign, clip("a", prompt="another"))

    before = read_job(session, earlier.id)
    assert before.state is RenderState.SUCCEEDED
    assert before.superseded_at is not None


def test_two_campaigns_may_have_the_same_ids(session: Session) -> None:
    apply(session, make_campaign(session, "one"), clip("a"))

    assert counts(apply(session, make_campaign(session, "two"), clip("a"))) == (1, 0, 0)


@pytest.mark.parametrize(("options", "stored"), [({}, None), ({"poll_interval_ms": 5000}, 5000)])
def test_an_interval_is_stored_only_where_the_file_sets_one(
    session: Session, options: dict[str, int], stored: int | None
) -> None:
    campaign = make_campaign(session)

    apply(session, campaign, clip("a", **options))

    assert standing(session, campaign)["a"].poll_interval_ms == stored


def test_a_clip_waits_for_the_one_that_it_continues(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b", after="a", first_frame="last_frame"))
    jobs = standing(session, campaign)
    assert (jobs["b"].after_job_id, jobs["b"].is_awaiting) == (jobs["a"].id, True)

    end(session, jobs["a"], *RENDERED)

    assert not read_job(session, jobs["b"].id).is_awaiting


def test_a_chain_ends_with_its_first_failure(session: Session) -> None:
    campaign = make_campaign(session)
    links = [clip(str(number), after=str(number - 1), first_frame="last_frame") for number in range(1, 4)]
    apply(session, campaign, clip("0"), *links)

    end(session, standing(session, campaign)["0"], *ENDED_FAILED)

    ended = standing(session, campaign)
    assert [ended[name].failure_code for name in "123"] == [FailureCode.PREDECESSOR_FAILED] * 3
    assert "ended as failed" in (ended["1"].failure_message or "")


def test_a_clip_that_only_comes_after_another_begins_when_that_fails(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b", after="a"))

    end(session, standing(session, campaign)["a"], *ENDED_FAILED)

    follower = standing(session, campaign)["b"]
    assert (follower.state, follower.is_awaiting) == (RenderState.QUEUED, False)


def test_a_later_batch_may_continue_what_is_rendered_already(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    end(session, standing(session, campaign)["a"], *RENDERED)

    apply(session, campaign, clip("b", after="a", first_frame="last_frame"))

    assert not standing(session, campaign)["b"].is_awaiting


def test_what_continues_a_failed_clip_says_so_at_once(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    end(session, standing(session, campaign)["a"], *ENDED_FAILED)

    apply(session, campaign, clip("b", after="a", first_frame="last_frame"))

    assert standing(session, campaign)["b"].failure_code == FailureCode.PREDECESSOR_FAILED


def test_followers_of_a_changed_row_wait_for_its_heir(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"), clip("b", after="a"))

    apply(session, campaign, clip("a", prompt="another"))

    jobs = standing(session, campaign)
    assert (jobs["b"].after_job_id, jobs["b"].state) == (jobs["a"].id, RenderState.QUEUED)
    assert jobs["b"].is_awaiting


def test_two_imports_of_one_file_at_a_time_store_it_once(database_url: str) -> None:
    engine = make_engine(database_url)
    clips = [clip(str(number)) for number in range(50)]
    with Session(engine) as session, session.begin():
        make_campaign(session)

    def import_all() -> int:
        with Session(engine) as session, session.begin():
            return apply(session, make_campaign(session), *clips).new

    with ThreadPoolExecutor(4) as pool:
        new = sorted(future.result() for future in [pool.submit(import_all) for _ in range(4)])
    with Session(engine) as session:
        stored = session.scalars(select(func.count()).select_from(RenderJob)).one()
    engine.dispose()

    assert (new, stored) == ([0, 0, 0, 50], 50)
