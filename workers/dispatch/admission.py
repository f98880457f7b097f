"""Admits jobs to the free slots of one account and model: writes down what the turns of the lane come to.

It runs under the account's lock (dispatchers take turns) and under the locks of the campaigns (nothing is spent, and
no budget set, meanwhile), so what was counted stays true until the commit.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.admission.conditions import Cause
from models.operations.admission.fair_share import CampaignQueue
from models.operations.admission.lanes import Lane, Turn
from models.operations.jobs.request_rows import stored_request
from models.operations.jobs.transitions import move
from models.operations.money.prices import known_prices
from models.operations.money.slot_reservations import lease_slot
from models.render_job import RenderJob
from models.submit_lane import SubmitLane
from models.tenant import Tenant
from reelqueue.pricing import unpriced_warning
from reelqueue.states import RenderState

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
    """Admission to the slots of one lane."""

    lane: Lane

    def admit(self, lines: list[CampaignQueue]) -> list[Admitted]:
        """Fill the free slots from the lines, and take the turns of the lane's pace."""
        row, now = self._row(), self.lane.now
        spacing = timedelta(seconds=1 / (self.lane.limits.submits_per_second * row.pace_factor))
        due = max(now, row.next_submit_at or now)
        admitted: list[Admitted] = []
        for turn in self.lane.turns(lines, self.lane.free):
            if turn.refused is None:
                admitted.append(self._lease(turn, due))
                due += spacing
            else:
                self._refuse(turn)
        if admitted:
            row.next_submit_at = due
            self._note_turns([line for line in lines if line.last_admitted_at == now])
        return admitted

    @property
    def _session(self) -> Session:
        return self.lane.session

    def _row(self) -> SubmitLane:
        key = (self.lane.account.id, self.lane.model)
        row = self._session.get(SubmitLane, key, populate_existing=True)
        if row is None:
            account_id, model = key
            row = SubmitLane(account_id=account_id, model=model, pace_factor=1.0, throttle_count=0)
            self._session.add(row)
        return row

    def _note_turns(self, served: list[CampaignQueue]) -> None:
        """Note which campaigns and tenants got slots, so that their equals come first at the next dispatch."""
        for table, ids in (
            (Campaign, {line.campaign_id for line in served}),
            (Tenant, {line.tenant_id for line in served}),
        ):
            self._session.execute(update(table).where(table.id.in_(ids)).values(last_admitted_at=self.lane.now))

    def _refuse(self, turn: Turn) -> None:
        """Stop what a job's refusal stops beside its line in this lane."""
        campaign = self.lane.usage.campaigns[turn.line.campaign_id]
        if turn.refused is Cause.REPRICED:
            self._stop_repriced(campaign, turn)
        elif turn.refused is Cause.UNPRICED:
            self._stop_unpriced(campaign, turn)
        elif turn.refused is Cause.BUDGET:
            self._stop_exhausted(campaign, turn)
        elif turn.refused is Cause.CAP and turn.offer.cap is not None:
            self.lane.usage.caps.note_short(turn.offer.cap, turn.wanted)

    def _stop_repriced(self, campaign: Campaign, turn: Turn) -> None:
        """Pause a campaign whose job costs more than its owner agreed to, until that is agreed to as well."""
        price, agreed = turn.offer.price, turn.offer.agreed
        if price is None or agreed is None:
            return
        campaign.paused_at = campaign.repriced_at = self.lane.now
        campaign.paused_reason = (
            f"a second of {self.lane.model} costs {price.per_second.normalize():f} {price.currency} now, and cost "
            f"{agreed.per_second.normalize():f} {agreed.currency} when this campaign was agreed to "
            f"({campaign.prices_agreed_at:%Y-%m-%d %H:%M} UTC); look at what the rest costs, and agree to it: "
            f"{shlex.join(['reelqueue', 'campaign', 'approve', campaign.name])}"
        )
        log.warning("campaign.repriced", campaign=str(campaign.id), reason=campaign.paused_reason)

    def _stop_unpriced(self, campaign: Campaign, turn: Turn) -> None:
        """Stop a campaign whose job has no price, and say why: without a reservation nothing is admitted."""
        account, job = self.lane.account, self._session.get_one(RenderJob, turn.waiting.job_id)
        prices = known_prices(self._session, account.id)
        why = unpriced_warning(stored_request(self._session, job), account.region, prices=prices)
        campaign.paused_at = self.lane.now
        campaign.paused_reason = (
            f"render job {job.id} has no price in {campaign.budget_currency} at account {account.name} "
            f"({why}), and this campaign has a budget; cancel that job, take the budget away, or have an operator set "
            f"a price (python -m workers prices set {job.model} ...) and resume"
        )
        log.error("campaign.paused", campaign=str(campaign.id), reason=campaign.paused_reason)

    def _stop_exhausted(self, campaign: Campaign, turn: Turn) -> None:
        """Mark a budget as exhausted, unless something is reserved that may be released unspent."""
        price = turn.offer.price
        if price is None or self.lane.usage.by_campaign[campaign.id]:
            return
        campaign.budget_exhausted_at = self.lane.now
        log.warning("campaign.budget_exhausted", campaign=str(campaign.id), left=str(turn.offer.left),
                    next=str(price.max_amount), currency=price.currency)  # fmt: skip

    def _lease(self, turn: Turn, submit_at: datetime) -> Admitted:
        job_id, epoch, now = turn.waiting.job_id, turn.waiting.epoch + 1, self.lane.now
        move(
            self._session,
            job_id,
            [RenderState.QUEUED],
            RenderState.ADMITTED,
            now=now,
            account_id=self.lane.account.id,
            admitted_at=now,
            epoch_to=epoch,
        )
        job = self._session.get_one(RenderJob, job_id)
        lease_slot(self._session, job, self.lane.account.id, turn.offer.price, now=now, submit_at=submit_at)
        self.lane.usage.caps.note_reserved(turn.wanted)
        return Admitted(job_id, epoch, self.lane.model, submit_at)
