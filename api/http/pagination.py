"""Keyset pages of jobs: a page costs the same however far down the list it is."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import defer

from api.auth.authentication import Caller
from api.auth.job_access import visible
from api.http.request_body import JsonObject, decode_object
from api.problem_details import ProblemError
from models.campaign import Campaign
from models.render_job import RenderJob
from models.text_job import TextJob
from reelqueue.states import RenderState, TextState

J = TypeVar("J", RenderJob, TextJob)

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

# A job's moment and id: 24 bytes are 32 characters without padding, so every text of that form is a
# cursor and the schema can say so.
_POSITION: Final = struct.Struct(">Q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_MICROSECOND: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def _rfc3339(value: object) -> object:
    """Pydantic would also take seconds since 1970, which the schema does not promise."""
    if isinstance(value, str) and not _RFC3339.fullmatch(value):
        raise ValueError("write a time as 2026-11-23T12:00:00Z, with + as %2B in a URL")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
# Postgres cannot hold U+0000 in a text.
Text = Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\u0000]*$")]

Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{32}$")]


class _Filters(BaseModel):
    """What listings of all kinds of jobs have; unknown parameters are refused: a misspelt one would list everything."""

    model_config = ConfigDict(extra="forbid")

    model: Text | None = Field(default=None, description="The provider's model id.")
    custom_id: Text | None = Field(default=None, description="The producer's own name for the job.")
    campaign: Text | None = Field(
        default=None, description="The campaign's name; `default` for jobs that were submitted by themselves."
    )
    metadata: Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^\u0000]*$")] | None = Field(
        default=None,
        description='A JSON object that the metadata contains, such as `{"order": 7}`: each name with this value.',
    )
    created_after: Moment | None = Field(default=None, description="This moment or later.")
    created_before: Moment | None = Field(default=None, description="Before this moment.")
    limit: int = Field(default=50, ge=1, le=500, description="Jobs on a page.")
    cursor: Cursor | None = Field(default=None, description="`next_cursor` of the page before.")


class JobFilters(_Filters):
    """Query parameters of a listing of render jobs."""

    state: list[RenderState] = Field(default=[], max_length=len(RenderState), description="Any of these states.")
    mode: Text | None = Field(default=None, description="Such as `image-to-video`.")


class TextFilters(_Filters):
    """Query parameters of a listing of text jobs."""

    state: list[TextState] = Field(default=[], max_length=len(TextState), description="Any of these states.")


def page_query(filters: JobFilters, caller: Caller) -> Select[RenderJob]:
    """The render jobs of one page and one more, which tells whether another page follows."""
    query = _narrowed(visible(RenderJob, caller), RenderJob, filters)
    if filters.state:
        query = query.where(RenderJob.state.in_(filters.state))
    return query if filters.mode is None else query.where(RenderJob.mode == filters.mode)


def text_page_query(filters: TextFilters, caller: Caller) -> Select[TextJob]:
    """The text jobs of one page and one more; their requests stay in the database."""
    query = _narrowed(visible(TextJob, caller), TextJob, filters).options(defer(TextJob.request))
    return query.where(TextJob.state.in_(filters.state)) if filters.state else query


def _narrowed(query: Select[J], table: type[J], filters: _Filters) -> Select[J]:
    query = query.order_by(table.created_at.desc(), table.id.desc()).limit(filters.limit + 1)
    if filters.model is not None:
        query = query.where(table.model == filters.model)
    if filters.custom_id is not None:
        query = query.where(table.custom_id == filters.custom_id)
    if filters.campaign is not None:
        named = select(Campaign.id).where(Campaign.name == filters.campaign)
        query = query.where(table.campaign_id.in_(named))
    if filters.metadata is not None:
        query = query.where(table.job_metadata.contains(_json_object(filters.metadata)))
    if filters.created_after is not None:
        query = query.where(table.created_at >= filters.created_after)
    if filters.created_before is not None:
        query = query.where(table.created_at < filters.created_before)
    if filters.cursor is not None:
        query = query.where(tuple_(table.created_at, table.id) < _position(filters.cursor))
    return query


def _json_object(text: str) -> JsonObject:
    try:
        return decode_object(text.encode(errors="replace"))
    except ProblemError as error:
        raise ProblemError(
            422,
            "invalid_parameter",
            f'query parameter metadata: write a JSON object such as {{"order": 7}}, not {text[:80]!r}',
            field="metadata",
        ) from error


def cut_page(rows: Sequence[J], limit: int) -> tuple[Sequence[J], str | None]:
    """The jobs of a page, and the cursor of the next if another one follows."""
    jobs = rows[:limit]
    return jobs, cursor_after(jobs[-1]) if len(rows) > len(jobs) else None


def cursor_after(job: RenderJob | TextJob) -> str:
    """The opaque cursor of the page that begins behind *job*."""
    microseconds = (job.created_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(_POSITION.pack(microseconds, job.id.bytes)).decode()


def _position(cursor: str) -> tuple[datetime, UUID]:
    microseconds, id_bytes = _POSITION.unpack(base64.urlsafe_b64decode(cursor))
    # A forged cursor may name any moment; the last that there is will do for those beyond.
    return _EPOCH + timedelta(microseconds=min(microseconds, _LAST_MICROSECOND)), UUID(bytes=id_bytes)
