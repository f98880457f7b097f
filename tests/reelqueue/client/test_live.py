"""Both clients against a real API over a real database."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models.asset import Asset, AssetKind
from models.render_job import RenderJob
from models.storage import open_archive
from reelqueue import ConflictError, InvalidRequestError, NotFoundError, RenderState
from tests.reelqueue.client.conftest import JOB_ID, World

VIDEO = b"not quite a film" * 10_000


def test_a_job_is_followed_from_submit_to_file(
    world: World, server: str, settings: ApiSettings, tmp_path: Path
) -> None:
    client = world.connect(server)
    handle = world.run(client.submit(model="wan2.6-t2v", prompt="a boat", custom_id="shot-1"))
    finish(settings, handle.id)

    job = world.run(handle.wait(60))
    path = world.run(handle.download(tmp_path))

    assert (job.state, job.custom_id) == (RenderState.SUCCEEDED, "shot-1")
    assert path.read_bytes() == VIDEO


def test_the_same_key_is_the_same_job_and_another_request_a_conflict(world: World, server: str) -> None:
    client = world.connect(server)
    first = world.run(client.submit(model="wan2.6-t2v", prompt="a boat", idempotency_key="k"))

    again = world.run(client.submit(model="wan2.6-t2v", prompt="a boat", idempotency_key="k"))
    with pytest.raises(ConflictError, match="another request"):
        world.run(client.submit(model="wan2.6-t2v", prompt="a ship", idempotency_key="k"))

    assert again.id == first.id


def test_jobs_are_found_again_and_cancelled(world: World, server: str) -> None:
    client = world.connect(server)
    ids = [world.run(client.submit(model="wan2.6-t2v", prompt="a boat", seed=seed)).id for seed in range(5)]

    handle = world.run(client.get(str(ids[0])))
    cancelled = world.run(handle.cancel(running="abandon"))
    listed = list(world.run(client.jobs(state=RenderState.QUEUED, page_size=2)))

    assert cancelled.state == world.run(handle.state()) == RenderState.CANCELLED
    assert [job.id for job in listed] == ids[:0:-1]


def test_previews_and_models_need_no_job(world: World, server: str) -> None:
    client = world.connect(server)

    preview = world.run(client.preview(model="wan2.6-t2v", prompt="a boat"))
    models = world.run(client.models())

    assert preview.request.body["input"] == {"prompt": "a boat"}
    assert "wan2.6-t2v" in {card.id for card in models.items}


def test_many_jobs_are_stored_once_however_often_they_are_submitted(world: World, server: str) -> None:
    client = world.connect(server)
    requests = [{"model": "wan2.6-t2v", "prompt": f"boat {number}"} for number in range(3)]

    first = world.run(client.submit_many(requests, idempotency_keys=["a", "b", "c"]))
    again = world.run(client.submit_many(requests[1:], idempotency_keys=["b", "c"]))

    assert [handle.job.prompt for handle in first] == ["boat 0", "boat 1", "boat 2"]
    assert [handle.id for handle in again] == [handle.id for handle in first[1:]]
    with pytest.raises(ConflictError, match=r"jobs\.1: the key belongs to render job"):
        world.run(client.submit_many(requests[:2], idempotency_keys=["new", "c"]))


def test_refusals_arrive_as_our_errors(world: World, server: str) -> None:
    client = world.connect(server)

    with pytest.raises(NotFoundError, match="no render job"):
        world.run(client.get(JOB_ID))
    with pytest.raises(InvalidRequestError, match="idempotency_key"):
        world.run(client.submit(model="wan2.6-t2v", prompt="a boat", idempotency_key="two words"))


def finish(settings: ApiSettings, job_id: UUID) -> None:
    """Put a job where the archive worker would have left it."""
    archive, key = open_archive(settings.archive_url), f"{job_id}.mp4"
    with archive.incoming(".mp4") as path:
        path.write_bytes(VIDEO)
        archive.keep(path, key, sha256=hashlib.sha256(VIDEO).hexdigest())
    engine = create_engine(settings.database_url.get_secret_value())
    with Session(engine) as session, session.begin():
        digest = hashlib.sha256(VIDEO).hexdigest()
        asset = {"path": key, "content_type": "video/mp4", "size_bytes": len(VIDEO), "sha256": digest}
        session.add(Asset(job_id=job_id, kind=AssetKind.VIDEO, created_at=datetime.now(UTC), **asset))
        session.get_one(RenderJob, job_id).state = RenderState.SUCCEEDED
    engine.dispose()
