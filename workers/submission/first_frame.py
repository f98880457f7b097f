"""The first frame of a clip that continues another: that one's last picture, out of the archive."""

from __future__ import annotations

import base64
from uuid import UUID

from sqlalchemy import and_, select

from models.asset import Asset, AssetKind
from models.render_job import RenderJob
from models.storage import Archive
from reelqueue.errors import InvalidRequestError
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState
from workers.runtime.context import Context


def read_first_frame(context: Context, job_id: UUID, epoch: int) -> str | None:
    """The picture that a job begins with, as a data URL; None if it continues no other.

    It holds no transaction and no lane: an archive that stalls keeps only the reading worker waiting.

    Raises:
        InvalidRequestError: The picture is not in the archive.
        StorageError: The archive does not give it now.
    """
    frame = and_(Asset.job_id == RenderJob.after_job_id, Asset.kind == AssetKind.LAST_FRAME)
    admitted = (RenderJob.id == job_id, RenderJob.epoch == epoch, RenderJob.state == RenderState.ADMITTED)
    continued = (
        select(RenderJob.after_job_id, Asset.path, Asset.content_type)
        .outerjoin(Asset, frame)
        .where(*admitted, RenderJob.is_continued)
    )
    with context.sessions() as session:
        found = session.execute(continued).one_or_none()
    if found is None:
        return None
    before_id, path, content_type = found
    picture = _content(context.archive, path)
    if picture is None:
        why = f"image: the last frame of render job {before_id} is not in the archive; render that one again"
        raise InvalidRequestError(FailureCode.NO_FIRST_FRAME, why, "image")
    return f"data:{content_type};base64,{base64.b64encode(picture).decode()}"


def _content(archive: Archive, path: str | None) -> bytes | None:
    try:
        return b"".join(archive.open(path)) if path else None
    except FileNotFoundError:
        return None
