"""The clips of a campaign that failed, as rows of a campaign file: to be corrected and applied again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CTE, Row, Select, and_, case, func, literal, or_, select, true
from sqlalchemy.orm import Session, aliased, sessionmaker

from models.campaign import Campaign
from models.job_reference import JobReference, ReferenceRole
from models.operations.campaigns.results import clip_rows, in_file_order, variable_names
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.jobs.request_rows import stored_options
from models.render_job import RenderJob
from reelqueue.campaigns.clips import LAST_FRAME
from reelqueue.campaigns.rows.origin import PROBLEM_HEADING, ROW_HEADING, VARIANT_HEADING
from reelqueue.failure_codes import FailureCode
from reelqueue.requests.option_table import REQUEST_OPTIONS
from reelqueue.states import RenderState

_OPTIONS: Final = tuple(option.name for option in REQUEST_OPTIONS)
_HEADINGS: Final = (PROBLEM_HEADING, ROW_HEADING, VARIANT_HEADING, *_OPTIONS, "after", "first_frame")
VARIABLES: Final = "vars"
"""The key of a row's variables; a spreadsheet has a column for each, such as ``vars.style``."""
_CLIPS_AT_ONCE: Final = 500
_PICTURES_AT_ONCE: Final = 10
"""Clips at a time where each may hold pictures of some ten MB."""
_TO_REPAIR: Final = (RenderState.FAILED, RenderState.MODERATED, RenderState.LOST)
_PLACEHOLDER: Final = "PATH OR URL OF THE FILE"
"""In place of an embedded file whose path is not known; no file has this name, so the row is refused as it is."""
_UNKNOWN: Final = (
    "the path of its file is not known, as it was embedded before paths were kept; write its path or URL, or bring the "
    "failures as JSON Lines, which hold the file itself"
)


def failure_headings(sessions: sessionmaker[Session], campaign_id: UUID) -> tuple[str, ...]:
    """The columns of a spreadsheet of `failure_pages`, with one for each variable that any of them has."""
    query = select(func.jsonb_object_keys(RenderJob.clip_variables)).where(*_failed(campaign_id)).distinct()
    with sessions() as session:
        found = {name: None for name in sorted(session.scalars(query)) if name.isidentifier()}
    variables = in_file_order(found, variable_names(sessions, campaign_id))
    return (*_HEADINGS, *(f"{VARIABLES}.{name}" for name in variables))


def failure_pages(
    sessions: sessionmaker[Session], campaign_id: UUID, *, with_pictures: bool
) -> Iterator[list[Mapping[str, Any]]]:
    """The clips that failed or were moderated, each with the reason and its place in the campaign file.

    A row stands below the one that it follows. A picture that was read from a file is named by the path that its row
    had. Each page is read with a session of its own.

    Args:
        sessions: Of the database.
        campaign_id: Whose clips.
        with_pictures: Whether a picture whose path is not known may stand in its row, as megabytes of base64; else
            the row asks for the path, and cannot be applied without it.
    """
    size = _PICTURES_AT_ONCE if with_pictures else _CLIPS_AT_ONCE
    names = variable_names(sessions, campaign_id)
    with sessions() as session:
        ids = session.scalars(_failed_ids(campaign_id)).all()
    for first in range(0, len(ids), size):
        some = ids[first : first + size]
        with sessions() as session:
            pictures = _pictures(session, some, with_pictures=with_pictures)
            found = session.execute(_clips(some)).all()
        place = {job_id: number for number, job_id in enumerate(some)}
        ordered = sorted(found, key=lambda row: place[row.RenderJob.id])
        yield [_failed_row(row, pictures.get(row.RenderJob.id, ()), names) for row in ordered]


def _failed(campaign_id: UUID) -> tuple[Any, ...]:
    # What was given up because of another comes along: corrected, that one's content is another, and so is its own.
    is_given_up = and_(
        RenderJob.state == RenderState.CANCELLED, RenderJob.failure_code == FailureCode.PREDECESSOR_FAILED
    )
    return (RenderJob.campaign_id == campaign_id, or_(RenderJob.state.in_(_TO_REPAIR), is_given_up), *IS_CURRENT)


def _failed_ids(campaign_id: UUID) -> Select[UUID]:
    depths = _depths(campaign_id)
    return (
        select(RenderJob.id)
        .join(depths, depths.c.id == RenderJob.id)
        .order_by(depths.c.depth, RenderJob.clip_line, RenderJob.created_at, RenderJob.id)
    )


