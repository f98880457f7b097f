"""What stands beside a clip: its name by the campaign's pattern, and its description."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from models import RenderJob
from reelqueue.schemas.sidecar import SCHEMA, Sidecar
from reelqueue.version import VERSION
from tests.support.jobs import Jobs
from tests.support.loopback import LoopbackServer, says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import succeeded
from tests.support.stored_clips import apply, clip, make_campaign
from workers.archive.archive_result import archive_render_job
from workers.archive.download import Download
from workers.dispatch.dispatcher import dispatch
from workers.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server of the clip."""
    with serving(says("200 OK", make_clip())) as server:
        yield server


def archived(jobs: Jobs, url: str, **options: Any) -> RenderJob:
    """A campaign's clip that was rendered and archived."""
    with jobs.context.sessions.begin() as session:
        apply(session, make_campaign(session, name="spring"), clip("shoe-1", **options))
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(succeeded(url, actual_prompt="a boat, rewritten"))
    with jobs.context.sessions() as session:
        job = session.scalars(select(RenderJob)).one()
    archive_render_job(jobs.context, job.id)
    return job


def sidecar(jobs: Jobs, rows: Rows, job: RenderJob) -> dict[str, Any]:
    path = jobs.context.archive.path(rows.assets(job.id)["sidecar"].path)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_campaigns_clip_is_named_by_its_pattern(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job = archived(jobs, server.url)

    names = {kind: asset.path for kind, asset in rows.assets(job.id).items()}
    stem = f"default/spring/shoe-1~{job.id.hex[-12:]}"
    assert names == {
        "video": f"{stem}.mp4",
        "poster": f"{stem}.jpg",
        "last_frame": f"{stem}.last.png",
        "sidecar": f"{stem}.json",
    }


def test_it_says_what_was_asked_for_and_made(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job = archived(jobs, server.url, seed=7, negative_prompt="rain", duration=5)

    said = sidecar(jobs, rows, job)

    assert (said["schema"], said["reelqueue_version"], said["job_id"]) == (SCHEMA, VERSION, str(job.id))
    assert (said["campaign"], said["custom_id"], said["output"]) == ("spring", "shoe-1", job.output_path)
    assert (said["prompt"], said["actual_prompt"], said["negative_prompt"], said["seed"]) == (
        job.prompt,
        "a boat, rewritten",
        "rain",
        7,
    )
    assert said["options"]["duration"] == 5
    assert said["provider"]["task_id"] == rows.tasks(job.id)[0].provider_task_id


def test_it_says_what_the_clip_cost_as_the_ledger_does(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job = archived(jobs, server.url)

    (cost,) = sidecar(jobs, rows, job)["cost"]
    assert (float(cost["amount"]), cost["currency"]) == (float(rows.spent(job.id)), "USD")


def test_it_names_the_files_beside_it_with_their_checksums(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job = archived(jobs, server.url)

    said, folder = sidecar(jobs, rows, job), jobs.context.archive.path(rows.assets(job.id)["video"].path).parent

    for kind in ("video", "poster", "last_frame"):
        file = said[kind]
        assert Download.of(Path(folder, file["name"])) == Download(file["size_bytes"], file["sha256"])


def test_embedded_pictures_are_told_by_their_beginning(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    file = io.BytesIO()
    Image.new("RGB", (640, 360)).save(file, "PNG")
    picture = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    job = archived(jobs, server.url, model="wan2.6-i2v", image=picture)

    (reference,) = sidecar(jobs, rows, job)["references"]
    assert reference["url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert (len(reference["url"]) < 100, f"({len(picture)} bytes)" in reference["url"]) == (True, True)


def test_it_reads_back_as_what_it_was(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job = archived(jobs, server.url)

    said = sidecar(jobs, rows, job)

    assert json.loads(Sidecar.model_validate(said).as_json()) == said
