"""A campaign from its first clip to its last: every step in the order of virtual time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from embedded.rehearsal.clip_selection import ClipSelection
from embedded.rehearsal.environment import Environment
from models.campaign import Campaign
from models.operations.campaign_import.store_batch import store_clips
from models.operations.campaigns.control import approve, set_options
from models.operations.campaigns.current_clips import lock_clips
from models.operations.campaigns.status import campaign_view
from models.slot import Slot
from models.tenant import ensure_tenant
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.schemas.campaigns import Phase
from workers.sweep.sweep import sweep

_LOOK: Final = timedelta(seconds=60)
"""Between two looks at the whole, each with a sweep: the agenda loses nothing, so few are enough."""
_BATCH: Final = 1_000
_STOPPED: Final = frozenset({Phase.PAUSED, Phase.OUT_OF_BUDGET})
_ENDED: Final = frozenset({Phase.FINISHED, Phase.CANCELLED})


@dataclass
class Simulation:
    """One campaign on a stage."""

    stage: Environment
    script: ClipSelection
    wall_limit_seconds: float
    on_progress: Callable[[CampaignView], None] = lambda _: None
    notes: list[str] = field(default_factory=list)
    """What was done in a person's place."""

    def run(self) -> CampaignView:
        """Submit the clips, and run until nothing more happens; gives the campaign's final state."""
        give_up_at = time.monotonic() + self.wall_limit_seconds
        campaign_id = self._hand_in()
        self.stage.agenda.dispatch()
        look_at = self.stage.clock.time
        while True:
            next_at = self.stage.agenda.next_at
            if next_at is not None and next_at < look_at:
                self.stage.agenda.take()(self.stage.context)
                continue
            self.stage.clock.time = max(self.stage.clock.time, look_at)
            sweep(self.stage.context)
            view, is_over = self._look(campaign_id)
            self.on_progress(view)
            if is_over:
                return view
            if time.monotonic() > give_up_at:
                self.notes.append(
                    f"given up after {self.wall_limit_seconds:g} s here; the numbers are of what was played"
                )
                return view
            look_at = self.stage.clock.time + _LOOK

    def _hand_in(self) -> UUID:
        now = self.stage.clock.time
        with self.stage.context.sessions.begin() as session:
            campaign = set_options(session, ensure_tenant(session), self.script.options, file_name=None)
        for start in range(0, len(self.script.clips), _BATCH):
            with self.stage.context.sessions.begin() as session:
                lock_clips(session, campaign.id)
                mine = session.get_one(Campaign, campaign.id)
                store_clips(session, mine, self.script.clips[start : start + _BATCH], now=now)
        return campaign.id

    def _look(self, campaign_id: UUID) -> tuple[CampaignView, bool]:
        """The campaign's state, and whether it continues by itself; the canary is approved."""
        with self.stage.context.sessions.begin() as session:
            campaign = session.get_one(Campaign, campaign_id)
            view = campaign_view(session, campaign, now=self.stage.clock.time)
            if view.phase is Phase.AWAITING_APPROVAL:
                approve(campaign, now=self.stage.clock.time)
                after = timedelta(seconds=round(self.stage.clock.seconds()))
                self.notes.append(f"after {after} it would wait until the canary is approved; it was, at once")
            is_over = view.phase in _ENDED or (view.phase in _STOPPED and not _renders(session))
        return view, is_over


def _renders(session: Session) -> bool:
    return session.scalars(select(Slot.job_id).limit(1)).first() is not None
