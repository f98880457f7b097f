"""A request as the columns and reference rows of its job, and back."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.job_reference import JobReference, ReferenceRole
from models.render_job import RenderJob
from reelqueue.campaigns.clips import continued_image
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.option_table import REQUEST_OPTIONS
from reelqueue.requests.parse import parse_request

OPTION_ATTRIBUTES: Final = {
    # SQLAlchemy keeps `metadata` of a table's class for itself.
    option.name: "job_metadata" if option.name == "metadata" else option.name
    for option in REQUEST_OPTIONS
    if option.has_column
}
"""The attribute of `RenderJob` of each option that has a column; the rest of a request is in `extra_options`."""
_ELSEWHERE: Final = OPTION_ATTRIBUTES.keys() | {role.value for role in ReferenceRole}
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def stored_request(session: Session, job: RenderJob, *, first_frame: str | None = None) -> RenderRequest:
    """The request of a stored job.

    Args:
        session: To read with.
        job: The job.
        first_frame: Of a continued clip, as it is sent; None takes a placeholder.

    Raises:
        InvalidRequestError: The catalog has changed since it was stored.
    """
    references = select(JobReference).where(JobReference.job_id == job.id).order_by(JobReference.position)
    return to_request(job, session.scalars(references), first_frame=first_frame)


def stored_options(job: RenderJob) -> dict[str, Any]:
    """The options of a stored job, None where one is not given, without the pictures, clips and sounds."""
    return {name: getattr(job, attribute) for name, attribute in OPTION_ATTRIBUTES.items()} | job.extra_options


def to_request(job: RenderJob, references: Iterable[JobReference], *, first_frame: str | None = None) -> RenderRequest:
    """The request that was stored, ready to be built for the provider.

    Args:
        job: The job.
        references: Its references by position.
        first_frame: Of a continued clip; None takes a placeholder, as the picture is in the archive.
    """
    options = stored_options(job)
    if job.is_continued:
        options["image"] = first_frame or continued_image("")
    for reference in references:
        match reference.role:
            case ReferenceRole.IMAGE | ReferenceRole.LAST_FRAME:
                options[reference.role] = reference.url
            case ReferenceRole.REFERENCE:
                options.setdefault(reference.role, []).append(reference.url)
            case ReferenceRole.MEDIA:
                item = {"type": reference.media_type, "url": reference.url, "reference_voice": reference.voice_url}
                options.setdefault(reference.role, []).append({key: value for key, value in item.items() if value})
    return _parse_stored({name: value for name, value in options.items() if value is not None})


def _parse_stored(options: dict[str, Any]) -> RenderRequest:
    try:
        return parse_request(options)
    except InvalidRequestError as error:
        if error.code not in {"option_in_raw", "reserved_header"}:
            raise
    # The row is older than those rules. Its raw is sent as it was stored, and priced as it is sent; its headers are
    # kept, and not sent.
    kept: dict[str, Any] = {name: options.pop(name) for name in ("raw", "headers") if name in options}
    return parse_request(options).model_copy(update=kept)


def columns_of(request: RenderRequest, options: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a job that its request fills, by attribute.

    Args:
        request: The request.
        options: Its `options`, which are asked for once a job.
    """
    values = {attribute: options[name] for name, attribute in OPTION_ATTRIBUTES.items() if name in options}
    values |= {"mode": request.mode, "start_by": request.start_by}
    values["extra_options"] = {name: value for name, value in options.items() if name not in _ELSEWHERE}
    return values


def request_sha256(request: RenderRequest, options: Mapping[str, Any]) -> str:
    """Hex SHA-256 of a request as canonical JSON: equal for equal requests, whatever their spelling.

    Args:
        request: The request.
        options: Its `options`, which are asked for once a job.
    """
    return hashlib.sha256(_CANONICAL.encode({**options, "mode": request.mode}).encode()).hexdigest()


def places_of(options: Mapping[str, Any]) -> Iterator[str]:
    """Where each of `references_of` stands among a request's options: ``image``, ``reference_urls.1``."""
    for role in ReferenceRole:
        given = options.get(role, [])
        yield from (f"{role}.{index}" for index in range(len(given))) if isinstance(given, list) else (role.value,)


def references_of(job_id: UUID, options: Mapping[str, Any]) -> Iterator[JobReference]:
    """The rows of the pictures, clips and sounds among a request's options."""
    position = itertools.count()
    for role in ReferenceRole:
        given = options.get(role, [])
        for item in given if isinstance(given, list) else [given]:
            media = item if isinstance(item, dict) else {"url": item}
            yield JobReference(
                job_id=job_id,
                position=next(position),
                role=role,
                media_type=media.get("type"),
                url=media["url"],
                voice_url=media.get("reference_voice"),
            )
