"""Campaigns whose clips have been rendered, put into the tables and the archive as they are wanted."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import RenderJob
from models.asset import Asset, AssetKind
from models.operations.jobs.transitions import record
from models.session import DatabaseClock
from models.storage import open_archive
from reelqueue.states import FailureClass, RenderState
from tests.api.gallery.reel import HEIGHT_PX, WIDTH_PX, Stock
from tests.support.campaigns import clips, make, submit_clips

RENDERED_AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
PLACES = ("harbour", "dunes", "ridge")
FILES = ((AssetKind.VIDEO, "clip.mp4", "video/mp4"), (AssetKind.POSTER, "clip.jpg", "image/jpeg"))


def shoot(
    api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock, count: int = 3, **changes: Any
) -> list[UUID]:
    """A campaign ``autumn`` of clips that have been rendered and archived, all with one video.

    Returns:
        Their jobs, in the file's order.
    """
    make(api)
    lines = [
        clip | {"clip": {"variables": {"place": PLACES[number % 3]}, "line": number + 2}} | changes
        for number, clip in enumerate(clips(count))
    ]
    for begin in range(0, count, 500):
        answer = submit_clips(api, *lines[begin : begin + 500])
        assert answer.json()["bad"] == 0, answer.text
    ids = list(rows.scalars(select(RenderJob.id).order_by(RenderJob.clip_line)))
    rows.execute(update(RenderJob).values(state=RenderState.SUCCEEDED, finished_at=RENDERED_AT))
    rows.execute(insert(Asset), [_asset(job_id, stock, *file) for job_id in ids for file in FILES])
    rows.commit()
    for _, name, _ in FILES:
        path = open_archive(settings.archive_url).path(f"stock/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stock.path(name).read_bytes())
    return ids


def move(rows: Session, job_id: UUID, state: RenderState, **values: Any) -> None:
    """Let a clip have gone into a state that has no video, as its history says as well."""
    end(rows, job_id, state, **values)
    record(rows, job_id, "state", now=DatabaseClock().now(rows), to_state=state)
    rows.commit()


def arrive(rows: Session, stock: Stock, job_id: UUID) -> None:
    """Let a clip have been rendered and archived."""
    rows.execute(insert(Asset), [_asset(job_id, stock, *file) for file in FILES])
    rows.execute(
        update(RenderJob).where(RenderJob.id == job_id).values(state=RenderState.SUCCEEDED, finished_at=RENDERED_AT)
    )
    record(rows, job_id, "state", now=DatabaseClock().now(rows), to_state=RenderState.SUCCEEDED)
    rows.commit()


def moderate(rows: Session, job_id: UUID) -> None:
    """Let a clip have been refused by the content filter."""
    why = {"failure_code": "DataInspectionFailed", "failure_message": "the content filter refused the output"}
    end(rows, job_id, RenderState.MODERATED, failure_class=FailureClass.MODERATION, **why)


def end(rows: Session, job_id: UUID, state: RenderState, **values: Any) -> None:
    """Let a clip have ended without a video."""
    rows.execute(Asset.__table__.delete().where(Asset.job_id == job_id))
    rows.execute(update(RenderJob).where(RenderJob.id == job_id).values(state=state, **values))
    rows.commit()


def _asset(job_id: UUID, stock: Stock, kind: AssetKind, name: str, content_type: str) -> dict[str, Any]:
    content = stock.path(name).read_bytes()
    return {
        "job_id": job_id,
        "kind": kind,
        "path": f"stock/{name}",
        "content_type": content_type,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "width_px": WIDTH_PX,
        "height_px": HEIGHT_PX,
        "duration_seconds": Decimal(1) if kind is AssetKind.VIDEO else None,
        "created_at": RENDERED_AT,
    }
