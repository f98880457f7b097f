"""What came of a campaign, as files: its results, and the rows to repair."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.auth.campaign_access import PathCampaign
from api.dependencies import OpenContext
from api.http.bulk_pages import in_turn
from api.problem_details import documented
from models.operations.campaigns.failed_rows import VARIABLES, failure_headings, failure_pages
from models.operations.campaigns.results import RESULT_HEADINGS, result_pages
from reelqueue.campaigns.rows.csv_dialect import escaped
from reelqueue.campaigns.rows.url_cells import join_urls

router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

CSV: Final = "text/csv; charset=utf-8"
NDJSON: Final = "application/x-ndjson"
Row = Mapping[str, Any]


def _responses(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type.partition(";")[0]: {"schema": {"type": "string"}}}
    return {200: {"description": what, "content": content}, **documented(401, 403, 404, 422, 503)}


@router.get(
    "/results.csv", response_class=StreamingResponse, responses=_responses(CSV, "A line a clip; no cell is a formula.")
)
def download_results_csv(campaign: PathCampaign, context: OpenContext) -> StreamingResponse:
    """Every clip with its file, checksum, seconds, cost and prompt, for spreadsheets."""
    pages = result_pages(context.sessions, campaign.id)
    content = in_turn(_as_csv(RESULT_HEADINGS, pages), context.bulk)
    return StreamingResponse(content, media_type=CSV, headers=_named("results.csv"))


@router.get(
    "/results.jsonl", response_class=StreamingResponse, responses=_responses(NDJSON, "An object a clip and line.")
)
def download_results_jsonl(campaign: PathCampaign, context: OpenContext) -> StreamingResponse:
    """Every clip with its file, checksum, seconds, cost and prompt, for programs."""
    content = in_turn(_as_lines(result_pages(context.sessions, campaign.id)), context.bulk)
    return StreamingResponse(content, media_type=NDJSON)


@router.get(
    "/failures.csv", response_class=StreamingResponse, responses=_responses(CSV, "A campaign file of the failed rows.")
)
def download_failures_csv(campaign: PathCampaign, context: OpenContext) -> StreamingResponse:
    """The rows that failed or were moderated, with the reason first: correct them, and apply the file again."""
    headings = failure_headings(context.sessions, campaign.id)
    pages = (map(_flat, page) for page in failure_pages(context.sessions, campaign.id, with_pictures=False))
    content = in_turn(_as_csv(headings, pages), context.bulk)
    return StreamingResponse(content, media_type=CSV, headers=_named("failures.csv"))


@router.get(
    "/failures.jsonl", response_class=StreamingResponse, responses=_responses(NDJSON, "An object a row and line.")
)
def download_failures_jsonl(campaign: PathCampaign, context: OpenContext) -> StreamingResponse:
    """The rows that failed or were moderated, as a campaign file of JSON Lines."""
    pages = failure_pages(context.sessions, campaign.id, with_pictures=True)
    given = ([{name: value for name, value in row.items() if value is not None} for row in page] for page in pages)
    return StreamingResponse(in_turn(_as_lines(given), context.bulk), media_type=NDJSON)


def _named(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"'}


def _flat(row: Row) -> Row:
    """With one cell for its references, and a column for each variable."""
    urls = row["reference_urls"]
    variables = {f"{VARIABLES}.{name}": value for name, value in (row[VARIABLES] or {}).items()}
    return {**row, **variables, "reference_urls": urls and join_urls(urls)}


def _as_lines(pages: Iterable[Iterable[Row]]) -> Iterator[str]:
    for page in pages:
        yield "".join(f"{json.dumps(row, default=str)}\n" for row in page)


def _as_csv(headings: Iterable[str], pages: Iterable[Iterable[Row]]) -> Iterator[str]:
    """With the mark at its beginning that tells Excel that it is UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(headings)
    yield f"\N{ZERO WIDTH NO-BREAK SPACE}{_taken(buffer)}"
    for page in pages:
        writer.writerows([_cell(row.get(name)) for name in headings] for row in page)
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return escaped(json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value))
