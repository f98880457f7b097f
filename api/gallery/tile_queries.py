"""A campaign's tiles from the database, in a handful of queries for each few hundred of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from api.gallery.order import PLACE, page_ids
from api.gallery.tiles import (
    ATTEMPT_WORDS,
    STATE_WORDS,
    Clip,
    Event,
    Money,
    Picture,
    Reference,
    Summary,
    Tile,
    Try,
    Why,
)
from api.views.references import References, read_references
from models.asset import Asset, AssetKind
from models.attempt import Attempt
from models.clip_decision import ClipDecision
from models.job_event import JobEvent
from models.ledger_entry import SPENT_KINDS, LedgerEntry
from models.operations.campaigns.counts import by_state, counts_by_kind, spent_by_currency
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.requests.option_table import REQUEST_OPTIONS, Role
from reelqueue.states import RenderState

_SETTINGS: Final = tuple(
    option.name
    for option in REQUEST_OPTIONS
    if option.has_column and option.role is Role.PARAMETER and option.name not in Tile.__slots__
)
"""Settings with a column that have no field of their own in a tile."""
_EVENTS_MAX: Final = 60
_SHOWN_CHARACTERS: Final = 64

_Row = TypeVar("_Row", Attempt, JobEvent)

AssetUrl = Callable[[Asset], str]
"""Where a browser finds a stored file."""


@dataclass(frozen=True)
class _Related:
    """Rows that hang on some jobs, by job."""

    references: Mapping[UUID, References]
    tasks: Mapping[UUID, ProviderTask]
    attempts: Mapping[UUID, list[Attempt]]
    events: Mapping[UUID, list[JobEvent]]
    assets: Mapping[tuple[UUID, AssetKind], Asset]
    decisions: Mapping[UUID, ClipDecision]
    spent: Mapping[UUID, list[Money]]
    seconds: Mapping[UUID, Decimal]


def load_summary(session: Session, campaign_id: UUID) -> Summary:
    """How many of a campaign's clips are in each state, and what was spent on all."""
    return Summary(
        by_state=by_state(counts_by_kind(session, campaign_id)),
        spent=[Money(amount=amount, currency=one) for one, amount in spent_by_currency(session, campaign_id).items()],
    )


def load_tiles(
    session: Session,
    campaign_id: UUID,
    url: AssetUrl,
    *,
    after: UUID | None = None,
    only: RenderState | None = None,
    limit: int,
) -> list[Tile]:
    """Some tiles of a campaign, in the order of its file; a clip that was rendered again stands where it stood.

    Args:
        session: To read with.
        campaign_id: The campaign.
        url: Where a browser finds a stored file.
        after: The job of the last tile before.
        only: The one state that is wanted; None: all.
        limit: Most tiles.
    """
    return load_some(session, page_ids(session, campaign_id, after=after, only=only, limit=limit), url)


def load_some(session: Session, job_ids: Sequence[UUID], url: AssetUrl) -> list[Tile]:
    """The tiles of some jobs of one campaign, in the order of its file."""
    jobs = session.scalars(select(RenderJob).where(RenderJob.id.in_(job_ids)).order_by(*PLACE)).all()
    related = _related(session, [job.id for job in jobs])
    return [_tile(job, related, url) for job in jobs]


def changed_among(session: Session, job_ids: Sequence[UUID], since: datetime) -> list[UUID]:
    """Those of some jobs that have an event or a decision since a time."""
    happened = select(JobEvent.job_id).where(JobEvent.job_id.in_(job_ids), JobEvent.at >= since)
    decided = select(ClipDecision.job_id).where(ClipDecision.job_id.in_(job_ids), ClipDecision.decided_at >= since)
    return list(session.scalars(union(happened, decided)))


def _related(session: Session, ids: Sequence[UUID]) -> _Related:
    tasks = session.scalars(select(ProviderTask).where(ProviderTask.job_id.in_(ids)).order_by(ProviderTask.id))
    attempts = session.scalars(select(Attempt).where(Attempt.job_id.in_(ids)).order_by(Attempt.job_id, Attempt.number))
    events = session.scalars(select(JobEvent).where(JobEvent.job_id.in_(ids)).order_by(JobEvent.job_id, JobEvent.id))
    assets = session.scalars(select(Asset).where(Asset.job_id.in_(ids)))
    decisions = session.scalars(select(ClipDecision).where(ClipDecision.job_id.in_(ids)))
    spent, seconds = _money(session, ids)
    return _Related(
        references=read_references(session, ids),
        tasks={task.job_id: task for task in tasks},  # the latest wins
        attempts=_grouped(attempts),
        events=_grouped(events),
        assets={(asset.job_id, asset.kind): asset for asset in assets},
        decisions={decision.job_id: decision for decision in decisions},
        spent=spent,
        seconds=seconds,
    )


def _grouped(rows: Iterable[_Row]) -> Mapping[UUID, list[_Row]]:
    found: defaultdict[UUID, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.job_id].append(row)
    return found


