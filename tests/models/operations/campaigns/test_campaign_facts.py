"""What is told about a campaign."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.operations.campaigns.status import campaign_view
from reelqueue.states import RenderState
from tests.support.stored_clips import make_campaign
from tests.support.stored_jobs import NOW, store_job


def test_ends_without_a_video_are_told_by_kind_the_most_frequent_first(session: Session) -> None:
    campaign = make_campaign(session)
    for number, (state, code) in enumerate([("failed", "A"), ("moderated", None), ("failed", "A")]):
        at = {"finished_at": NOW, "failure_code": code, "failure_message": "why"}
        owner = {"tenant_id": campaign.tenant_id, "campaign_id": campaign.id}
        store_job(session, RenderState(state), custom_id=str(number), **owner, **at)

    view = campaign_view(session, campaign, now=NOW)

    assert [(one.state, one.code, one.count, one.message) for one in view.failures] == [
        (RenderState.FAILED, "A", 2, "why"),
        (RenderState.MODERATED, None, 1, "why"),
    ]
    assert (view.phase, view.finished_count) == ("finished", 3)
