"""How a stream of server-sent events is answered and described, whatever it is about."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

from fastapi import Header, Response, status
from fastapi.sse import EventSourceResponse

from api.event_streams import EVENT_STREAM, Listener, Snapshot
from api.problem_details import documented
from reelqueue.schemas.jobs import Job
from reelqueue.schemas.texts import TextJob

STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Of every stream: neither kept nor held back by what is between."""

LastEventId = Annotated[
    str | None, Header(description="The id of the last event that arrived; a browser sends it when it connects again.")
]


def documented_stream(event: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` of an operation that streams events of one name."""
    return {
        200: {
            "description": f"An event `{event}` at first and whenever something has changed, and `end` after the last; "
            "`unauthorized` where the key has been revoked or has expired: a client stops, and asks for another key.",
            "content": {EVENT_STREAM: {}},
        },
        204: {"description": "The last event that arrived was the last: there is nothing to connect for."},
        **documented(401, 403, 404, 422, 503),
    }


def job_snapshot(job: Job | TextJob) -> Snapshot:
    """A job as an event `job`, whose version changes with anything that it says."""
    data = job.model_dump_json()
    version = hashlib.sha256(data.encode()).hexdigest()[:16]
    return Snapshot(version=version, event="job", data=data, is_last=job.is_terminal)


def event_answer(listener: Listener, last_event_id: str | None) -> Response:
    """The stream of a listener, which goes on after the client's last event."""
    if listener.is_up_to_date(last_event_id):
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return EventSourceResponse(listener.events(last_event_id), headers=STREAM_HEADERS)
