"""Storing the clips of a campaign, a batch at a time: each id once, however often its file is applied.

A clip is a render job with an id in its campaign and a hash of what it sends. Applied again, the same content is
left alone; another content under an old id takes its place: what was not submitted yet is cancelled, what was is
kept beside it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import Campaign
from models.copying import copy_rows
from models.enqueue import columns_of, references_of, request_sha256
from models.followers import hand_on_followers
from models.job_event import JobEvent
from models.job_reference import JobReference, ReferenceRole
from models.leases import release_slot
from models.render_job import RenderJob
from models.transitions import move, tell_followers
from reelqueue.campaigns.clips import Clip
from reelqueue.states import TERMINAL, RenderState

SUPERSEDED_CODE: Final = "superseded"
"""Why a queued clip was cancelled whose row was changed."""
EVENT_COLUMNS: Final = ("job_id", "at", "kind", "to_state", "detail")
REFERENCE_COLUMNS: Final = ("job_id", "position", "role", "media_type", "url", "voice_url")
_IS_CLIP: Final = RenderJob.content_sha256.is_not(None)
COUNTS: Final = (_IS_CLIP, RenderJob.superseded_at.is_(None))
"""A clip that stands for its id now."""


class Standing(NamedTuple):
    """The job that stands for an id of a campaign."""

    job_id: UUID
    content_sha256: str
    state: RenderState


@dataclass(frozen=True, slots=True)
class StoredClips:
    """What became of a batch."""

    new: int
    changed: int
    present: int


def lock_clips(session: Session, campaign_id: UUID) -> None:
    """Wait until nobody else stores clips of a campaign, and let nobody until the commit.

    Not the campaign's row, which is locked last by everybody who has locked jobs.
    """
    key = int.from_bytes(campaign_id.bytes[8:], signed=True)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def standing_clips(session: Session, campaign_id: UUID, custom_ids: Collection[str]) -> dict[str, Standing]:
    """The jobs that stand for some ids of a campaign."""
    found = select(RenderJob.custom_id, RenderJob.id, RenderJob.content_sha256, RenderJob.state).where(
        RenderJob.campaign_id == campaign_id, RenderJob.custom_id.in_(custom_ids), *COUNTS
    )
    rows = session.execute(found)
    return {str(custom_id): Standing(job_id, content or "", state) for custom_id, job_id, content, state in rows}


def store_clips(session: Session, campaign: Campaign, clips: Sequence[Clip], *, now: datetime) -> StoredClips:
    """Store the clips that are not there yet.

    Args:
        session: In a transaction that holds `lock_clips`; the caller commits, then sends a dispatch hint.
        campaign: Theirs.
        clips: In the file's order, each id once; those that come after others behind them, or in an earlier batch.
        now: The time.
    """
    afters = {clip.after for clip in clips if clip.after is not None}
    standing = standing_clips(session, campaign.id, {clip.custom_id for clip in clips} | afters)
    _hold_predecessors(session, [standing[one].job_id for one in sorted(afters) if one in standing])
    contents = _known_contents(session, campaign.id, [clip.content_sha256 for clip in clips])
    batch = _Batch(campaign, standing, now)
    for clip in clips:
        if clip.content_sha256 not in contents:
            contents.add(clip.content_sha256)
            batch.add(clip)
    batch.write(session)
    changed = len(batch.heirs)
    return StoredClips(len(batch.jobs) - changed, changed, len(clips) - len(batch.jobs))


def _hold_predecessors(session: Session, job_ids: Iterable[UUID]) -> None:
    """Keep them from ending until their followers are stored, who would else wait for ever."""
    held = select(RenderJob.id).where(RenderJob.id.in_(job_ids)).order_by(RenderJob.id)
    session.execute(held.with_for_update(read=True))


def _known_contents(session: Session, campaign_id: UUID, contents: Collection[str]) -> set[str]:
    known = select(RenderJob.content_sha256).where(
        RenderJob.campaign_id == campaign_id, RenderJob.content_sha256.in_(contents), RenderJob.superseded_at.is_(None)
    )
    return {content for content in session.scalars(known) if content is not None}


@dataclass(slots=True)
class _Batch:
    """The rows of the clips that are stored, in the order of their tables' columns."""

    campaign: Campaign
    standing: dict[str, Standing]
    now: datetime
    jobs: list[tuple[object, ...]] = field(default_factory=list)
    references: list[tuple[object, ...]] = field(default_factory=list)
    events: list[tuple[object, ...]] = field(default_factory=list)
    heirs: dict[UUID, UUID] = field(default_factory=dict)
    """The new job by the one that it takes the place of."""
    ended: dict[UUID, RenderState] = field(default_factory=dict)
    """Jobs that have ended already, and whose followers can never begin."""

    def add(self, clip: Clip) -> None:
        job_id = new_id()
        if (earlier := self.standing.get(clip.custom_id)) is not None:
            self.heirs[earlier.job_id] = job_id
        after = self.standing[clip.after] if clip.after is not None else None
        own = _clip_columns(clip, after)
        if after is not None and own["is_awaiting"] and after.state in TERMINAL:
            self.ended[after.job_id] = after.state
        self.jobs.append(_job_row(self.campaign, job_id, clip, own, self.now))
        self.references += _reference_rows(job_id, clip)
        self.events.append((job_id, self.now, "state", RenderState.QUEUED, "{}"))
        self.standing[clip.custom_id] = Standing(job_id, clip.content_sha256, RenderState.QUEUED)

    def write(self, session: Session) -> None:
        if not self.jobs:
            return
        if self.heirs:
            supersede(session, self.heirs, now=self.now)
        copy_rows(session, RenderJob, JOB_COLUMNS, self.jobs)
        copy_rows(session, JobReference, REFERENCE_COLUMNS, self.references)
        copy_rows(session, JobEvent, EVENT_COLUMNS, self.events)
        hand_on_followers(session, self.heirs)
        for job_id in sorted(self.heirs):
            cancel_superseded(session, job_id, now=self.now)
        for job_id, state in self.ended.items():
            tell_followers(session, job_id, state, now=self.now)


