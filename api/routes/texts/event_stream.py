"""A text job's answer while it comes, sent to every listener (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, status
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from sqlalchemy.orm import Session

from api.auth.job_access import CurrentCaller, JobId, find_text
from api.dependencies import OpenContext
from api.event_streams import EVENT_STREAM, Listener, Snapshot, Subscriber
from api.http.event_answers import STREAM_HEADERS, LastEventId, job_snapshot
from api.http.fair_entrance import leave_entrance
from api.live_answers import live_events
from api.problem_details import documented
from api.views.texts import text_view
from models.text_job import TextJob

router = APIRouter(prefix="/v1/texts/{job_id}", tags=["texts"])


def _job_id(job_id: JobId, context: OpenContext, caller: CurrentCaller) -> UUID:
    """The job to watch; the session is closed again before the stream begins to wait."""
    with context.sessions() as session:
        return find_text(job_id, session, caller).id


async def _listener(
    request: Request,
    job_id: Annotated[UUID, Depends(_job_id)],
    context: OpenContext,
    caller: CurrentCaller,
) -> AsyncIterator[Listener]:
    leave_entrance(request)  # waits for its first snapshot
    read = partial(_read, job_id=job_id)
    async with context.streams.listen(Subscriber(caller.tenant_id, caller.key_id), ("text", job_id), read) as listener:
        yield listener


@router.get(
    "/events",
    response_class=StreamingResponse,  # FastAPI's own would have to be a generator, which has no 204
    responses={
        200: {
            "description": "`job`: the record, at first and whenever it has changed. `begin`, `text`, `reasoning` and "
            "`tool_call`: pieces of the answer of a job that was asked with `stream`; `begin` says that a call begins, "
            "and what came before it is void. `end` after the last; `unauthorized` where the key has been revoked or "
            "has expired: a client stops, and asks for another key. What was missed is in the record.",
            "content": {EVENT_STREAM: {}},
        },
        204: {"description": "The last event that arrived was the last: there is nothing to connect for."},
        **documented(401, 403, 404, 422, 503),
    },
)
async def follow_text(
    listener: Annotated[Listener, Depends(_listener)],
    job_id: Annotated[UUID, Depends(_job_id)],
    context: OpenContext,
    last_event_id: LastEventId = None,
) -> Response:
    """The job and its answer as they come, until it is terminal; a client that comes back goes on where it was.

    503: too many streams are open.
    """
    if listener.is_up_to_date(last_event_id):
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    events = live_events(listener, context.live, job_id, last_event_id)
    return EventSourceResponse(events, headers=STREAM_HEADERS)


def _read(session: Session, *, job_id: UUID) -> Snapshot:
    return job_snapshot(text_view(session, session.get_one(TextJob, job_id)))
