"""The clips of a campaign: handed in by batches, and told apart by what they send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from api.body import JsonObject, decode_object, ndjson_lines
from api.campaigns import PathCampaign, check_going
from api.problems import ProblemError, documented
from api.services import OpenServices, OpenSession
from models.campaign import Campaign
from models.clips import store_clips
from models.render_job import RenderJob
from models.session import DatabaseClock
from models.standing import COUNTS, lock_clips, standing_clips
from reelqueue.campaigns.answers import ClipProblem, ImportedClips
from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.outputs import DEFAULT_PATTERN
from reelqueue.campaigns.wire import CLIP_KEY, read_clip
from reelqueue.errors import InvalidRequestError

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

BATCH_LINES_MAX: Final = 2_000
"""Of one batch, which is stored in one transaction."""
PROBLEMS_MAX: Final = 100
NDJSON: Final = "application/x-ndjson"
_ROWS_AT_ONCE: Final = 5_000

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A request object a line, with `clip` for what is the campaign's business.",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}


@dataclass
class _Reader:
    """Reads a batch; what is wrong with one line never stops it."""

    options: CampaignOptions
    contents: dict[str, str]
    """By id, of the clips that others of this batch come after."""
    clips: list[Clip] = field(default_factory=list)
    problems: list[ClipProblem] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def read(self, number: int, data: JsonObject) -> None:
        """Take one line."""
        try:
            clip = self._new_clip(data)
        except InvalidRequestError as error:
            custom_id = data.get("custom_id")
            named = custom_id if isinstance(custom_id, str) else None
            self.refuse(number, named, error.code, error.message, error.field)
            return
        self._seen.add(clip.custom_id)
        self.contents[clip.custom_id] = clip.content_sha256
        self.clips.append(clip)

    def _new_clip(self, data: JsonObject) -> Clip:
        clip = read_clip(data, self.options, self.contents.get)
        if clip.custom_id in self._seen:
            raise InvalidRequestError("duplicate_id", "custom_id: it stands twice in this batch", "custom_id")
        return clip

    def refuse(self, number: int, custom_id: str | None, code: str, message: str, option: str | None) -> None:
        """Note a line that cannot be rendered."""
        problem = ClipProblem(line=number, custom_id=custom_id, code=code, message=message, field=option)
        self.problems.append(problem)


@router.post("/clips", responses=documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 503), openapi_extra=_BODY)
def import_clips(
    *,
    lines: Annotated[list[bytes], Depends(ndjson_lines)],
    campaign: PathCampaign,
    session: OpenSession,
    services: OpenServices,
    skip_bad: Annotated[bool, Query(description="Store the others where some cannot be rendered.")] = False,
) -> ImportedClips:
    """Store a batch of clips, each id once: handed in again, what is there already is left alone.

    They are durable when the answer arrives. A batch with a bad line stores nothing, unless those are skipped.
    """
    check_going(campaign)
    if len(lines) > BATCH_LINES_MAX:
        raise ProblemError(413, "too_many_lines", f"a batch has at most {BATCH_LINES_MAX} lines, not {len(lines)}")
    batch = _read(lines, campaign, session)
    bad, problems = len(batch.problems), batch.problems[:PROBLEMS_MAX]
    if bad and not skip_bad:
        return ImportedClips(new=0, changed=0, present=0, bad=bad, problems=problems)
    lock_clips(session, campaign.id)
    stored = store_clips(session, campaign, batch.clips, now=DatabaseClock().now(session))
    session.commit()
    if stored.new or stored.changed:
        services.hints.kick()
    log.info("campaign.imported", campaign=str(campaign.id), new=stored.new, changed=stored.changed, bad=bad)
    return ImportedClips(new=stored.new, changed=stored.changed, present=stored.present, bad=bad, problems=problems)


def _read(lines: list[bytes], campaign: Campaign, session: Session) -> _Reader:
    options = CampaignOptions(name=campaign.name, output=campaign.output_pattern or DEFAULT_PATTERN)
    campaign_id = campaign.id
    reader = _Reader(options, {})
    objects: list[tuple[int, JsonObject]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            objects.append((number, decode_object(line)))
        except ProblemError as error:
            reader.refuse(number, None, error.code, error.detail, error.field)
    afters = {after for _, data in objects if (after := _after(data)) is not None}
    if afters:
        found = standing_clips(session, campaign_id, afters)
        reader.contents = {name: standing.content_sha256 for name, standing in found.items()}
    session.commit()  # no transaction stands open while thousands of requests are checked
    for number, data in objects:
        reader.read(number, data)
    return reader


def _after(data: JsonObject) -> str | None:
    part = data.get(CLIP_KEY)
    after = part.get("after") if isinstance(part, dict) else None
    return after if isinstance(after, str) else None


@router.get(
    "/contents",
    response_class=StreamingResponse,
    responses={
        200: {"description": "An object with `custom_id` and `content_sha256` a line.", "content": {NDJSON: {}}},
        **documented(401, 403, 404, 422, 503),
    },
)
def read_contents(campaign: PathCampaign, services: OpenServices) -> StreamingResponse:
    """What the campaign holds: each clip's id, and the hash of what it sends."""
    return StreamingResponse(_contents(services.sessions, campaign), media_type=NDJSON)


def _contents(sessions: sessionmaker[Session], campaign: Campaign) -> Iterator[str]:
    held = select(RenderJob.custom_id, RenderJob.content_sha256).where(RenderJob.campaign_id == campaign.id, *COUNTS)
    with sessions() as session:
        for part in session.execute(held.execution_options(yield_per=_ROWS_AT_ONCE)).partitions():
            yield "".join(
                f"{json.dumps({'custom_id': custom_id, 'content_sha256': content})}\n" for custom_id, content in part
            )