def _clips(job_ids: Sequence[UUID]) -> Select[Any]:
    before, row = aliased(RenderJob), clip_rows()
    is_own = RenderJob.start_by.is_distinct_from(Campaign.start_by)
    start_by = case((and_(is_own, RenderJob.start_by > func.now()), RenderJob.start_by))
    return (
        select(RenderJob, row.c.custom_id, row.c.clip_line, row.c.clip_variant, row.c.clip_variables)
        .add_columns(before.custom_id.label("after"), start_by.label("start_by"))
        .join(Campaign, Campaign.id == RenderJob.campaign_id)
        .join(row, true())
        .outerjoin(before, before.id == RenderJob.after_job_id)
        .where(RenderJob.id.in_(job_ids))
        .order_by(row.c.same_as.nulls_first(), row.c.custom_id)
    )


def _depths(campaign_id: UUID) -> CTE:
    """How many failed clips in a row each one comes after: those stand above it in the file."""
    failed = select(RenderJob.id, RenderJob.after_job_id).where(*_failed(campaign_id)).cte("failed")
    before = failed.alias("before")
    is_first = ~select(before.c.id).where(before.c.id == failed.c.after_job_id).exists()
    depths = select(failed.c.id, literal(0).label("depth")).where(is_first).cte("depths", recursive=True)
    following = select(failed.c.id, depths.c.depth + 1).join(depths, failed.c.after_job_id == depths.c.id)
    return depths.union_all(following)


def _pictures(
    session: Session, job_ids: Sequence[UUID], *, with_pictures: bool
) -> Mapping[UUID, list[Row[*tuple[Any, ...]]]]:
    url, voice_url = (
        column if with_pictures else case((column.like("data:%"), None), else_=column)
        for column in (JobReference.url, JobReference.voice_url)
    )
    query = (
        select(JobReference.job_id, JobReference.role, JobReference.media_type)
        .add_columns(func.coalesce(JobReference.path, url).label("url"), voice_url.label("voice_url"))
        .add_columns(JobReference.voice_url.is_not(None).label("has_voice"))
        .where(JobReference.job_id.in_(job_ids))
        .order_by(JobReference.job_id, JobReference.position)
    )
    found: dict[UUID, list[Row[*tuple[Any, ...]]]] = {}
    for reference in session.execute(query):
        found.setdefault(reference.job_id, []).append(reference)
    return found


def _failed_row(
    row: Row[*tuple[Any, ...]], references: Sequence[Row[*tuple[Any, ...]]], names: Sequence[str]
) -> dict[str, Any]:
    job: RenderJob = row.RenderJob
    why = [": ".join(part for part in (job.failure_code, job.failure_message) if part) or str(job.state)]
    found = stored_options(job) | {"start_by": _told(row.start_by), "priority": job.priority or None}
    found |= {"custom_id": row.custom_id, "after": row.after, ROW_HEADING: row.clip_line}
    found[VARIANT_HEADING] = row.clip_variant if (row.clip_variant or 1) > 1 else None
    if job.is_continued:
        found["first_frame"] = LAST_FRAME
    for reference in references:
        why += _put(found, reference)
    variables = {name: value for name, value in (row.clip_variables or {}).items() if name.isidentifier()}
    ordered = {name: found.get(name) for name in _HEADINGS[1:]}
    return {PROBLEM_HEADING: "; ".join(why)} | ordered | {VARIABLES: in_file_order(variables, names) or None}


def _put(found: dict[str, Any], reference: Row[*tuple[Any, ...]]) -> Iterator[str]:
    """Put a picture, clip or sound where its row has it; yields what its owner has to do about it."""
    role = ReferenceRole(reference.role)
    if reference.url is None or (reference.has_voice and reference.voice_url is None):
        yield f"{role}: {_UNKNOWN}"
    url = reference.url or _PLACEHOLDER
    if role in {ReferenceRole.IMAGE, ReferenceRole.LAST_FRAME}:
        found[role.value] = url
    elif role is ReferenceRole.REFERENCE:
        found.setdefault(role.value, []).append(url)
    else:
        voice = {"reference_voice": reference.voice_url or _PLACEHOLDER} if reference.has_voice else {}
        found.setdefault(role.value, []).append({"type": reference.media_type, "url": url} | voice)


def _told(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
