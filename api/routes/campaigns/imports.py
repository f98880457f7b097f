"""Imports: a whole campaign file, handed over batch by batch and put in force by one commit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Path, status
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth.campaign_access import CampaignName, check_going, owner_of
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.clip_batches import BODY, read_batch
from api.http.openapi import body_of
from api.http.request_body import JsonObject, json_object, ndjson_lines, options_of
from api.problem_details import ProblemError, documented
from api.spending.confirmation import Agreement
from api.spending.cost_preview import waiting
from api.spending.second_person import check_budget, note_applier
from models.campaign import ensure_campaign
from models.clip_import import ClipImport
from models.operations.campaign_import.commit import (
    IncompleteImportError,
    begin_import,
    commit_import,
    find_campaign,
    options_of_import,
)
from models.operations.campaign_import.diff import DuplicateClipError, StaleImportError
from models.operations.campaign_import.staging import drop_import, stage_clips, staged_contents
from models.operations.campaigns.current_clips import current_clips
from models.operations.campaigns.model_ends import ModelEndsError
from models.operations.money.budget import BudgetBelowCommitmentsError
from models.operations.money.prices import hold_prices
from reelqueue.campaigns.limits import CLIPS_MAX
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.output_paths import DEFAULT_PATTERN
from reelqueue.requests.fields import whole_number
from reelqueue.schemas.campaigns import ClipImport as ClipImportView
from reelqueue.schemas.campaigns import CsvStyle, ImportedClips, StagedClips, WaitingClips

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/campaigns/{name}/imports", tags=["campaigns"])

_REFUSALS: Final = documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)

ImportId = Annotated[UUID, Path(description="As the import's beginning has told it.")]
BatchNumber = Annotated[int, Path(ge=1, le=CLIPS_MAX, description="From 1; clips come after those of lower batches.")]


class ImportOptions(BaseModel):
    """What an import is of."""

    model_config = ConfigDict(extra="forbid")

    options: dict[str, object] | None = Field(
        default=None, description="How the campaign is run from the commit on; null: as before, or without limits."
    )
    file_name: str | None = Field(
        default=None, max_length=255, pattern=r"^[^\u0000]*$", description="The file that it is read from."
    )


class StagedCount(BaseModel):
    """What an import is to consist of."""

    model_config = ConfigDict(extra="forbid")

    clips: Annotated[StrictInt, BeforeValidator(whole_number)] = Field(
        ge=0, le=CLIPS_MAX, description="How many were staged: with fewer, nothing is stored."
    )


class CommitOptions(StagedCount, Agreement):
    """What a commit stores, and the most that it may cost, which `price` returns."""

    csv_style: CsvStyle | None = Field(
        default=None, description="How the file is written: results and failures are like it; null: as before."
    )


def find_import(name: CampaignName, import_id: ImportId, session: OpenSession, caller: CurrentCaller) -> ClipImport:
    """The import named in the path, locked.

    Raises:
        ProblemError: 404 where there is none or it is another's.
    """
    mine = select(ClipImport).where(
        ClipImport.id == import_id, ClipImport.tenant_id == owner_of(caller, session), ClipImport.campaign_name == name
    )
    begun = session.scalars(mine.with_for_update()).one_or_none()
    if begun is None:
        why = f"there is no import {import_id} of campaign {name!r}; begin one, and send the file again"
        raise ProblemError(404, "import_not_found", why, field="import_id")
    return begun


PathImport = Annotated[ClipImport, Depends(find_import)]


@router.post("", status_code=status.HTTP_201_CREATED, responses=_REFUSALS, openapi_extra=body_of(ImportOptions))
def begin_campaign_import(
    name: CampaignName,
    body: Annotated[JsonObject, Depends(json_object)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
) -> ClipImportView:
    """Begin an import. Nothing of it is stored until its commit; left lying, it is forgotten after a day."""
    asked = options_of(body, ImportOptions)
    options = None if asked.options is None else options_of({"name": name, **asked.options}, CampaignOptions)
    if options is not None and options.name != name:
        raise ProblemError(422, "other_name", f"name: {options.name!r} is not the name in the path", field="name")
    tenant_id = owner_of(caller, session)
    if (campaign := find_campaign(session, tenant_id, name)) is not None:
        check_going(campaign)
    context.quotas.check_imports(session, tenant_id)
    now = clock()
    begun = begin_import(session, tenant_id, name, options, file_name=asked.file_name, now=now)
    session.commit()
    return ClipImportView(id=begun.id)


@router.put("/{import_id}/batches/{number}", responses=_REFUSALS, openapi_extra=BODY)
def stage_campaign_batch(
    lines: Annotated[list[bytes], Depends(ndjson_lines)],
    number: BatchNumber,
    begun: PathImport,
    session: OpenSession,
    context: OpenContext,
) -> StagedClips:
    """Check a batch of clips and keep it for the commit; sent again under its number, it is replaced.

    Bad lines are told and left out: who wants all or nothing does not commit.
    """
    if begun.committed_at is not None:
        raise ProblemError(409, "import_committed", f"import {begun.id} is committed already; begin another")
    import_id, tenant_id = begun.id, begun.tenant_id
    context.quotas.check_staged(session, tenant_id)
    options = _options(session, begun)

    def contents_of(custom_ids: Collection[str]) -> dict[str, str]:
        campaign = find_campaign(session, tenant_id, options.name)
        stored = current_clips(session, campaign.id, custom_ids) if campaign else {}
        staged = staged_contents(session, import_id, custom_ids, before=number)
        session.commit()
        return {custom_id: found.content_sha256 for custom_id, found in stored.items()} | staged

    session.commit()  # no transaction stands open while thousands of requests are checked
    batch = read_batch(lines, options, contents_of)
    stage_clips(session, import_id, number, batch.clips)
    session.commit()
    return StagedClips(clips=len(batch.clips), bad=len(batch.problems), problems=batch.problems)


def _options(session: Session, begun: ClipImport) -> CampaignOptions:
    """What the clips' files are named by."""
    campaign = find_campaign(session, begun.tenant_id, begun.campaign_name)
    before = campaign.output_pattern if campaign else None
    return options_of_import(begun) or CampaignOptions(name=begun.campaign_name, output=before or DEFAULT_PATTERN)


