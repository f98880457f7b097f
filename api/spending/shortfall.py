"""Campaigns as the API shows them: with what their budget lacks, where it has ended."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Final

from sqlalchemy.orm import Session

from api.spending.cost_preview import Offer, waiting
from models.campaign import Campaign
from models.operations.campaigns.status import campaign_view
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.schemas.campaigns import CampaignMoney, Phase, Shortfall

_CENT: Final = Decimal("0.01")


def campaign_answer(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    region: str,
    price: Callable[[CampaignView], Offer] | None = None,
) -> CampaignView:
    """*campaign* with what its budget lacks, where that has ended.

    Args:
        session: To read with.
        campaign: One that the caller may see.
        now: The time, by the database's clock.
        region: The provider's, which prices depend on.
        price: Prices the clips that wait; None: from the rows as they are now.
    """
    view = campaign_view(session, campaign, now=now)
    if view.phase is not Phase.OUT_OF_BUDGET:
        return view
    offer = price(view) if price else waiting(session, campaign.id, region=region)
    return view.model_copy(update={"shortfall": _shortfall(view.name, view.money, offer)})


def _shortfall(name: str, sums: Iterable[CampaignMoney], offer: Offer) -> Shortfall | None:
    for money in sums:
        if money.cap is not None and money.currency == offer.currency:
            budget = (money.spent + money.reserved + offer.max_amount).quantize(_CENT, ROUND_UP)
            if budget <= money.cap:  # something was settled for less: the next dispatch goes on
                return None
            return Shortfall(
                currency=money.currency,
                missing=budget - money.cap,
                budget=budget,
                clip_count=offer.count - offer.unpriced_count,
                max_amount=offer.max_amount,
                unpriced_count=offer.unpriced_count,
                command=shlex.join(["reelqueue", "campaign", "set", name, f"budget={budget} {money.currency}"]),
            )
    return None
