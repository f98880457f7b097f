"""Archive: fetch a rendered video before its URL expires; a result not fetched is money burnt.

The file is streamed to the archive's own file system, measured, given a poster, and appears under
its name at once and whole. What goes wrong is tried again, after asking the task for its URL anew;
a result is never rendered again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.asset import Asset, AssetKind
from models.base import new_id
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.storage import StorageError
from models.transitions import move, record
from reelqueue.errors import ConfigurationError
from reelqueue.states import FailureClass, RenderState
from workers.dashscope import ProviderError
from workers.download import Download, DownloadError, fetch
from workers.failpoints import Failpoint, failpoint
from workers.notify import hint_webhooks
from workers.outcomes import RESULT_LIFE
from workers.probe import Probe, UnplayableError, probe_video, write_last_frame
from workers.quarantine import is_not_beside_another, leased, note_death, patience, set_aside
from workers.services import Services

log = structlog.get_logger(__name__)

LONGEST_RETRY: Final = timedelta(minutes=10)
_FETCHING: Final = "fetching the result"


@dataclass(frozen=True)
class Fetch:
    """A result that this worker alone fetches."""

    job_id: UUID
    epoch: int
    number: int
    state: RenderState
    account: Account
    task: ProviderTask
    lease: timedelta

    def key(self, suffix: str) -> str:
        """The file's place in the archive: by day of the submit, then by job."""
        return f"{self.task.submitted_at:%Y/%m/%d}/{self.job_id}{suffix}"


def archive_render_job(services: Services, job_id: UUID) -> str:
    """Fetch a job's result into the archive.

    Returns:
        What became of it, in a few words for people.
    """
    claim = _claim(services, job_id)
    if claim is None:
        return "no result is due: nothing done"
    try:
        size_bytes = _fetch(services, claim)
    except (DownloadError, UnplayableError, StorageError, OSError) as error:  # OSError: the disk is full, or not ours
        return _retry_or_end(services, claim, str(error))
    return f"archived {size_bytes} bytes"


def _claim(services: Services, job_id: UUID) -> Fetch | None:
    lease = timedelta(seconds=services.settings.archive.lease_seconds)
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        job = session.scalars(
            update(RenderJob)
            .where(
                RenderJob.id == job_id,
                RenderJob.next_archive_at <= now,
                or_(RenderJob.lease_until.is_(None), RenderJob.lease_until <= now),
                is_not_beside_another(now),
            )
            .values(
                epoch=RenderJob.epoch + 1,
                next_archive_at=leased(now, lease)["lease_until"],
                archive_count=RenderJob.archive_count + 1,
                **leased(now, lease),
            )
            .returning(RenderJob)
        ).one_or_none()
        if job is None or _is_set_aside(session, job, services.settings.celery.death_limit, now):
            return None
        task = session.scalars(
            select(ProviderTask).where(ProviderTask.job_id == job_id).order_by(ProviderTask.id.desc()).limit(1)
        ).one()
        account = session.get_one(Account, task.account_id)
        return Fetch(job_id, job.epoch, job.archive_count, job.state, account, task, patience(lease, job.death_count))


def _is_set_aside(session: Session, job: RenderJob, limit: int, now: datetime) -> bool:
    """Note that the last fetch ended its worker, and whether that was once too often."""
    if job.death_count:
        note_death(session, job.id, job.death_count, during=_FETCHING, now=now)
    if job.death_count < limit:
        return False
    set_aside(session, job.id, job.death_count, during=_FETCHING, now=now)
    return True


class _Heart:
    """Renews a fetch's lease while its download goes on, so that a dead worker's is taken over soon."""

    def __init__(self, services: Services, claim: Fetch) -> None:
        self._services = services
        self._claim = claim
        self._lease = claim.lease
        self._renewed = services.host.seconds()

    def beat(self) -> None:
        """Renew the lease, if a third of it has gone by."""
        failpoint(Failpoint.DOWNLOADING)
        if self._services.host.seconds() - self._renewed < self._lease.total_seconds() / 3:
            return
        self._renewed = self._services.host.seconds()
        with self._services.sessions.begin() as session:
            until = self._services.clock.now(session) + self._lease
            mine = update(RenderJob).where(RenderJob.id == self._claim.job_id, RenderJob.epoch == self._claim.epoch)
            session.execute(mine.values(lease_until=until, next_archive_at=until))


