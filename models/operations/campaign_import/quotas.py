"""What a tenant has waiting: open imports, what they have staged, and queued jobs."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.clip_import import ClipImport
from models.render_job import RenderJob
from models.text_job import TextJob
from reelqueue.states import RenderState, TextState


def open_imports(session: Session, tenant_id: UUID) -> tuple[int, int]:
    """How many imports of a tenant are neither committed nor dropped, and the bytes that they have staged."""
    totals = select(func.count(), func.coalesce(func.sum(ClipImport.staged_bytes), 0)).where(
        ClipImport.tenant_id == tenant_id, ClipImport.committed_at.is_(None)
    )
    count, staged_bytes = session.execute(totals).one()
    return count, int(staged_bytes)


def queued_jobs(session: Session, tenant_id: UUID) -> int:
    """How many jobs of a tenant wait for their turn, render and text jobs together."""
    renders = (
        select(func.count())
        .select_from(RenderJob)
        .join(Campaign, Campaign.id == RenderJob.campaign_id)
        .where(Campaign.tenant_id == tenant_id, RenderJob.state == RenderState.QUEUED)
    )
    texts = select(func.count()).where(TextJob.tenant_id == tenant_id, TextJob.state == TextState.QUEUED)
    return session.scalars(renders).one() + session.scalars(texts).one()
