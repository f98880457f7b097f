"""What happens when the provider's numbers move: a new model, fewer slots, a price that rises, a model that ends.

``python -m bench.prices`` plays each with the workers' own steps against the simulator in this process, on virtual
time, and prints what was expected beside what was seen. At the end the ledger is compared with the simulator's bill.
Exit code 1 if anything differs.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import func, select

from embedded.rehearsal.environment import Environment, open_stage
from embedded.rehearsal.virtual_clock import StageClock
from models import Campaign, EntryKind, LedgerEntry, RenderJob, Slot
from models.campaign import ensure_campaign
from models.operations.campaigns.control import approve, resume
from models.operations.campaigns.model_ends import ModelEndsError, check_ends
from models.operations.jobs.enqueue import enqueue_render_job
from models.operations.money.budget import Budget, set_budget
from models.tenant import ensure_tenant
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.requests.parse import parse_request
from reelqueue.states import TERMINAL, RenderState
from simulator.clock import BEIJING
from simulator.store.ledger import summary
from workers.dispatch.read_limits import read_limits
from workers.dispatch.read_models import read_models
from workers.sweep.sweep import sweep

NEW: Final = "acme-video"
MODEL: Final = "wan2.6-t2v"
HOUR: Final = timedelta(hours=1)
_LOOK: Final = timedelta(seconds=60)


@dataclass
class Play:
    """The four cases, on one stage."""

    stage: Environment
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    """Case, expected, seen."""

    def expect(self, case: str, expected: object, seen: object) -> None:
        self.lines.append((case, str(expected), str(seen)))

    def says(self, **settings: Any) -> None:
        """Change what the provider lists."""
        self.stage.simulator.provider.configure({"model_list": settings})

    def run(self, minutes: int, until: UUID | None = None) -> None:
        """Let the workers work, to an end or until a job has ended."""
        stage, look_at = self.stage, self.stage.clock.time
        end = look_at + timedelta(minutes=minutes)
        while stage.clock.time < end:
            next_at = stage.agenda.next_at
            if next_at is not None and next_at < look_at:
                stage.agenda.take()(stage.context)
                continue
            stage.clock.time = max(stage.clock.time, look_at)
            sweep(stage.context)
            if until is not None and self.job(until).state in TERMINAL:
                return
            look_at += _LOOK

    def queue(self, campaign: str, model: str = MODEL, **more: Any) -> UUID:
        """A job of five seconds at 720P."""
        options = {"model": model, "prompt": f"{campaign} {self.stage.clock.seconds()}", "resolution": "720P"}
        request = parse_request(options | {"duration": 5} | more)
        with self.stage.context.sessions.begin() as session:
            tenant_id = ensure_tenant(session)
            campaign_id = ensure_campaign(session, tenant_id, campaign)
            owned = {"tenant_id": tenant_id, "campaign_id": campaign_id}
            return enqueue_render_job(session, request, now=self.stage.clock.now(), **owned).job_id

    def job(self, job_id: UUID) -> RenderJob:
        with self.stage.context.sessions() as session:
            return session.get_one(RenderJob, job_id)

    @contextmanager
    def campaign(self, name: str) -> Iterator[Campaign]:
        with self.stage.context.sessions.begin() as session:
            yield session.scalars(select(Campaign).where(Campaign.name == name)).one()

    def money(self, job_id: UUID, kind: EntryKind) -> str:
        with self.stage.context.sessions() as session:
            mine = select(LedgerEntry.amount).where(LedgerEntry.job_id == job_id, LedgerEntry.kind == kind)
            amount = session.scalars(mine.order_by(LedgerEntry.id.desc()).limit(1)).one_or_none()
        return "none" if amount is None else f"{amount.normalize():f}"


def new_model(play: Play) -> None:
    """A model that the release does not know gets a price from the list, and a budget pays for it."""
    case = "new model"
    play.stage.simulator.provider.configure({"extra_models": [NEW]})
    job_id = play.queue("new", NEW)
    with play.stage.context.sessions.begin() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.name == "new")).one()
        set_budget(session, campaign.id, Budget(Decimal(5), "USD"))
    play.run(2)
    with play.campaign("new") as campaign:
        play.expect(case, "paused: no price is known", f"paused: {'no price is known' * bool(campaign.paused_reason)}")
    play.says(prices={NEW: {"video_ratio_720p": "0.4"}})
    read_models(play.stage.context, is_forced=True)
    with play.campaign("new") as campaign:
        resume(campaign, now=play.stage.clock.now())
    play.run(60, job_id)
    play.expect(case, "succeeded, 2 reserved, 2 settled", _ended(play, job_id))


def lowered_slots(play: Play) -> None:
    """Fewer slots are kept as soon as they are read."""
    case = "lowered slots"
    play.stage.simulator.provider.configure({"limits": {"slots_by_model": {MODEL: 1}}})
    read_limits(play.stage.context)
    for number in range(8):
        play.queue("slots", seed=number)
    play.run(2)
    with play.stage.context.sessions() as session:
        held = session.scalars(select(func.count()).select_from(Slot).where(Slot.model == MODEL)).one()
    play.expect(case, "3 held: 1 and the look-ahead of 2", f"{held} held: 1 and the look-ahead of 2")
    play.stage.simulator.provider.configure({"limits": {"slots_by_model": {}}})
    for _ in range(2):
        play.stage.clock.pass_seconds(HOUR.total_seconds() / 2)
        read_limits(play.stage.context)
    play.run(60)


def risen_price(play: Play) -> None:
    """What runs keeps its price, what waits waits for an agreement."""
    case = "risen price"
    running = play.queue("running")
    play.run(1)
    waiting = play.queue("agreed", start_by=None)
    with play.campaign("agreed") as campaign:
        campaign.prices_agreed_at = play.stage.clock.now()
    play.says(prices={MODEL: {"video_ratio_720p": "0.14", "video_ratio_1080p": "0.2"}})
    read_models(play.stage.context, is_forced=True)
    play.run(60, running)
    play.expect(case, "succeeded, 0.5 reserved, 0.5 settled", _ended(play, running))
    play.expect(case, "queued", play.job(waiting).state)
    with play.campaign("agreed") as campaign:
        command = "reelqueue campaign approve agreed"
        play.expect(case, f"paused: {command}", f"paused: {command * (command in (campaign.paused_reason or ''))}")
        approve(campaign, now=play.stage.clock.now())
    play.run(60, waiting)
    play.expect(case, "succeeded, 0.7 reserved, 0.7 settled", _ended(play, waiting))


def passed_end(play: Play) -> None:
    """A campaign that would pass an end is refused, and what waits for a model that is gone fails unsent."""
    case = "passed end"
    ends_at = play.stage.clock.now() + HOUR
    play.says(ends={MODEL: f"{ends_at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"})
    read_models(play.stage.context, is_forced=True)
    job_id = play.queue("late", seed=99)
    with play.campaign("late") as campaign:
        campaign.run_at = ends_at + HOUR
    seen = "accepted"
    with play.stage.context.sessions() as session:
        try:
            check_ends(session, session.scalars(select(Campaign).where(Campaign.name == "late")).one(),
                       now=play.stage.clock.now())  # fmt: skip
        except ModelEndsError as error:
            seen = f"refused: {'use wan2.7-t2v' if 'use wan2.7-t2v' in str(error) else error}"
    play.expect(case, "refused: use wan2.7-t2v", seen)
    play.says(gone=[MODEL])
    for _ in range(2):
        play.stage.clock.pass_seconds(HOUR.total_seconds())
        read_models(play.stage.context, is_forced=True)
    before = play.stage.simulator.provider.store.requests.count().get("submit", 0)
    play.run(60, job_id)
    sent = play.stage.simulator.provider.store.requests.count().get("submit", 0) - before
    job = play.job(job_id)
    play.expect(case, "failed: model_ended, 0 sent", f"{job.state}: {job.failure_code}, {sent} sent")


def bill(play: Play) -> None:
    """The ledger and the simulator's bill are the same sum."""
    with play.stage.context.sessions() as session:
        settled = select(func.sum(LedgerEntry.amount)).where(LedgerEntry.kind == EntryKind.SETTLE)
        ours = session.scalars(settled).one() or Decimal(0)
        above = session.scalars(select(func.count()).where(RenderJob.state == RenderState.NEEDS_REVIEW)).one()
    charges = play.stage.simulator.provider.store.ledger.charges()
    theirs = sum((Decimal(charge.amount) for charge in charges if charge.amount), Decimal(0))
    assert summary(charges)
    play.expect("the bill", f"{theirs.normalize():f} USD, 0 unclear", f"{ours.normalize():f} USD, {above} unclear")


def _ended(play: Play, job_id: UUID) -> str:
    reserved, settled = (play.money(job_id, kind) for kind in (EntryKind.RESERVE, EntryKind.SETTLE))
    return f"{play.job(job_id).state}, {reserved} reserved, {settled} settled"


def main() -> int:
    """Play it and print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    clock = StageClock(datetime.now(UTC))
    with (
        tempfile.TemporaryDirectory() as name,
        open_stage(Path(name), clock, region=SINGAPORE, has_chains=False) as stage,
    ):
        play = Play(stage)
        for case in (new_model, lowered_slots, risen_price, passed_end, bill):
            case(play)
    for case_name, expected, seen in play.lines:
        print(f"{'ok    ' if expected == seen else 'DIFFERS'}  {case_name:14}  {expected}"
              + ("" if expected == seen else f"  but: {seen}"))  # fmt: skip
    return 0 if all(expected == seen for _, expected, seen in play.lines) else 1


if __name__ == "__main__":
    sys.exit(main())