def _fetch(services: Services, claim: Fetch) -> int:
    """Download, measure and keep the files, then move the job."""
    limits = services.settings.archive
    owner, archive = str(claim.job_id), services.archive
    archive.discard_incoming(owner)
    beat = _Heart(services, claim).beat
    with (
        archive.incoming(".mp4", owner=owner) as video,
        archive.incoming(".jpg", owner=owner) as poster,
        archive.incoming(".png", owner=owner) as last,
    ):
        got = fetch(
            claim.task.result_url or "",
            video,
            limits=limits.download,
            plain_host=services.settings.provider.plain_host(claim.task.base_url),
            beat=beat,
            run=services.host.run,
            transport=limits.http_transport() if limits.http_transport else None,
        )
        probe = probe_video(video, poster)
        write_last_frame(video, last)
        pictures = Download.of(poster), Download.of(last)
        failpoint(Failpoint.DOWNLOADED, claim.job_id)
        archive.keep(video, claim.key(".mp4"), sha256=got.sha256, beat=beat)
        archive.keep(poster, claim.key(".jpg"), sha256=pictures[0].sha256, beat=beat)
        archive.keep(last, claim.key(".last.png"), sha256=pictures[1].sha256, beat=beat)
    failpoint(Failpoint.KEPT)
    _finish(services, claim, got, probe, *pictures)
    failpoint(Failpoint.ARCHIVED)
    hint_webhooks(services, claim.job_id)
    return got.size_bytes


def _finish(services: Services, claim: Fetch, video: Download, probe: Probe, poster: Download, last: Download) -> None:
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        late = claim.state is RenderState.TIMED_OUT
        moved = move(
            session,
            claim.job_id,
            [claim.state],
            RenderState.SUCCEEDED,
            now=now,
            epoch=claim.epoch,
            detail={"bytes": video.size_bytes, "collected_late": late},
            collected_late=late,
            next_archive_at=None,
            lease_until=None,
            death_count=0,
            failure_class=None,
            failure_code=None,
            failure_message=None,
        )
        if moved is None:
            return  # the lease ran out and another worker has fetched the same file under the same name
        _store(session, claim, AssetKind.VIDEO, ".mp4", video, now, content_type="video/mp4", **_measured(probe))
        _store(session, claim, AssetKind.POSTER, ".jpg", poster, now, content_type="image/jpeg")
        _store(session, claim, AssetKind.LAST_FRAME, ".last.png", last, now, content_type="image/png")
    log.info("render_job.archived", job_id=str(claim.job_id), bytes=video.size_bytes, collected_late=late)


def _measured(probe: Probe) -> dict[str, Any]:
    return {
        "width_px": probe.width_px,
        "height_px": probe.height_px,
        "duration_seconds": probe.duration_seconds,
        "has_audio": probe.has_audio,
        "video_codec": probe.video_codec,
    }


def _store(
    session: Session, claim: Fetch, kind: AssetKind, suffix: str, file: Download, now: datetime, **values: Any
) -> None:
    session.execute(
        insert(Asset).values(
            id=new_id(),
            job_id=claim.job_id,
            kind=kind,
            path=claim.key(suffix),
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            created_at=now,
            **values,
        )
    )


def _retry_or_end(services: Services, claim: Fetch, reason: str) -> str:
    """Ask the task for its URL again and try later, until the result has expired."""
    fresh_url = services.host.run(_ask_again(services, claim))
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        expires_at = claim.task.result_expires_at or claim.task.submitted_at + RESULT_LIFE
        delay = min(
            timedelta(seconds=services.settings.archive.retry_seconds) * 2 ** min(claim.number - 1, 12), LONGEST_RETRY
        )
        if fresh_url and fresh_url != claim.task.result_url:
            session.execute(update(ProviderTask).where(ProviderTask.id == claim.task.id).values(result_url=fresh_url))
        record(session, claim.job_id, "fetch_failed", now=now, detail={"fetch": claim.number, "reason": reason})
        if now < expires_at:
            _retry(session, claim, min(now + delay, expires_at))
        else:
            _end(session, claim, reason, now)
    log.warning("render_job.fetch_failed", job_id=str(claim.job_id), fetch=claim.number, reason=reason)
    return f"not fetched: {reason}"


async def _ask_again(services: Services, claim: Fetch) -> str | None:
    try:
        async with services.provider(claim.account, base_url=claim.task.base_url) as provider:
            return (await provider.get(claim.task.provider_task_id)).result_url
    except (ProviderError, ConfigurationError):
        return None  # the old URL is tried again


def _retry(session: Session, claim: Fetch, at: datetime) -> None:
    mine = update(RenderJob).where(RenderJob.id == claim.job_id, RenderJob.epoch == claim.epoch)
    session.execute(mine.values(next_archive_at=at, lease_until=None, death_count=0))


def _end(session: Session, claim: Fetch, reason: str, now: datetime) -> None:
    message = (
        f"rendered and billed, but its result could not be fetched in {claim.number} tries before it expired: {reason}"
    )
    values: dict[str, Any] = {
        "next_archive_at": None,
        "lease_until": None,
        "death_count": 0,
        "failure_class": FailureClass.RESULT,
        "failure_message": message,
    }
    if claim.state is RenderState.ARCHIVING:
        move(session, claim.job_id, [claim.state], RenderState.FAILED, now=now, epoch=claim.epoch, **values)
        return
    mine = update(RenderJob).where(RenderJob.id == claim.job_id, RenderJob.epoch == claim.epoch)
    session.execute(mine.values(**values))