def _clip_columns(clip: Clip, after: Standing | None) -> dict[str, Any]:
    is_over = after is None or (after.state is RenderState.SUCCEEDED if clip.is_continued else after.state in TERMINAL)
    return {
        "content_sha256": clip.content_sha256,
        "output_path": clip.output,
        "clip_variant": clip.variant,
        "clip_variables": dict(clip.variables) or None,
        "clip_line": clip.line,
        "after_job_id": after.job_id if after else None,
        "is_continued": clip.is_continued,
        "is_awaiting": not is_over,
    }


_DEFAULTS: Final[dict[str, Any]] = {
    column.key: column.default.arg
    for column in RenderJob.__table__.columns
    if column.default is not None and column.default.is_scalar
}


def new_job_values() -> dict[str, Any]:
    """What a job begins with, by column."""
    return dict(_DEFAULTS)


JSON_COLUMNS: Final = frozenset({"metadata", "extra_options", "warnings", "clip_variables"})
JOB_COLUMNS: Final = tuple(column.key for column in RenderJob.__table__.columns)


def _job_row(campaign: Campaign, job_id: UUID, clip: Clip, own: dict[str, Any], now: datetime) -> tuple[object, ...]:
    values = new_job_values() | columns_of(clip.request) | own
    values |= {
        "id": job_id,
        "tenant_id": campaign.tenant_id,
        "campaign_id": campaign.id,
        "request_sha256": request_sha256(clip.request),
        "metadata": values.pop("job_metadata"),
        "warnings": list(clip.warnings),
        "start_by": clip.request.start_by or campaign.start_by,
        "state": RenderState.QUEUED,
        "created_at": now,
    }
    for name in JSON_COLUMNS:
        if values[name] is not None:
            values[name] = json.dumps(values[name])
    return tuple(values.get(name) for name in JOB_COLUMNS)


def _reference_rows(job_id: UUID, clip: Clip) -> Iterable[tuple[object, ...]]:
    for reference in references_of(job_id, clip.request):
        # The picture that it begins with is not there yet; what stands in its place was for checks.
        if not (clip.is_continued and reference.role is ReferenceRole.IMAGE):
            yield tuple(getattr(reference, name) for name in REFERENCE_COLUMNS)


def supersede(session: Session, job_ids: Collection[UUID], *, now: datetime) -> None:
    """Note that jobs stand for their ids no more; others are about to."""
    session.execute(
        update(RenderJob)
        .where(RenderJob.id.in_(job_ids))
        .values(superseded_at=now)
        .execution_options(synchronize_session=False)
    )


def cancel_superseded(session: Session, job_id: UUID, *, now: datetime) -> None:
    """Cancel a job in whose place another stands, if nothing was sent for it yet."""
    waiting = (RenderState.QUEUED, RenderState.ADMITTED)
    why: dict[str, Any] = {
        "failure_code": SUPERSEDED_CODE,
        "failure_message": "its row was changed: another job stands in its place",
    }
    if move(session, job_id, waiting, RenderState.CANCELLED, now=now, **why):
        release_slot(session, job_id, now=now)
