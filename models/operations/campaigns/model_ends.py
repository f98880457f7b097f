"""Whether a campaign's clips can be rendered before the provider takes their models away."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.scheduling.render_times import model_ends, model_speeds
from models.render_job import RenderJob
from reelqueue.campaigns.plan.model_ends import late_models
from reelqueue.errors import ReelqueueError
from reelqueue.states import RenderState


class ModelEndsError(ReelqueueError):
    """A campaign would go on after the provider has taken one of its models away."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name = name
        self.why = why

    def __str__(self) -> str:
        return f"campaign {self.name!r}: {self.why}; nothing was stored"


def check_ends(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Refuse a campaign whose finish passes the end of a model, nine times in ten.

    Args:
        session: In the transaction that has stored its clips.
        campaign: Whose queued clips are counted.
        now: The time.

    Raises:
        ModelEndsError: It does.
    """
    queued = (RenderJob.campaign_id == campaign.id, RenderJob.state == RenderState.QUEUED)
    counts = dict(session.execute(select(RenderJob.model, func.count()).where(*queued).group_by(RenderJob.model)).all())
    if not model_ends(session, counts):
        return  # as ever, and render times need not be read
    begin = max(now, campaign.run_at or now)
    late = late_models(counts, model_speeds(session, counts), begin=begin, slack=timedelta(0))
    if late:
        raise ModelEndsError(campaign.name, "; ".join(late))
