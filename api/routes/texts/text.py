"""One text job: read, cancel, decide."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.auth.job_access import PathText
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import body_of
from api.http.request_body import JsonObject, json_object, optional_json_object, options_of
from api.problem_details import ProblemError, documented
from api.views.texts import text_view
from models.operations.texts.cancel import request_text_cancel
from models.operations.texts.decide import decide_held_text
from reelqueue.schemas.texts import TextJob

router = APIRouter(prefix="/v1/texts/{job_id}", tags=["texts"])


class TextCancelOptions(BaseModel):
    """How to cancel."""

    model_config = ConfigDict(extra="forbid")

    running: Literal["finish", "abandon"] = Field(
        default="finish",
        description="A job that is being answered is billed as far as its answer came: `finish` lets it end, `abandon` "
        "gives the answer up. The answer of a batched job that comes nevertheless is paid for and kept.",
    )


class TextDecision(BaseModel):
    """What becomes of a held job."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["ask_again", "give_up"] = Field(
        description="Its answer was lost and may be billed, and cannot be looked up: `ask_again` may be paid a second "
        "time, `give_up` ends it as failed."
    )


@router.get("", responses=documented(401, 403, 404, 422, 503))
def get_text(job: PathText, session: OpenSession) -> TextJob:
    """One text job."""
    return text_view(session, job)


@router.post(
    "/cancel",
    responses=documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=body_of(TextCancelOptions, is_required=False),
)
def cancel_text(
    # Before the job, so that no connection is held while a body trickles in.
    body: Annotated[JsonObject, Depends(optional_json_object)],
    job: PathText,
    session: OpenSession,
    clock: OpenClock,
) -> TextJob:
    """Stop a text job; what the model has begun to write is billed all the same.

    A job that was cancelled before is answered for again.
    """
    options = options_of(body, TextCancelOptions)
    is_stopping = request_text_cancel(session, job.id, now=clock(), abandon_running=options.running == "abandon")
    session.commit()
    session.refresh(job)
    if not is_stopping and job.cancel_requested_at is None:
        raise ProblemError(409, "not_cancellable", f"text job {job.id} is {job.state} and past stopping")
    return text_view(session, job)


@router.post(
    "/decide",
    responses=documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=body_of(TextDecision),
)
def decide_text(
    body: Annotated[JsonObject, Depends(json_object)],
    job: PathText,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
) -> TextJob:
    """Decide what becomes of a held job, whose answer was lost and may be billed."""
    options = options_of(body, TextDecision)
    is_decided = decide_held_text(session, job.id, now=clock(), ask_again=options.decision == "ask_again")
    context.commit_and_hint_text(session, job.id)
    session.refresh(job)
    if not is_decided:
        raise ProblemError(409, "not_held", f"text job {job.id} is {job.state}; only a held one is decided")
    return text_view(session, job)
