"""The files of a job: its video and its poster."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth.job_access import PathJob
from api.dependencies import OpenContext, OpenSession
from api.http.file_responses import stored_file
from api.problem_details import ProblemError, documented
from models.asset import Asset, AssetKind
from models.render_job import RenderJob

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["files"])


def _answers(*media_types: str) -> dict[int | str, dict[str, Any]]:
    content = {each: {"schema": {"type": "string", "format": "binary"}} for each in media_types}
    return {
        200: {"description": "The whole file", "content": content},
        206: {"description": "The part asked for by Range", "content": content},
    } | documented(401, 403, 404, 409, 416, 422, 503)


@router.get("/asset", response_class=StreamingResponse, responses=_answers("video/mp4"))
def download_video(job: PathJob, session: OpenSession, context: OpenContext, request: Request) -> StreamingResponse:
    """The video, whole or by Range."""
    return stored_file(request, context.archive, _asset(session, job, AssetKind.VIDEO), disposition="attachment")


@router.get("/poster", response_class=StreamingResponse, responses=_answers("image/jpeg", "image/png", "image/webp"))
def download_poster(job: PathJob, session: OpenSession, context: OpenContext, request: Request) -> StreamingResponse:
    """One picture of the video."""
    return stored_file(request, context.archive, _asset(session, job, AssetKind.POSTER), disposition="inline")


def _asset(session: Session, job: RenderJob, kind: AssetKind) -> Asset:
    asset = session.scalars(select(Asset).where(Asset.job_id == job.id, Asset.kind == kind)).one_or_none()
    if asset is None:
        # Not 404: the job is there, and the file may follow.
        raise ProblemError(409, "no_file", f"render job {job.id} is {job.state}; no {kind} is stored for it")
    return asset
