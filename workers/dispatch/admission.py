"""Admits jobs to the free slots of one account and model, as far as budgets allow.

It runs under the account's lock (dispatchers take turns) and under the locks of the campaigns (nothing is spent, and
no budget set, meanwhile), so what it counts stays true until the commit.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.operations.jobs.price import quote
from models.operations.jobs.request_rows import stored_request
from models.operations.jobs.transitions import move
from models.operations.money.caps import Wanted
from models.operations.money.prices import known_prices
from models.operations.money.slot_reservations import Quote, lease_slot
from models.operations.scheduling.account_limits import LaneLimits
from models.render_job import RenderJob
from models.submit_lane import SubmitLane
from models.tenant import Tenant
from reelqueue.builder import build
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import unpriced_warning
from reelqueue.states import RenderState
from workers.dispatch.fair_share import CampaignQueue, FairShare, QueuedJob
from workers.dispatch.usage import Usage

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Admitted:
    """A job that got a slot."""

    job_id: UUID
    epoch: int
    model: str
    submit_at: datetime
    """When its submit is due at the pace of its account and model."""


@dataclass(frozen=True)
class LaneAdmission:
    """Admission to one account's slots of one model."""

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

    def admit(self, lines: list[CampaignQueue]) -> list[Admitted]:
        """Fill the free slots from the lines, and take the turns of the lane's pace."""
        lane, free = self._lane(), self.free
        if lane.throttled_until is not None and lane.throttled_until > self.now:
            return []
        spacing = timedelta(seconds=1 / (self.limits.submits_per_second * lane.pace_factor))
        due = max(self.now, lane.next_submit_at or self.now)
        sharing = FairShare(lines, self.usage.held_by_tenant(self.model))
        admitted: list[Admitted] = []
        while len(admitted) < free and (line := sharing.next_line()) is not None:
            price = self._price(line)
            if line.is_closed:
                continue
            waiting = sharing.admit(line, self.now)
            admitted.append(self._lease(line, waiting, price, due))
            due += spacing
        if admitted:
            lane.next_submit_at = due
            self._note_turns([line for line in lines if line.last_admitted_at == self.now])
        return admitted

    def _note_turns(self, served: list[CampaignQueue]) -> None:
        """Note which campaigns and tenants got slots, so that their equals come first at the next dispatch."""
        for table, ids in (
            (Campaign, {line.campaign_id for line in served}),
            (Tenant, {line.tenant_id for line in served}),
        ):
            self.session.execute(update(table).where(table.id.in_(ids)).values(last_admitted_at=self.now))

    def _lane(self) -> SubmitLane:
        key = (self.account.id, self.model)
        lane = self.session.get(SubmitLane, key, populate_existing=True)
        if lane is None:
            lane = SubmitLane(account_id=self.account.id, model=self.model, pace_factor=1.0, throttle_count=0)
            self.session.add(lane)
        return lane

    def _price(self, line: CampaignQueue) -> Quote | None:
        """What the line's next job may cost here; closes the line where its campaign cannot pay for it."""
        campaign = self.usage.campaigns[line.campaign_id]
        job = self.session.get_one(RenderJob, line.waiting[0].job_id, populate_existing=True)
        price = quote(self.session, job, self.account)
        if price is None and not self._can_be_sent(job):
            return price
        if price is not None and self._exceeds_agreement(campaign, job, price):
            line.is_closed = True
            return price
        left = self.usage.left(campaign)
        if left is not None and (price is None or price.currency != campaign.budget_currency):
            line.is_closed = True
            if CURRENCY_BY_REGION.get(self.account.region) == campaign.budget_currency:
                self._stop_unpriced(campaign, job)
        elif left is not None and price is not None and price.max_amount > left:
            line.is_closed = True
            self._stop_exhausted(campaign, price, left)
        elif self.usage.caps.short(self._wanted(line, price)) is not None:
            line.is_closed = True
        return price

    def _wanted(self, line: CampaignQueue, price: Quote | None) -> Wanted:
        """The amount that the line's next job needs of the caps above campaigns."""
        if price is None:
            return Wanted(line.tenant_id, self.account.id, CURRENCY_BY_REGION.get(self.account.region), None)
        return Wanted(line.tenant_id, self.account.id, price.currency, price.max_amount)

    def _exceeds_agreement(self, campaign: Campaign, job: RenderJob, price: Quote) -> bool:
        """Whether a job costs more than by the prices that its owner agreed to; then its campaign waits for that."""
        if campaign.prices_agreed_at is None:
            return False
        agreed = quote(self.session, job, self.account, at=campaign.prices_agreed_at)
        if agreed is None or (price.currency == agreed.currency and price.max_amount <= agreed.max_amount):
            return False
        campaign.paused_at = campaign.repriced_at = self.now
        campaign.paused_reason = (
            f"a second of {job.model} costs {price.per_second.normalize():f} {price.currency} now, and cost "
            f"{agreed.per_second.normalize():f} {agreed.currency} when this campaign was agreed to "
            f"({campaign.prices_agreed_at:%Y-%m-%d %H:%M} UTC); look at what the rest costs, and agree to it: "
            f"{shlex.join(['reelqueue', 'campaign', 'approve', campaign.name])}"
        )
        log.warning("campaign.repriced", campaign=str(campaign.id), reason=campaign.paused_reason)
        return True

    def _stop_unpriced(self, campaign: Campaign, job: RenderJob) -> None:
        """Stop a campaign whose job has no price, and say why: without a reservation nothing is admitted."""
        prices = known_prices(self.session, self.account.id)
        why = unpriced_warning(stored_request(self.session, job), self.account.region, prices=prices)
        campaign.paused_at = self.now
        campaign.paused_reason = (
            f"render job {job.id} has no price in {campaign.budget_currency} at account {self.account.name} "
            f"({why}), and this campaign has a budget; cancel that job, take the budget away, or have an operator set "
            f"a price (python -m workers prices set {job.model} ...) and resume"
        )
        log.error("campaign.paused", campaign=str(campaign.id), reason=campaign.paused_reason)

    def _can_be_sent(self, job: RenderJob) -> bool:
        """Whether a call can be made of a row; where none can, its submit sends nothing and says why it fails."""
        try:
            build(stored_request(self.session, job), account_headers=self.account.headers)
        except InvalidRequestError:
            return False
        return True

    def _stop_exhausted(self, campaign: Campaign, price: Quote, left: Decimal) -> None:
        """Mark a budget as exhausted, unless something is reserved that may be released unspent."""
        if self.usage.by_campaign[campaign.id]:
            return
        campaign.budget_exhausted_at = self.now
        log.warning("campaign.budget_exhausted", campaign=str(campaign.id), left=str(left), next=str(price.max_amount),
                    currency=price.currency)  # fmt: skip

    def _lease(self, line: CampaignQueue, waiting: QueuedJob, price: Quote | None, submit_at: datetime) -> Admitted:
        session, now = self.session, self.now
        move(
            session,
            waiting.job_id,
            [RenderState.QUEUED],
            RenderState.ADMITTED,
            now=now,
            account_id=self.account.id,
            admitted_at=now,
            epoch_to=waiting.epoch + 1,
        )
        job = session.get_one(RenderJob, waiting.job_id)
        lease_slot(session, job, self.account.id, price, now=now, submit_at=submit_at)
        self.usage.add(self.account.id, self.model, line.campaign_id, line.tenant_id)
        if price is not None:
            self.usage.reserve(line.campaign_id, price.currency, price.max_amount)
            self.usage.caps.reserve(self._wanted(line, price))
        return Admitted(waiting.job_id, waiting.epoch + 1, self.model, submit_at)
