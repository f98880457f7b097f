"""Fetches the results of tasks that jobs under review may have made: kept first, assigned to a job later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import and_, delete, select, update

from models.account import Account
from models.found_task import FoundTask
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.storage import StorageError, file_system_error
from reelqueue.backoff import Backoff
from reelqueue.states import RenderState
from workers.archive.download import Download, DownloadError, fetch
from workers.archive.retry import LONGEST_RETRY_SECONDS
from workers.dashscope.limits import RESULT_LIFE
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_FOLDER: Final = "under-review"


@dataclass(frozen=True)
class _Due:
    """A result that this worker alone fetches."""

    id: UUID
    task_id: str
    result_url: str
    base_url: str
    key: str
    number: int
    """Of the try, from 1."""
    expires_at: datetime


def keep_found_file(context: Context, found_task_id: UUID) -> str:
    """Fetch the result of a task under review into the archive.

    Args:
        context: The worker's.
        found_task_id: Our row of the noted task.

    Returns:
        What became of it, in a few words for people.
    """
    due = _claim(context, found_task_id)
    if due is None:
        return "not due: nothing done"
    try:
        size_bytes = _keep(context, due)
    except (DownloadError, StorageError) as error:
        return _retry(context, due, str(error))
    except OSError as error:
        return _retry(context, due, str(file_system_error(error, context.archive.place)))
    log.info("found_task.archived", provider_task_id=due.task_id, path=due.key, bytes=size_bytes)
    return f"kept {due.key}"


def copy_found_file(context: Context, task: ProviderTask, path: Path, renew: Callable[[], None]) -> Download | None:
    """Copy the kept file of a task that was under review; None if there is none, and it is to be fetched.

    Args:
        context: The worker's.
        task: The task.
        path: Overwritten.
        renew: Called with every piece.

    Raises:
        StorageError: The archive did not give it.
    """
    kept = select(FoundTask.path, FoundTask.sha256).where(
        FoundTask.account_id == task.account_id,
        FoundTask.provider_task_id == task.provider_task_id,
        FoundTask.path.is_not(None),
    )
    with context.sessions() as session:
        found = session.execute(kept).one_or_none()
    if found is None:
        return None
    try:
        with path.open("wb") as file:
            for piece in context.archive.open(found.path):
                file.write(piece)
                renew()
    except FileNotFoundError:
        return None
    copied = Download.of(path)
    return copied if copied.sha256 == found.sha256 else None


def forget_delivered(context: Context, *, limit: int) -> int:
    """Remove what was kept of tasks whose job has its video by now.

    Args:
        context: The worker's.
        limit: Most at a time.

    Returns:
        How many were removed.
    """
    delivered = (
        select(FoundTask.id, FoundTask.path)
        .join(
            ProviderTask,
            and_(
                ProviderTask.account_id == FoundTask.account_id,
                ProviderTask.provider_task_id == FoundTask.provider_task_id,
            ),
        )
        .join(RenderJob, RenderJob.id == ProviderTask.job_id)
        .where(RenderJob.state == RenderState.SUCCEEDED)
        .limit(limit)
    )
    with context.sessions() as session:
        found = session.execute(delivered).all()
    removed = 0
    for found_task_id, path in found:
        try:
            if path is not None:
                context.archive.remove(path)
        except StorageError as error:
            log.warning("found_task.not_removed", path=path, reason=str(error))
            continue
        with context.sessions.begin() as session:
            session.execute(delete(FoundTask).where(FoundTask.id == found_task_id))
        removed += 1
    return removed


def _claim(context: Context, found_task_id: UUID) -> _Due | None:
    lease = timedelta(seconds=context.settings.archive.download.timeout_seconds)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        row = session.scalars(
            update(FoundTask)
            .where(FoundTask.id == found_task_id, FoundTask.next_fetch_at <= now)
            .values(next_fetch_at=now + lease, fetch_count=FoundTask.fetch_count + 1)
            .returning(FoundTask)
        ).one_or_none()
        if row is None or row.result_url is None:
            return None
        account = session.get_one(Account, row.account_id)
        return _Due(
            id=row.id,
            task_id=row.provider_task_id,
            result_url=row.result_url,
            base_url=row.base_url,
            key=f"{_FOLDER}/{account.name}/{row.provider_task_id}.mp4",
            number=row.fetch_count,
            expires_at=row.asked_at + RESULT_LIFE,  # whatever end it claims, by a clock that may be wrong
        )


def _keep(context: Context, due: _Due) -> int:
    limits, provider = context.settings.archive, context.settings.provider
    context.archive.discard_incoming(str(due.id))
    with context.archive.incoming(".mp4", owner=str(due.id)) as path:
        video = fetch(
            due.result_url,
            path,
            limits=limits.download,
            plain_host=provider.plain_host(due.base_url),
            own_networks=provider.networks,
            run=context.host.run,
            transport=limits.http_transport() if limits.http_transport else None,
        )
        context.archive.keep(path, due.key, sha256=video.sha256)
    with context.sessions.begin() as session:
        kept = {"path": due.key, "size_bytes": video.size_bytes, "sha256": video.sha256, "next_fetch_at": None}
        session.execute(update(FoundTask).where(FoundTask.id == due.id).values(**kept))
    return video.size_bytes


def _retry(context: Context, due: _Due, reason: str) -> str:
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        backoff = Backoff(context.settings.archive.retry_seconds, LONGEST_RETRY_SECONDS)
        again_at = now + timedelta(seconds=backoff.delay(due.number)) if now < due.expires_at else None
        session.execute(update(FoundTask).where(FoundTask.id == due.id).values(next_fetch_at=again_at))
    log.warning("found_task.not_archived", provider_task_id=due.task_id, fetch=due.number, reason=reason)
    return f"not kept: {reason}"
