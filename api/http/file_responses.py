"""Sending a stored file: whole or by Range, from wherever the archive is.

Files go through this process also where they are in a bucket, instead of by a signed URL: who may see one is decided
at each request, a gallery's policy allows its own server only, and no bucket has to be reachable for browsers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import structlog
from fastapi import Request
from fastapi.responses import StreamingResponse

from api.problem_details import ProblemError
from models.asset import Asset
from models.storage import Archive

log = structlog.get_logger(__name__)

_SINGLE_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


@dataclass(frozen=True)
class _Part:
    """Some bytes of a file, from the first to before the last."""

    begin: int
    end: int


def stored_file(request: Request, archive: Archive, asset: Asset, *, disposition: str) -> StreamingResponse:
    """The answer that carries a stored file.

    Args:
        request: Which may ask for a part of it.
        archive: Where it is.
        asset: The file, which the caller may see.
        disposition: ``inline`` or ``attachment``.

    Raises:
        ProblemError: It is gone, or has no such part.
        StorageError: The archive does not give it now.
    """
    part = _part(request, asset)
    begin, end = (part.begin, part.end) if part else (0, asset.size_bytes)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - begin),
        "Content-Disposition": f'{disposition}; filename="{asset.job_id}{PurePosixPath(asset.path).suffix}"',
        # The name of this content for ever, so a cache and If-Range can rely on it.
        "ETag": _etag(asset),
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if part:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{asset.size_bytes}"
    content = _open(archive, asset, part)
    return StreamingResponse(content, 206 if part else 200, headers, media_type=asset.content_type)


def _open(archive: Archive, asset: Asset, part: _Part | None) -> Iterator[bytes]:
    try:
        return archive.open(asset.path, begin=part.begin, end=part.end) if part else archive.open(asset.path)
    except FileNotFoundError as error:
        raise _missing(asset) from error


def _missing(asset: Asset) -> ProblemError:
    log.error("asset.missing", job_id=str(asset.job_id), path=asset.path)
    seen = f"the {asset.kind} of render job {asset.job_id} is not in the archive any more"
    return ProblemError(404, "file_missing", seen)


def _part(request: Request, asset: Asset) -> _Part | None:
    """What the request asks for, or None for all of it.

    A Range that is malformed, or of several parts, is ignored, as RFC 9110 allows.
    """
    match = _SINGLE_RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", _etag(asset)) != _etag(asset):
        return None
    size = asset.size_bytes
    first, last, suffix = (int(number) if number else None for number in match.groups())
    if suffix is not None:
        begin, end = max(size - suffix, 0), size
    else:
        begin, end = first or 0, size if last is None else min(last + 1, size)
        if last is not None and last < begin:
            return None
    if begin >= size:
        raise ProblemError(
            416,
            "range_not_satisfiable",
            f"the file has {size} bytes; ask for a part of those",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return _Part(begin, end)


def _etag(asset: Asset) -> str:
    return f'"{asset.sha256}"'
