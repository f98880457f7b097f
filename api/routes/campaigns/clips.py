"""The clips of a campaign: handed in at once, and told apart by what they send."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import ColumnElement, Row, Select, and_, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, sessionmaker

from api.auth.campaign_access import PathCampaign, check_going
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.bulk_pages import in_turn
from api.http.clip_batches import BODY, NDJSON, read_batch
from api.http.request_body import ndjson_lines
from api.problem_details import documented
from api.spending.second_person import note_applier
from models.campaign import Campaign
from models.operations.campaign_import.renew_contents import renew_contents
from models.operations.campaign_import.store_batch import store_clips
from models.operations.campaigns.current_clips import RESTORABLE, current_clips, lock_clips
from models.operations.jobs.current_clip import IS_CURRENT
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.output_paths import DEFAULT_PATTERN
from reelqueue.schemas.campaigns import ImportedClips
from reelqueue.states import RenderState

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

_ROWS_AT_ONCE: Final = 5_000


@router.post("/clips", responses=documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503), openapi_extra=BODY)
def import_clips(
    *,
    lines: Annotated[list[bytes], Depends(ndjson_lines)],
    campaign: PathCampaign,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    skip_bad: Annotated[bool, Query(description="Store the others where some cannot be rendered.")] = False,
) -> ImportedClips:
    """Store a batch of clips, each id once: handed in again, what is there already is left alone.

    They are durable and in force when the answer arrives. A batch with a bad line stores nothing, unless those are
    skipped. More than one batch is an import: see `imports`.
    """
    check_going(campaign)
    options = CampaignOptions(name=campaign.name, output=campaign.output_pattern or DEFAULT_PATTERN)
    campaign_id = campaign.id

    def contents_of(custom_ids: Collection[str]) -> dict[str, str]:
        found = current_clips(session, campaign_id, custom_ids)
        session.commit()
        return {name: standing.content_sha256 for name, standing in found.items()}

    renew_contents(session, campaign_id)
    session.commit()  # no transaction stands open while thousands of requests are checked
    batch = read_batch(lines, options, contents_of)
    bad = len(batch.problems)
    if bad and not skip_bad:
        return ImportedClips(bad=bad, problems=batch.problems)
    lock_clips(session, campaign_id)
    stored = store_clips(session, campaign, batch.clips, now=clock())
    note_applier(session, campaign, caller.key_name)
    context.quotas.check_stored(session, campaign.tenant_id, stored.new + stored.changed)
    context.commit_and_hint(session)
    log.info("campaign.imported", campaign=str(campaign_id), **asdict(stored), bad=bad)
    return ImportedClips(**asdict(stored), bad=bad, problems=batch.problems)


@router.get(
    "/contents",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "An object a line: `custom_id`, `content_sha256`, `state`; `earlier` where the row has "
            "another content now; `priority` and `start_by` where it waits and has its own.",
            "content": {NDJSON: {}},
        },
        **documented(401, 403, 404, 422, 503),
    },
)
def list_campaign_contents(campaign: PathCampaign, context: OpenContext) -> StreamingResponse:
    """What the campaign holds: each row's id, and the hash of what it sends."""
    with context.sessions() as session:
        renew_contents(session, campaign.id)
    return StreamingResponse(in_turn(_contents(context.sessions, campaign), context.bulk), media_type=NDJSON)


def _contents(sessions: sessionmaker[Session], campaign: Campaign) -> Iterator[str]:
    """Page by page, each with a session of its own: a slow reader holds no connection."""
    job = (RenderJob.content_sha256, RenderJob.state, RenderJob.superseded_at, RenderJob.priority, RenderJob.start_by)
    here = RenderJob.campaign_id == campaign.id
    rows = select(RenderJob.custom_id, *job).where(here, or_(and_(*IS_CURRENT), and_(*RESTORABLE)))
    shared = and_(here, *IS_CURRENT, RenderJob.content_sha256 == ClipTwin.content_sha256)
    twins = select(ClipTwin.custom_id, *job).join(RenderJob, shared).where(ClipTwin.campaign_id == campaign.id)
    for page in chain(_pages(sessions, rows, RenderJob.id), _pages(sessions, twins, ClipTwin.custom_id)):
        yield "".join(f"{json.dumps(_content(campaign, row))}\n" for row in page)


def _pages(
    sessions: sessionmaker[Session], query: Select[*tuple[Any, ...]], key: InstrumentedAttribute[Any]
) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    """The rows of *query* by a key that each has for itself."""
    query = query.add_columns(key.label("key")).order_by(key).limit(_ROWS_AT_ONCE)
    last: ColumnElement[bool] = true()
    while True:
        with sessions() as session:
            page = session.execute(query.where(last)).all()
        if not page:
            return
        yield page
        last = key > page[-1].key


def _content(campaign: Campaign, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    told = {"custom_id": row.custom_id, "content_sha256": row.content_sha256, "state": row.state.value}
    if row.superseded_at is not None:
        return told | {"earlier": True}
    if row.state is RenderState.QUEUED:
        is_own = row.start_by is not None and row.start_by != campaign.start_by
        told |= {"priority": row.priority} if row.priority else {}
        told |= {"start_by": row.start_by.isoformat()} if is_own else {}
    return told
