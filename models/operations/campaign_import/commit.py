"""An import from its first batch to its commit."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import Campaign, ensure_campaign
from models.clip_import import ClipImport
from models.operations.campaign_import.apply import ImportPlan, StoredClips, apply_import
from models.operations.campaign_import.renew_contents import renew_contents
from models.operations.campaign_import.staging import in_order, staged_count
from models.operations.campaigns.control import set_options
from models.operations.campaigns.current_clips import lock_clips
from models.operations.campaigns.model_ends import check_ends
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.campaigns import CsvStyle


class IncompleteImportError(ReelqueueError):
    """Not every clip of an import has arrived."""

    def __init__(self, import_id: UUID, staged: int, clips: int) -> None:
        super().__init__(import_id, staged, clips)
        self.import_id = import_id
        self.staged = staged
        self.clips = clips

    def __str__(self) -> str:
        return (
            f"import {self.import_id} has {self.staged} clips and not the {self.clips} that were sent: batches were "
            "left out, or the database has restarted; import the file again"
        )


def begin_import(
    session: Session,
    tenant_id: UUID,
    name: str,
    options: CampaignOptions | None,
    *,
    file_name: str | None,
    now: datetime,
) -> ClipImport:
    """An import without clips.

    Args:
        session: In a transaction; the caller commits.
        tenant_id: Its owner.
        name: Of a campaign that may not be there yet.
        options: How that is run from the commit on; None: as before, or without limits.
        file_name: What it is read from, for people.
        now: The time.
    """
    if (campaign := find_campaign(session, tenant_id, name)) is not None:
        renew_contents(session, campaign.id)
    told = options and options.model_dump(mode="json", exclude_none=True)
    begun = ClipImport(
        id=new_id(), tenant_id=tenant_id, campaign_name=name, options=told, file_name=file_name, created_at=now
    )
    session.add(begun)
    session.flush()
    return begun


def options_of_import(begun: ClipImport) -> CampaignOptions | None:
    """How its campaign is to be run; None: as before."""
    return CampaignOptions.model_validate(begun.options) if begun.options is not None else None


def find_campaign(session: Session, tenant_id: UUID, name: str) -> Campaign | None:
    """A tenant's campaign of that name."""
    return session.scalars(select(Campaign).where(Campaign.tenant_id == tenant_id, Campaign.name == name)).one_or_none()


def commit_import(
    session: Session, begun: ClipImport, *, clips: int, csv_style: CsvStyle | None = None, now: datetime
) -> dict[str, Any]:
    """Put an import in force: its clips and its campaign's options, or nothing.

    Args:
        session: In a transaction that has locked the import; the caller commits, then sends a dispatch hint.
        begun: The import.
        clips: How many its sender has sent.
        csv_style: How its file is written, which exports follow; None: as before.
        now: The time.

    Returns:
        `StoredClips` as a mapping.

    Raises:
        IncompleteImportError: There are not so many.
        BudgetBelowCommitmentsError: More than the new budget is spent and reserved already.
        ModelEndsError: The provider takes a model away before its clips can be rendered.
        DuplicateClipError, StaleImportError: As `apply_import` has them.
    """
    if begun.committed_at is not None:
        return begun.outcome or asdict(StoredClips())
    if (staged := staged_count(session, begun.id)) != clips:
        raise IncompleteImportError(begun.id, staged, clips)
    options = options_of_import(begun)
    if options is None and find_campaign(session, begun.tenant_id, begun.campaign_name) is None:
        options = CampaignOptions(name=begun.campaign_name)
    campaign = session.get_one(Campaign, ensure_campaign(session, begun.tenant_id, begun.campaign_name))
    lock_clips(session, campaign.id)
    start_by = options.start_by if options else campaign.start_by
    stored = apply_import(session, ImportPlan(campaign=campaign, import_id=begun.id, start_by=start_by, now=now))
    if options is not None:  # after the jobs: the campaign's row is locked last by everybody
        set_options(session, begun.tenant_id, options, file_name=begun.file_name)
    elif begun.file_name is not None:
        campaign.file_name = begun.file_name
    # Later files do not agree for the clips of earlier ones: `approve` does.
    campaign.prices_agreed_at = campaign.prices_agreed_at or now
    check_ends(session, campaign, now=now)
    campaign.variable_names = in_order(begun.variable_names, campaign.variable_names)
    if csv_style is not None:
        campaign.csv_style = csv_style.model_dump(mode="json")
    begun.committed_at, begun.outcome = now, asdict(stored)
    session.flush()
    return begun.outcome
