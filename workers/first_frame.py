"""The first frame of a clip that continues another: that one's last picture, out of the archive."""

from __future__ import annotations

import base64
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.asset import Asset, AssetKind
from models.render_job import RenderJob
from models.storage import Archive
from reelqueue.errors import InvalidRequestError
from reelqueue.requests import RenderRequest, parse_request

NO_FRAME_CODE: Final = "no_first_frame"


def with_first_frame(session: Session, archive: Archive, job: RenderJob, request: RenderRequest) -> RenderRequest:
    """*request* as it is sent: with the picture in it, where the job continues another.

    Raises:
        InvalidRequestError: The picture is not in the archive.
        StorageError: The archive does not give it now.
    """
    if not job.is_continued:
        return request
    kept = select(Asset).where(Asset.job_id == job.after_job_id, Asset.kind == AssetKind.LAST_FRAME)
    frame = session.scalars(kept).one_or_none()
    picture = _content(archive, frame) if frame else None
    if frame is None or picture is None:
        why = f"image: the last frame of render job {job.after_job_id} is not in the archive; render that one again"
        raise InvalidRequestError(NO_FRAME_CODE, why, "image")
    url = f"data:{frame.content_type};base64,{base64.b64encode(picture).decode()}"
    return parse_request(request.options() | {"mode": request.mode, "image": url})


def _content(archive: Archive, frame: Asset) -> bytes | None:
    try:
        return b"".join(archive.open(frame.path))
    except FileNotFoundError:
        return None
