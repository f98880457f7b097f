"""Tiles from the database: all that is known of a clip, in as many questions for two clips as for many."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from api.gallery import page_data as serving
from api.gallery.page_data import campaign_page, campaign_sheet, export_page, poster_in
from api.gallery.tile_queries import load_summary, load_tiles
from api.gallery.tiles import Money, Tile, Why
from models import JobReference, RenderJob
from models.asset import Asset, AssetKind
from models.campaign import Campaign, ensure_campaign
from models.job_reference import ReferenceRole
from models.operations.campaigns.decisions import decide
from models.operations.jobs.transitions import record
from models.storage import LocalArchive
from models.tenant import ensure_tenant
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.schemas.campaigns import Decision
from reelqueue.states import FailureClass, RenderState
from tests.api.gallery.reel import Stock
from tests.support.stored_jobs import NOW, store_job
from tests.support.stored_payments import store_payment


@pytest.fixture
def campaign_id(session: Session) -> UUID:
    """A campaign without jobs."""
    return ensure_campaign(session, ensure_tenant(session), "autumn")


def store_clip(session: Session, campaign_id: UUID, custom_id: str) -> UUID:
    """A clip that was rendered, paid for and archived."""
    store_payment(session, campaign_id=campaign_id, custom_id=custom_id, job_metadata={"place": "dunes", "no": [1]})
    job_id = session.scalars(select(RenderJob.id).where(RenderJob.custom_id == custom_id)).one()
    for kind, suffix in ((AssetKind.VIDEO, "mp4"), (AssetKind.POSTER, "jpg")):
        session.add(_asset(job_id, kind, f"2026/11/23/{custom_id}.{suffix}"))
    session.add(JobReference(job_id=job_id, position=0, role=ReferenceRole.IMAGE, url="https://media.test/a.png"))
    record(session, job_id, "state", now=NOW, to_state=RenderState.QUEUED)
    session.flush()
    return job_id


def tiles(session: Session, campaign_id: UUID) -> list[Tile]:
    return load_tiles(session, campaign_id, address, limit=100)


def address(asset: Asset) -> str:
    return f"/{asset.path}"


def test_a_tile_has_all_that_is_known(session: Session, campaign_id: UUID) -> None:
    job_id = store_clip(session, campaign_id, "dunes-1")

    (tile,) = tiles(session, campaign_id)

    assert (tile.id, tile.name, tile.state) == (str(job_id), "dunes-1", RenderState.SUCCEEDED)
    assert tile.clip
    assert tile.poster
    assert (tile.clip.url, tile.poster.url) == ("/2026/11/23/dunes-1.mp4", "/2026/11/23/dunes-1.jpg")
    assert (tile.spent, tile.billed_seconds) == ([Money(amount=Decimal("0.50"), currency="USD")], Decimal(5))
    assert tile.variables == {"place": "dunes"}
    assert [reference.url for reference in tile.references] == ["https://media.test/a.png"]
    assert [(attempt.number, attempt.state) for attempt in tile.tries] == [(1, "accepted")]
    assert [event.words for event in tile.events] == ["waiting"]
    assert tile.provider_task_id == f"task of {job_id}"


def test_a_tile_says_why_it_failed(session: Session, campaign_id: UUID) -> None:
    failure = {"failure_class": FailureClass.INPUT, "failure_code": "InvalidURL", "failure_message": "no picture there"}
    store_job(session, RenderState.FAILED, campaign_id=campaign_id, **failure)

    (tile,) = tiles(session, campaign_id)

    assert tile.why == Why(failure_class="input", code="InvalidURL", message="no picture there")
    assert tile.clip is None


def test_embedded_media_are_cut(session: Session, campaign_id: UUID) -> None:
    job_id = store_job(session, campaign_id=campaign_id, audio_url=f"data:audio/wav;base64,{'A' * 90_000}")
    picture = f"data:image/png;base64,{'A' * 90_000}"
    session.add(JobReference(job_id=job_id, position=0, role=ReferenceRole.IMAGE, url=picture))
    session.flush()

    (tile,) = tiles(session, campaign_id)

    assert [reference.role for reference in tile.references] == ["image", "sound"]
    assert all(len(reference.url) < 100 for reference in tile.references)


def test_another_campaign_is_left_out(session: Session, campaign_id: UUID) -> None:
    store_job(session)

    assert tiles(session, campaign_id) == []


def test_a_clip_in_whose_place_another_stands_is_left_out(session: Session, campaign_id: UUID) -> None:
    store_job(session, campaign_id=campaign_id, superseded_at=NOW)
    job_id = store_job(session, campaign_id=campaign_id)

    assert [tile.id for tile in tiles(session, campaign_id)] == [str(job_id)]
    assert load_summary(session, campaign_id).clip_count == 1


def test_a_clip_that_is_rendered_again_stands_where_it_stood(session: Session, campaign_id: UUID) -> None:
    ids = [store_job(session, campaign_id=campaign_id, clip_line=line) for line in (2, 3, 2)]

    assert [tile.id for tile in tiles(session, campaign_id)] == [str(ids[index]) for index in (0, 2, 1)]


def test_a_tile_has_the_variables_of_its_row(session: Session, campaign_id: UUID) -> None:
    given = {"style.look": "film noir", "ground": "marble", "count": 3, "long": "x" * 200}
    store_job(session, campaign_id=campaign_id, clip_variables=given, job_metadata={"note": "unseen"})

    (tile,) = tiles(session, campaign_id)

    assert tile.variables == {"style.look": "film noir", "ground": "marble", "count": "3"}


def test_a_tile_says_who_decided_what(session: Session, campaign_id: UUID) -> None:
    job_id = store_clip(session, campaign_id, "dunes-1")
    decide(session, [job_id], Decision.APPROVE, by="ana", now=NOW)

    (tile,) = tiles(session, campaign_id)

    assert (tile.decision, tile.decided_by, tile.decided_at) == ("approve", "ana", NOW)


def test_a_page_to_take_along_names_its_files(session: Session, campaign_id: UUID) -> None:
    job_id = store_clip(session, campaign_id, "clip")
    session.get_one(RenderJob, job_id).output_path = "autumn/clip.mp4"
    store_job(session, RenderState.FAILED, campaign_id=campaign_id)

    page = export_page(session, session.get_one(Campaign, campaign_id), now=NOW, number=1)

    assert (page.file_name, page.clip_count, page.next_after) == ("index.html", 2, None)
    assert [(file.path, file.url) for file in page.files] == [
        ("autumn/clip.mp4", f"/v1/jobs/{job_id}/asset"),
        ("posters/autumn/clip.jpg", f"/v1/jobs/{job_id}/poster"),
    ]


def test_a_sheet_finds_the_posters(session: Session, campaign_id: UUID, stock: Stock, tmp_path: Path) -> None:
    store_clip(session, campaign_id, "clip")
    archive = LocalArchive(tmp_path)
    shutil.copytree(stock.folder, archive.path("2026/11/23"))

    sheet = campaign_sheet(session, session.get_one(Campaign, campaign_id), now=NOW)

    assert [poster_in(archive)(tile) for tile in sheet.tiles] == [(tmp_path / "2026/11/23/clip.jpg").read_bytes()]


def test_more_clips_take_no_more_questions(session: Session, campaign_id: UUID) -> None:
    store_clip(session, campaign_id, "dunes-0")
    with counted(session) as few:
        tiles(session, campaign_id)
    for number in range(1, 9):
        store_clip(session, campaign_id, f"dunes-{number}")

    with counted(session) as many:
        assert len(tiles(session, campaign_id)) == 9

    assert len(many) == len(few) < 12


def test_a_summary_counts_states_and_money(session: Session, campaign_id: UUID) -> None:
    store_clip(session, campaign_id, "dunes-0")
    store_clip(session, campaign_id, "dunes-1")
    store_job(session, RenderState.FAILED, campaign_id=campaign_id)

    summary = load_summary(session, campaign_id)

    assert summary.by_state == {RenderState.SUCCEEDED: 2, RenderState.FAILED: 1}
    assert summary.spent == [Money(amount=Decimal("1.00"), currency="USD")]


def test_pages_of_a_served_gallery_lead_on(
    session: Session, campaign_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PAGE_COUNT", 2)
    ids = [store_job(session, campaign_id=campaign_id) for _ in range(3)]
    campaign = session.get_one(Campaign, campaign_id)

    first = campaign_page(session, campaign, now=NOW, region=SINGAPORE)
    second = campaign_page(session, campaign, now=NOW, region=SINGAPORE, after=ids[1])

    assert (first.title, first.first_number, first.next_url) == ("autumn", 1, f"?after={ids[1]}")
    assert ([tile.id for tile in second.tiles], second.first_number, second.next_url) == ([str(ids[2])], 3, None)


def test_a_served_gallery_has_the_addresses_of_the_api(session: Session, campaign_id: UUID) -> None:
    job_id = store_clip(session, campaign_id, "dunes-1")

    (tile,) = campaign_page(session, session.get_one(Campaign, campaign_id), now=NOW, region=SINGAPORE).tiles

    assert tile.clip
    assert tile.poster
    assert (tile.clip.url, tile.poster.url) == (f"/v1/jobs/{job_id}/asset", f"/v1/jobs/{job_id}/poster")


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements that are executed in the block."""
    session.expire_all()
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield said
    event.remove(connection, "before_cursor_execute", note)


def _asset(job_id: UUID, kind: AssetKind, path: str) -> Asset:
    facts = {"content_type": "video/mp4", "size_bytes": 9, "sha256": "0" * 64, "created_at": NOW}
    return Asset(job_id=job_id, kind=kind, path=path, width_px=1280, height_px=720, **facts)
