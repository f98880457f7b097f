"""The circuit breaker's rule: whether too many clips of a campaign fail, before it pays for more of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.render_job import RenderJob
from reelqueue.campaigns.options import Breaker
from reelqueue.states import RenderState

FAILED: Final = (RenderState.FAILED, RenderState.LOST, RenderState.TIMED_OUT)
BREAKER_REASON: Final = "stopped by its breaker: "
"""What the reason of a pause begins with where no person has paused the campaign."""
_ENDED: Final = (*FAILED, RenderState.MODERATED, RenderState.SUCCEEDED)


def breaker_reason(session: Session, campaign: Campaign) -> str | None:
    """Why the breaker of a campaign stops it; None if it does not."""
    if not campaign.breaker:
        return None
    rules = Breaker.model_validate(campaign.breaker)
    failed, moderated = _count(session, campaign, FAILED), _count(session, campaign, (RenderState.MODERATED,))
    if rules.failures is not None and failed >= rules.failures:
        return _told(session, campaign, f"{failed} clips failed")
    for percent, count, word in (
        (rules.failed_percent, failed, "failed"),
        (rules.moderated_percent, moderated, "were moderated"),
    ):
        if percent is None or not count:
            continue
        # No more than would let the share fall below the limit: a long campaign is not counted to its end.
        enough = max(rules.after, int(count * 100 / percent) + 1)
        ended = _count(session, campaign, _ENDED, most=enough)
        if ended >= rules.after and count * 100 >= percent * ended:
            return _told(session, campaign, f"{count} of {ended} clips {word}")
    return None


def _since(campaign: Campaign) -> list[ColumnElement[bool]]:
    own = [RenderJob.campaign_id == campaign.id]
    return own if campaign.breaker_since_at is None else [*own, RenderJob.finished_at > campaign.breaker_since_at]


def _count(session: Session, campaign: Campaign, states: tuple[RenderState, ...], *, most: int | None = None) -> int:
    ended = select(RenderJob.id).where(*_since(campaign), RenderJob.state.in_(states)).limit(most).subquery()
    return session.scalars(select(func.count()).select_from(ended)).one()


def _told(session: Session, campaign: Campaign, what: str) -> str:
    """The reason of the pause, with the most frequent failure code."""
    cause = func.coalesce(RenderJob.failure_code, RenderJob.failure_class, "no code")
    ended = (*FAILED, RenderState.MODERATED)
    frequent = (
        select(cause)
        .where(*_since(campaign), RenderJob.state.in_(ended))
        .group_by(cause)
        .order_by(func.count().desc())
        .limit(1)
    )
    code = session.scalars(frequent).first()
    return f"{BREAKER_REASON}{what}, most of them with {code}; look at them, then resume"
