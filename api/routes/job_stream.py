"""A render job as it goes, sent to every listener (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from api.auth.job_access import CurrentCaller, JobId, find_job
from api.dependencies import OpenContext
from api.event_streams import Listener, Snapshot, Subscriber
from api.http.event_answers import LastEventId, documented_stream, event_answer, job_snapshot
from api.http.fair_entrance import leave_entrance
from api.views.jobs import job_view
from models.render_job import RenderJob

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])


def _job_id(job_id: JobId, context: OpenContext, caller: CurrentCaller) -> UUID:
    """The job to watch; the session is closed again before the stream begins to wait."""
    with context.sessions() as session:
        return find_job(job_id, session, caller).id


async def _listener(
    request: Request,
    job_id: Annotated[UUID, Depends(_job_id)],
    context: OpenContext,
    caller: CurrentCaller,
) -> AsyncIterator[Listener]:
    leave_entrance(request)  # waits for its first snapshot
    read = partial(_read, job_id=job_id, region=context.region)
    async with context.streams.listen(Subscriber(caller.tenant_id, caller.key_id), ("job", job_id), read) as listener:
        yield listener


@router.get(
    "/stream",
    response_class=StreamingResponse,  # FastAPI's own would have to be a generator, which has no 204
    responses=documented_stream("job"),
)
async def follow_job(listener: Annotated[Listener, Depends(_listener)], last_event_id: LastEventId = None) -> Response:
    """The job whenever something about it has changed, until it is terminal; a client that comes back goes on.

    The stream ends as well when its key is revoked. 503: too many streams are open.
    """
    return event_answer(listener, last_event_id)


def _read(session: Session, *, job_id: UUID, region: str) -> Snapshot:
    return job_snapshot(job_view(session, session.get_one(RenderJob, job_id), region=region))