def _money(session: Session, ids: Sequence[UUID]) -> tuple[Mapping[UUID, list[Money]], Mapping[UUID, Decimal]]:
    spent: defaultdict[UUID, list[Money]] = defaultdict(list)
    seconds: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    entries = session.execute(
        select(LedgerEntry.job_id, LedgerEntry.currency, func.sum(LedgerEntry.amount), func.sum(LedgerEntry.seconds))
        .where(LedgerEntry.job_id.in_(ids), LedgerEntry.kind.in_(SPENT_KINDS))
        .group_by(LedgerEntry.job_id, LedgerEntry.currency)
        .order_by(LedgerEntry.job_id, LedgerEntry.currency)
    )
    for job_id, currency, amount, billed in entries:
        if job_id is None:
            continue
        if currency is not None and amount:
            spent[job_id].append(Money(amount=amount, currency=currency))
        if billed:
            seconds[job_id] += billed
    return spent, seconds


def _tile(job: RenderJob, related: _Related, url: AssetUrl) -> Tile:
    task, decided = related.tasks.get(job.id), related.decisions.get(job.id)
    return Tile(
        id=str(job.id),
        name=job.custom_id or str(job.id),
        state=job.state,
        model=job.model,
        mode=job.mode,
        file=job.output_path,
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        actual_prompt=task.actual_prompt if task else None,
        seed=job.seed,
        asked={name: value for name in _SETTINGS if (value := getattr(job, name)) is not None},
        variables=_variables(job),
        references=_references(job, related.references.get(job.id)),
        poster=_poster(related.assets.get((job.id, AssetKind.POSTER)), url),
        clip=_clip(related.assets.get((job.id, AssetKind.VIDEO)), url),
        why=_why(job),
        spent=related.spent.get(job.id, ()),
        billed_seconds=related.seconds.get(job.id),
        provider_task_id=task.provider_task_id if task else None,
        tries=[_try(attempt) for attempt in related.attempts.get(job.id, ())],
        events=[_event(event) for event in related.events.get(job.id, ())[-_EVENTS_MAX:]],
        decision=decided.decision if decided else None,
        decided_by=decided.key_name if decided else None,
        decided_at=decided.decided_at if decided else None,
    )


def _variables(job: RenderJob) -> dict[str, str]:
    """What its row and the matrix gave, or else what its producer noted, as far as it is short enough to choose by."""
    given: dict[str, Any] = job.clip_variables or job.job_metadata or {}
    scalars = {name: value for name, value in given.items() if isinstance(value, (str, int, float))}
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in scalars.items()}
    return {name: value for name, value in written.items() if len(value) <= _SHOWN_CHARACTERS}


def _references(job: RenderJob, found: References | None) -> list[Reference]:
    shown: list[Reference] = []
    for row in found.rows if found else ():
        role = row.media_type or row.role
        shown.append(Reference(role=role, url=found.restore(row.url) if found else row.url))
        if row.voice_url:
            shown.append(Reference(role="voice", url=found.restore(row.voice_url) if found else row.voice_url))
    if job.audio_url:
        is_embedded = job.audio_url.startswith("data:")
        shown.append(
            Reference(role="sound", url=f"{job.audio_url[:_SHOWN_CHARACTERS]}…" if is_embedded else job.audio_url)
        )
    return shown


def _poster(asset: Asset | None, url: AssetUrl) -> Picture | None:
    if asset is None:
        return None
    return Picture(
        url=url(asset),
        width_px=asset.width_px,
        height_px=asset.height_px,
        size_bytes=asset.size_bytes,
        sha256=asset.sha256,
    )


def _clip(asset: Asset | None, url: AssetUrl) -> Clip | None:
    if asset is None:
        return None
    return Clip(
        url=url(asset),
        duration_seconds=asset.duration_seconds,
        width_px=asset.width_px,
        height_px=asset.height_px,
        size_bytes=asset.size_bytes,
        sha256=asset.sha256,
        has_audio=asset.has_audio,
    )


def _why(job: RenderJob) -> Why | None:
    if job.failure_class is None and job.failure_message is None:
        return None
    return Why(failure_class=job.failure_class, code=job.failure_code, message=job.failure_message)


def _try(attempt: Attempt) -> Try:
    return Try(
        number=attempt.number,
        state=ATTEMPT_WORDS[attempt.state],
        at=attempt.sent_at or attempt.created_at,
        http_status=attempt.http_status,
        error_code=attempt.error_code,
        error_message=attempt.error_message,
    )


def _event(event: JobEvent) -> Event:
    move = " → ".join(STATE_WORDS[state] for state in (event.from_state, event.to_state) if state)
    facts = ", ".join(f"{name} {value}" for name, value in event.detail.items() if value not in (None, ""))
    words = move or event.kind.replace("_", " ")
    return Event(at=event.at, words=f"{words} ({facts})" if facts else words)
