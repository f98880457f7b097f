"""The provider task at which a job is followed: the newest of its tasks."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from models.provider_task import ProviderTask


def newest_task(job_id: UUID | InstrumentedAttribute[UUID]) -> Select[ProviderTask]:
    """The query of a job's newest task; none where nothing was accepted yet.

    Args:
        job_id: The job, or the column of a query around this one.
    """
    return select(ProviderTask).where(ProviderTask.job_id == job_id).order_by(ProviderTask.id.desc()).limit(1)