@router.post("/{import_id}/price", responses=_REFUSALS, openapi_extra=body_of(StagedCount))
def price_campaign_import(
    body: Annotated[JsonObject, Depends(json_object)],
    begun: PathImport,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
) -> WaitingClips:
    """Tell what the commit would have rendered, and the most that it costs; nothing is stored."""
    asked, now = options_of(body, StagedCount), clock()
    if begun.committed_at is not None:
        why = f"import {begun.id} is committed already; `waiting` tells what its campaign's clips cost"
        raise ProblemError(409, "import_committed", why)
    if (there := find_campaign(session, begun.tenant_id, begun.campaign_name)) is not None:
        check_going(there)
    _commit(session, begun, clips=asked.clips, now=now)
    campaign_id = ensure_campaign(session, begun.tenant_id, begun.campaign_name)
    offer = waiting(session, campaign_id, region=context.region, created_at=now)
    session.rollback()
    return WaitingClips(**asdict(offer))


@router.post("/{import_id}/commit", responses=_REFUSALS, openapi_extra=body_of(CommitOptions))
def commit_campaign_import(
    body: Annotated[JsonObject, Depends(json_object)],
    begun: PathImport,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
) -> ImportedClips:
    """Put an import in force, whole: its clips and how the campaign is run. Sent again, it is told again.

    A clip whose content is there already, or was and was submitted, is not rendered again, under whatever id.
    """
    asked = options_of(body, CommitOptions)
    if (campaign := find_campaign(session, begun.tenant_id, begun.campaign_name)) is not None:
        check_going(campaign)
    hold_prices(session)  # what is agreed to is what was shown: the prices of this moment
    now = clock()
    options, is_first = options_of_import(begun), begun.committed_at is None
    if is_first and (options is not None or campaign is None):
        check_budget(session, begun.tenant_id, campaign, options.budget if options else None, key_name=None)
    stored = _commit(session, begun, clips=asked.clips, csv_style=asked.csv_style, now=now)
    if (campaign := find_campaign(session, begun.tenant_id, begun.campaign_name)) is not None:
        if is_first and asked.is_limited:
            asked.check(waiting(session, campaign.id, region=context.region, created_at=now))
        note_applier(session, campaign, caller.key_name)
    context.quotas.check_stored(session, begun.tenant_id, stored["new"] + stored["changed"])
    context.commit_and_hint(session)
    log.info("campaign.imported", campaign=begun.campaign_name, clip_import=str(begun.id), **stored)
    return ImportedClips(**stored)


def _commit(
    session: Session, begun: ClipImport, *, clips: int, csv_style: CsvStyle | None = None, now: datetime
) -> dict[str, Any]:
    """Make an import effective in this transaction, whose end decides.

    Raises:
        ProblemError: 409 or 422, as it cannot be.
    """
    try:
        return commit_import(session, begun, clips=clips, csv_style=csv_style, now=now)
    except BudgetBelowCommitmentsError as error:
        raise ProblemError(409, "budget_below_commitments", str(error), field="budget") from error
    except DuplicateClipError as error:
        raise ProblemError(422, "duplicate_id", str(error), field="custom_id") from error
    except ModelEndsError as error:
        raise ProblemError(409, "model_ends", str(error), field="model") from error
    except (IncompleteImportError, StaleImportError) as error:
        raise ProblemError(409, "import_outdated", str(error)) from error


@router.delete(
    "/{import_id}",  # noqa: FAST003 - `find_import` takes it
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(401, 403, 404, 409, 422, 503),
)
def discard_campaign_import(begun: PathImport, session: OpenSession) -> None:
    """Forget an import that is not wanted; what is in force stays."""
    drop_import(session, begun.id)
    session.commit()
