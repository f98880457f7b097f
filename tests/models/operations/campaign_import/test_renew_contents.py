"""A database that an older version has filled: its clips are known again, and nothing is bought twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import JobReference, RenderJob
from models.campaign import CONTENT_VERSION
from models.operations.campaign_import.apply import StoredClips
from models.operations.campaign_import.renew_contents import renew_contents
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from tests.support.stored_clips import ENDED_FAILED, RENDERED, age, apply, clip, end, make_campaign, standing
from tests.support.stored_jobs import NOW

SIGNED = "https://media.example/{}.png?X-Amz-Date=2026113{}T000000Z&X-Amz-Signature=f{}"


def shoe(name: str, signature: int, **options: Any) -> dict[str, Any]:
    """A clip whose picture has a signature of some day."""
    return clip(name, model="wan2.6-i2v", image=SIGNED.format(name, signature, signature), **options)


def follower(name: str, before: str) -> dict[str, Any]:
    return clip(name, after=before, first_frame="last_frame")


def pictures(session: Session, job: RenderJob) -> list[str]:
    urls = select(JobReference.url).where(JobReference.job_id == job.id).order_by(JobReference.position)
    return list(session.scalars(urls.execution_options(populate_existing=True)))


def test_a_filled_campaign_is_applied_again_under_new_signatures_and_buys_nothing(session: Session) -> None:
    campaign = make_campaign(session)
    first = [shoe("a", 1), shoe("b", 1), clip("c"), follower("d", "a"), shoe("e", 1) | {"prompt": "clip b"}]
    apply(session, campaign, *first)
    end(session, standing(session, campaign)["a"], *RENDERED)
    before = {name: job.id for name, job in standing(session, campaign).items()}
    age(session, campaign)

    renew_contents(session, campaign.id)
    stored = apply(session, campaign, shoe("a", 2), shoe("b", 2), clip("c"), follower("d", "a"), first[-1])

    assert stored == StoredClips(present=5)
    assert {name: job.id for name, job in standing(session, campaign).items()} == before
    assert campaign.content_version == CONTENT_VERSION


def test_without_that_every_clip_with_a_signature_would_be_bought_again(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, shoe("a", 1), follower("d", "a"))
    age(session, campaign)

    assert apply(session, campaign, shoe("a", 1), follower("d", "a")).changed == 2


def test_ids_that_share_a_clip_go_on_sharing_it(session: Session) -> None:
    campaign = make_campaign(session)
    same = shoe("a", 1, seed=4)
    apply(session, campaign, same)
    apply(session, campaign, same | {"custom_id": "twin"})
    age(session, campaign)

    renew_contents(session, campaign.id)

    assert apply(session, campaign, same, same | {"custom_id": "twin"}) == StoredClips(present=2)


def test_a_campaign_is_renewed_once(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, shoe("a", 1))
    renewed = standing(session, campaign)["a"].content_sha256
    standing(session, campaign)["a"].content_sha256 = "somebody else's"
    session.flush()

    renew_contents(session, campaign.id)

    assert standing(session, campaign)["a"].content_sha256 == "somebody else's"
    assert renewed != "somebody else's"


def test_headers_that_are_not_sent_any_more_do_not_count(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    standing(session, campaign)["a"].extra_options = {"headers": {"X-Team": "film"}}
    session.flush()
    age(session, campaign)

    renew_contents(session, campaign.id)

    assert apply(session, campaign, clip("a")) == StoredClips(present=1)


def test_what_waits_or_may_be_rendered_again_gets_the_new_signature(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, shoe("a", 1), shoe("b", 1), shoe("c", 1))
    end(session, standing(session, campaign)["b"], *ENDED_FAILED)
    end(session, standing(session, campaign)["c"], *RENDERED)

    apply(session, campaign, shoe("a", 2), shoe("b", 2), shoe("c", 2))

    jobs = standing(session, campaign)
    assert pictures(session, jobs["a"]) == [SIGNED.format("a", 2, 2)]
    assert pictures(session, jobs["c"]) == [SIGNED.format("c", 1, 1)]  # as it was sent
    retry_clips(session, campaign, find_retries(session, campaign.id, Which(), limit=9), now=NOW)
    assert pictures(session, standing(session, campaign)["b"]) == [SIGNED.format("b", 2, 2)]
