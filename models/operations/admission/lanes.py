"""Whose turn it is at the slots of each account and model, and what each turn comes to; nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.operations.admission.conditions import Cause
from models.operations.admission.fair_share import CampaignQueue, FairShare, QueuedJob
from models.operations.admission.usage import Usage
from models.operations.jobs.price import quote
from models.operations.jobs.request_rows import stored_request
from models.operations.money.caps import Wanted
from models.operations.money.slot_reservations import Quote
from models.operations.scheduling.account_limits import LaneLimits, lane_limits, offers
from models.operations.scheduling.submit_gates import Openings
from models.render_job import RenderJob
from models.spending_cap import SpendingCap
from models.submit_lane import SubmitLane
from reelqueue.builder import build
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.errors import InvalidRequestError


@dataclass(frozen=True)
class Offer:
    """What a job costs at an account, and what there is to pay for it."""

    price: Quote | None
    """At most; None: no price is known."""
    agreed: Quote | None
    """By the prices that its owner agreed to; None: to none, or none was known."""
    left: Decimal | None
    """Of its campaign's budget; None: it has none."""
    budget_currency: str | None
    region_currency: str | None
    """What the account is paid in."""
    cap: SpendingCap | None
    """A cap that has no room for it."""


def cause_of_refusal(offer: Offer) -> Cause | None:
    """Why a job is not admitted at what it costs; None if it is."""
    price, agreed, left = offer.price, offer.agreed, offer.left
    if price is not None and agreed is not None and not _is_within(price, agreed):
        return Cause.REPRICED
    if left is not None and (price is None or price.currency != offer.budget_currency):
        return Cause.UNPRICED if offer.region_currency == offer.budget_currency else Cause.CURRENCY
    if left is not None and price is not None and price.max_amount > left:
        return Cause.BUDGET
    return None if offer.cap is None else Cause.CAP


def _is_within(price: Quote, agreed: Quote) -> bool:
    return price.currency == agreed.currency and price.max_amount <= agreed.max_amount


@dataclass(frozen=True)
class Turn:
    """The turn of a line's first job: it gets a slot, or its line is closed."""

    line: CampaignQueue
    waiting: QueuedJob
    offer: Offer
    wanted: Wanted
    """What it needs of the caps."""
    refused: Cause | None
    """Why it gets none."""


@dataclass(frozen=True)
class Lane:
    """One account's slots of one model, at the moment of a dispatch."""

    session: Session
    usage: Usage
    account: Account
    model: str
    limits: LaneLimits
    now: datetime

    @property
    def free(self) -> int:
        """Slots that may be leased; the look-ahead lets tasks queue at the provider, so that no slot idles."""
        if not self.limits.slots:  # the provider takes none, not even to wait
            return 0
        return self.limits.slots + self.account.look_ahead - self.usage.by_lane[self.account.id, self.model]

    @property
    def throttled_until(self) -> datetime | None:
        """Until when the provider wants nothing; None: it takes submits."""
        row = self.session.get(SubmitLane, (self.account.id, self.model), populate_existing=True)
        until = None if row is None else row.throttled_until
        return until if until is not None and until > self.now else None

    @property
    def is_taking(self) -> bool:
        """Whether a job may be admitted now, if one may."""
        return self.free > 0 and self.throttled_until is None

    def turns(self, lines: Iterable[CampaignQueue], count: int) -> Iterator[Turn]:
        """Give *count* slots to the lines, turn by turn; each is counted in the usage before it is yielded."""
        sharing = FairShare(lines, self.usage.held_by_tenant(self.model))
        while count > 0 and (line := sharing.next_line()) is not None:
            turn = self._turn(line)
            if turn.refused is None:
                count -= 1
                self._count(sharing, turn)
            else:
                line.is_closed = True
            yield turn

    def _turn(self, line: CampaignQueue) -> Turn:
        job = self.session.get_one(RenderJob, line.waiting[0].job_id, populate_existing=True)
        price = quote(self.session, job, self.account)
        region_currency = CURRENCY_BY_REGION.get(self.account.region)
        currency, amount = (region_currency, None) if price is None else (price.currency, price.max_amount)
        wanted = Wanted(line.tenant_id, self.account.id, currency, amount)
        offer = self._offer(self.usage.campaigns[line.campaign_id], job, price, wanted)
        is_unsendable = price is None and not self._can_be_sent(job)
        return Turn(line, line.waiting[0], offer, wanted, None if is_unsendable else cause_of_refusal(offer))

    def _offer(self, campaign: Campaign, job: RenderJob, price: Quote | None, wanted: Wanted) -> Offer:
        agreed_at = campaign.prices_agreed_at
        return Offer(
            price=price,
            agreed=None if agreed_at is None else quote(self.session, job, self.account, at=agreed_at),
            left=self.usage.left(campaign),
            budget_currency=campaign.budget_currency,
            region_currency=CURRENCY_BY_REGION.get(self.account.region),
            cap=self.usage.caps.without_room(wanted),
        )

    def _can_be_sent(self, job: RenderJob) -> bool:
        """Whether a call can be made of a row; where none can, its submit sends nothing and says why it fails."""
        try:
            build(stored_request(self.session, job), account_headers=self.account.headers)
        except InvalidRequestError:
            return False
        return True

    def _count(self, sharing: FairShare, turn: Turn) -> None:
        line, price = turn.line, turn.offer.price
        self.usage.admitted.add(sharing.admit(line, self.now).job_id)
        self.usage.served_at |= {line.campaign_id: self.now, line.tenant_id: self.now}
        self.usage.add(self.account.id, self.model, line.campaign_id, line.tenant_id)
        if price is not None:
            self.usage.reserve(line.campaign_id, price.currency, price.max_amount)
            self.usage.caps.count(turn.wanted)


def open_lanes(
    session: Session,
    usage: Usage,
    accounts: Sequence[Account],
    openings: Openings,
    models: Iterable[str],
    now: datetime,
) -> Iterator[Lane]:
    """The lanes that may take jobs of *models*, in the order in which a dispatch fills them."""
    for model in models:
        for account in accounts:
            if offers(account, model) and openings.lets(account.id, model):
                yield Lane(session, usage, account, model, lane_limits(account, model), now)
