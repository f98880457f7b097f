"""The references of jobs as answers need them: without the megabytes of the data URIs among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.base import among
from models.job_reference import JobReference

_URL_CHARACTERS_MAX: Final = 8192
"""Longer than any URL that a request may hold, so only data URIs are cut."""

_SHOWN_CHARACTERS: Final = 64


@dataclass
class References:
    """The references of one job, with a short URL in the place of each data URI."""

    rows: list[JobReference] = field(default_factory=list)
    """In order; not of any session, and never to be stored."""
    shown: dict[str, str] = field(default_factory=dict)
    """What is shown for each of the short URLs."""

    def restore(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """*value*, an option, as it may be shown."""
        if isinstance(value, str):
            return self.shown.get(value, value)
        if isinstance(value, list):
            return [self.restore(item) for item in value]
        if isinstance(value, dict):
            return {name: self.restore(item) for name, item in value.items()}
        return value

    def shorten(self, place: str, head: str | None, size_bytes: int | None) -> str | None:
        """The URL that begins with *head*, or its stand-in where it is a data URI."""
        if head is None or not head.startswith("data:"):
            return head
        media_type = head[len("data:") :].partition(";")[0]
        # The ending tells pictures from clips, as the price needs to know.
        url = f"https://embedded.invalid/{place}.{media_type.rpartition('/')[2]}"
        self.shown[url] = f"{head[:_SHOWN_CHARACTERS]}… ({size_bytes} bytes)"
        return url


def read_references(session: Session, job_ids: Sequence[UUID]) -> Mapping[UUID, References]:
    """The references of some jobs, each cut in the database: a page of jobs may hold gigabytes of pictures."""
    query = (
        select(JobReference.job_id, JobReference.position, JobReference.role, JobReference.media_type)
        .add_columns(*_cut(JobReference.url), *_cut(JobReference.voice_url))
        .where(among(JobReference.job_id, job_ids))
        .order_by(JobReference.job_id, JobReference.position)
    )
    found: defaultdict[UUID, References] = defaultdict(References)
    for job_id, position, role, media_type, url, url_bytes, voice, voice_bytes in session.execute(query):
        references = found[job_id]
        row = JobReference(position=position, role=role, media_type=media_type)
        row.url = references.shorten(f"{position}", url, url_bytes) or ""
        row.voice_url = references.shorten(f"{position}-voice", voice, voice_bytes)
        references.rows.append(row)
    return found


def _cut(column: InstrumentedAttribute[Any]) -> tuple[ColumnElement[str | None], ColumnElement[int | None]]:
    # Neither function reads a long value from disk whole: octet_length looks at its header, left at its start.
    return func.left(column, _URL_CHARACTERS_MAX), func.octet_length(column)
