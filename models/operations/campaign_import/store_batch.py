"""Storing clips of a campaign in one go: each id once, however often its file is applied.

A clip is a render job with an id in its campaign and a hash of what it sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import Campaign
from models.operations.campaign_import.apply import ImportPlan, StoredClips, apply_import
from models.operations.campaign_import.staging import in_order, stage_clips, variables_of
from reelqueue.campaigns.clips import Clip


def store_clips(session: Session, campaign: Campaign, clips: Sequence[Clip], *, now: datetime) -> StoredClips:
    """Store the clips that are not there yet.

    Args:
        session: In a transaction that holds `lock_clips`; the caller commits, then sends a dispatch hint.
        campaign: Theirs.
        clips: In the file's order, each id once; those that come after others behind them, or after stored ones.
        now: The time.
    """
    import_id = new_id()
    stage_clips(session, import_id, 1, clips)
    stored = apply_import(
        session, ImportPlan(campaign=campaign, import_id=import_id, start_by=campaign.start_by, now=now)
    )
    campaign.variable_names = in_order(campaign.variable_names, variables_of(clips))
    return stored
