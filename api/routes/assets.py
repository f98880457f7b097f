"""The files of a job: its video and its poster."""

from __future__ import annotations

import re
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access import PathJob
from api.problems import ProblemError, documented
from api.services import OpenServices, OpenSession, Services
from models.asset import Asset, AssetKind
from models.render_job import RenderJob

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["files"])

_SINGLE_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


def _answers(*media_types: str) -> dict[int | str, dict[str, Any]]:
    content = {each: {"schema": {"type": "string", "format": "binary"}} for each in media_types}
    return {
        200: {"description": "The whole file", "content": content},
        206: {"description": "The part asked for by Range", "content": content},
    } | documented(401, 403, 404, 409, 416, 422, 503)


@router.get("/asset", response_class=FileResponse, responses=_answers("video/mp4"))
def read_asset(job: PathJob, session: OpenSession, services: OpenServices, request: Request) -> FileResponse:
    """The video, whole or by Range."""
    return _file(request, services, _asset(session, job, AssetKind.VIDEO), disposition="attachment")


@router.get("/poster", response_class=FileResponse, responses=_answers("image/jpeg", "image/png", "image/webp"))
def read_poster(job: PathJob, session: OpenSession, services: OpenServices, request: Request) -> FileResponse:
    """One picture of the video."""
    return _file(request, services, _asset(session, job, AssetKind.POSTER), disposition="inline")


def _asset(session: Session, job: RenderJob, kind: AssetKind) -> Asset:
    asset = session.scalars(select(Asset).where(Asset.job_id == job.id, Asset.kind == kind)).one_or_none()
    if asset is None:
        # Not 404: the job is there, and the file may follow.
        raise ProblemError(409, "no_file", f"render job {job.id} is {job.state}; no {kind} is stored for it")
    return asset


def _file(request: Request, services: Services, asset: Asset, *, disposition: str) -> FileResponse:
    path = services.archive.path(asset.path)
    if not path.is_file():
        log.error("asset.missing", job_id=str(asset.job_id), path=asset.path)
        raise ProblemError(
            404, "file_missing", f"the {asset.kind} of render job {asset.job_id} is not in the archive any more"
        )
    _check_range(request, asset.size_bytes)
    return FileResponse(
        path,
        media_type=asset.content_type,
        filename=f"{asset.job_id}{path.suffix}",
        content_disposition_type=disposition,
        # The name of this content for ever, so a cache and If-Range can rely on it.
        headers={"ETag": f'"{asset.sha256}"', "Cache-Control": "private, max-age=31536000, immutable"},
    )


def _check_range(request: Request, size_bytes: int) -> None:
    """Leave `FileResponse` only ranges that it can serve: it answers others in plain text.

    A Range that is malformed, or of several parts, is ignored, as RFC 9110 allows.
    """
    match = _SINGLE_RANGE.fullmatch(request.headers.get("range", ""))
    first, last, suffix = match.groups() if match else (None, None, None)
    if match is None or (first and last and int(last) < int(first)):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    elif (first and int(first) >= size_bytes) or (suffix and int(suffix) == 0):
        raise ProblemError(
            416,
            "range_not_satisfiable",
            f"the file has {size_bytes} bytes; ask for a part of those",
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )
