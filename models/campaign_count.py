"""How many clips of a campaign are in which state, kept by triggers, so that no status counts a million rows.

Each insert, move and delete of render jobs appends what it changes, by whichever code: no two writers wait for one row.
The counts are the sums; `models/operations/campaigns/counts.py` reads them, and folds the rows of each sum into one.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from reelqueue.states import FailureClass, RenderState


class CampaignCount(Base):
    """So many jobs more, or fewer, that no other job stands for.

    No foreign key: checked at each move, it would have all workers lock the one row of their campaign.
    """

    __tablename__ = "campaign_counts"
    __table_args__ = (
        Index("ix_campaign_counts_campaign_id", "campaign_id"),
        Index("ix_campaign_counts_unfolded", "id", postgresql_where=text("NOT is_folded")),
        {"comment": "Changes of the numbers of jobs by campaign, state and failure; their sums are the numbers"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="In order of writing")
    campaign_id: Mapped[UUID] = mapped_column(comment="Whose jobs")
    state: Mapped[RenderState] = mapped_column(comment="Their state")
    failure_class: Mapped[FailureClass | None] = mapped_column(comment="As the jobs have it")
    failure_code: Mapped[str | None] = mapped_column(comment="As the jobs have it")
    count: Mapped[int] = mapped_column(BigInteger, comment="How many more; below 0: fewer")
    is_folded: Mapped[bool] = mapped_column(
        server_default=false(), comment="Whether it is the sum of earlier rows, and no single change"
    )
