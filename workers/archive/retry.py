"""Retries results that were not archived, until they expire.

========================  =======================================================  ==============================
went wrong                then                                                     it is told as
========================  =======================================================  ==============================
the result's server       the task is asked for its URL again, and tried later     ``render_job.fetch_failed``
the archive, for a while  tried later                                              ``render_job.keep_failed``
the archive, for good     tried later: a person may mend it before the result is   ``render_job.keep_refused``,
                          gone                                                     at level error
========================  =======================================================  ==============================

A job ends only when its result is gone at the provider; it is never rendered again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.job_event import STORE_FAILED
from models.operations.jobs.transitions import move, record
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.storage import StorageError, StorageRefusedError
from reelqueue.backoff import Backoff
from reelqueue.errors import ConfigurationError
from reelqueue.states import FailureClass, RenderState
from workers.archive.fetch_lease import Fetch
from workers.dashscope import ProviderError
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

LONGEST_RETRY_SECONDS: Final = 600.0


def retry_fetch(context: Context, claim: Fetch, reason: str) -> str:
    """Retry a failed fetch later, with a new URL from the task.

    Returns:
        What became of it, in a few words for people.
    """
    fresh_url = context.host.run(_ask_again(context, claim))
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if fresh_url and fresh_url != claim.task.result_url:
            session.execute(update(ProviderTask).where(ProviderTask.id == claim.task.id).values(result_url=fresh_url))
        record(session, claim.job_id, "fetch_failed", now=now, detail={"fetch": claim.number, "reason": reason})
        _retry_or_end(context, session, claim, reason, now)
    log.warning("render_job.fetch_failed", job_id=str(claim.job_id), fetch=claim.number, reason=reason)
    return f"not fetched: {reason}"


def retry_store(context: Context, claim: Fetch, error: StorageError) -> str:
    """Retry later after the archive refused the files; the result is still at the provider.

    Returns:
        What became of it, in a few words for people.
    """
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        left_hours = round((claim.expires_at - now) / timedelta(hours=1), 1)
        detail = {"fetch": claim.number, "reason": str(error), "hours_left": left_hours}
        record(session, claim.job_id, STORE_FAILED, now=now, detail=detail)
        _retry_or_end(context, session, claim, "the archive did not take it", now)
    told = {"job_id": str(claim.job_id), "fetch": claim.number, "reason": str(error), "hours_left": left_hours}
    if isinstance(error, StorageRefusedError):
        log.error("render_job.keep_refused", **told)
    else:
        log.warning("render_job.keep_failed", **told)
    return f"not kept: {error}"


async def _ask_again(context: Context, claim: Fetch) -> str | None:
    try:
        async with context.provider(claim.account, base_url=claim.task.base_url) as provider:
            return (await provider.get(claim.task.provider_task_id)).result_url
    except (ProviderError, ConfigurationError):
        return None  # the old URL is tried again


def _retry_or_end(context: Context, session: Session, claim: Fetch, reason: str, now: datetime) -> None:
    if now >= claim.expires_at:
        _end(session, claim, reason, now)
        return
    backoff = Backoff(context.settings.archive.retry_seconds, LONGEST_RETRY_SECONDS)
    delay = timedelta(seconds=backoff.delay(claim.number))
    mine = update(RenderJob).where(RenderJob.id == claim.job_id, RenderJob.epoch == claim.epoch)
    again_at = min(now + delay, claim.expires_at)
    session.execute(mine.values(next_archive_at=again_at, lease_until=None, death_count=0))


def _end(session: Session, claim: Fetch, reason: str, now: datetime) -> None:
    message = f"rendered and billed, but not archived in {claim.number} tries before its result expired: {reason}"
    values: dict[str, Any] = {
        "next_archive_at": None,
        "lease_until": None,
        "death_count": 0,
        "failure_class": FailureClass.RESULT,
        "failure_message": message,
    }
    log.error("render_job.result_expired", job_id=str(claim.job_id), fetch=claim.number, reason=reason)
    if claim.state is RenderState.ARCHIVING:
        move(session, claim.job_id, [claim.state], RenderState.FAILED, now=now, epoch=claim.epoch, **values)
        return
    mine = update(RenderJob).where(RenderJob.id == claim.job_id, RenderJob.epoch == claim.epoch)
    session.execute(mine.values(**values))
