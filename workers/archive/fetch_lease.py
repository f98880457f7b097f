"""Selects the result to fetch next, the one that expires first, and leases it to one worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.jobs.newest_task import newest_task
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.tenant import Tenant
from reelqueue.campaigns.output_paths import safe_component
from reelqueue.states import RenderState
from workers.dashscope.limits import RESULT_LIFE
from workers.failpoints import Failpoint, failpoint
from workers.quarantine.poison_detection import (
    is_not_beside_another,
    lease_for,
    leased,
    quarantine_job,
    record_worker_death,
)
from workers.runtime.context import Context

_FETCHING: Final = "fetching the result"


@dataclass(frozen=True)
class Fetch:
    """A result that this worker alone fetches."""

    job_id: UUID
    epoch: int
    number: int
    """Of the try, from 1."""
    state: RenderState
    account: Account
    task: ProviderTask
    lease: timedelta
    stem: str
    """The files' place in the archive, without their endings."""

    @property
    def expires_at(self) -> datetime:
        """After this the result is gone."""
        return self.task.result_expires_at or self.task.submitted_at + RESULT_LIFE

    def key(self, suffix: str) -> str:
        """The place of one of the files."""
        return f"{self.stem}{suffix}"


def expiry() -> ColumnElement[datetime]:
    """When a job's result expires: a column for queries of jobs."""
    known = func.coalesce(ProviderTask.result_expires_at, ProviderTask.submitted_at + RESULT_LIFE)
    return newest_task(RenderJob.id).with_only_columns(known).correlate(RenderJob).scalar_subquery()


def is_due(now: datetime) -> ColumnElement[bool]:
    """Whether a job's result waits, and no worker has leased it."""
    is_free = or_(RenderJob.lease_until.is_(None), RenderJob.lease_until <= now)
    return (RenderJob.next_archive_at <= now) & is_free


def claim_fetch(context: Context, job_id: UUID) -> Fetch | None:
    """Take the result that expires first, of all that are due.

    A message names a job, and says that something is due: after hours without an archive thousands of them wait in
    the queue, in the order of their sending.

    Args:
        context: The worker's.
        job_id: The job that the message names; it goes first among equals.
    """
    lease = timedelta(seconds=context.settings.archive.lease_seconds)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        first = (
            select(RenderJob.id)
            .where(is_due(now), is_not_beside_another(now))
            .order_by(expiry(), RenderJob.id != job_id, RenderJob.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        job = session.scalars(
            update(RenderJob)
            .where(RenderJob.id == first.scalar_subquery())
            .values(
                epoch=RenderJob.epoch + 1,
                next_archive_at=leased(now, lease)["lease_until"],
                archive_count=RenderJob.archive_count + 1,
                **leased(now, lease),
            )
            .returning(RenderJob)
        ).one_or_none()
        if job is None or _is_set_aside(session, job, context.settings.celery.death_limit, now):
            return None
        return _fetch(session, job, lease)


def _fetch(session: Session, job: RenderJob, lease: timedelta) -> Fetch:
    task = session.scalars(newest_task(job.id)).one()
    return Fetch(
        job_id=job.id,
        epoch=job.epoch,
        number=job.archive_count,
        state=job.state,
        account=session.get_one(Account, task.account_id),
        task=task,
        lease=lease_for(lease, job.death_count),
        stem=_stem(job, task, session.get_one(Tenant, job.tenant_id).name),
    )


def _stem(job: RenderJob, task: ProviderTask, tenant: str) -> str:
    """The path of a clip's files without the suffix: by the campaign's pattern, or by day.

    The end of the job's id stands in every name: a row that is rendered again never takes the place of a clip that was
    paid for, and neither does another campaign's clip of the same name.
    """
    if job.output_path is None:
        return f"{task.submitted_at:%Y/%m/%d}/{job.id}"
    return f"{safe_component(tenant)}/{PurePosixPath(job.output_path).with_suffix('')}~{job.id.hex[-12:]}"


def _is_set_aside(session: Session, job: RenderJob, limit: int, now: datetime) -> bool:
    """Note that the last fetch ended its worker, and whether that was once too often."""
    if job.death_count:
        record_worker_death(session, job.id, job.death_count, during=_FETCHING, now=now)
    if job.death_count < limit:
        return False
    quarantine_job(session, job.id, job.death_count, during=_FETCHING, now=now, keeps_poll=True)
    return True


class LeaseRenewal:
    """Renews a fetch's lease while its download goes on, so that a dead worker's is taken over soon."""

    def __init__(self, context: Context, claim: Fetch) -> None:
        self._context = context
        self._claim = claim
        self._lease = claim.lease
        self._renewed = context.host.seconds()

    def renew(self) -> None:
        """Renew the lease if a third of it has passed."""
        failpoint(Failpoint.DOWNLOADING)
        if self._context.host.seconds() - self._renewed < self._lease.total_seconds() / 3:
            return
        self._renewed = self._context.host.seconds()
        with self._context.sessions.begin() as session:
            until = self._context.clock.now(session) + self._lease
            mine = update(RenderJob).where(RenderJob.id == self._claim.job_id, RenderJob.epoch == self._claim.epoch)
            session.execute(mine.values(lease_until=until, next_archive_at=until))
