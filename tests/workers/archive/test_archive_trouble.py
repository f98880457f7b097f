"""An archive that refuses, fills up or stalls costs time, never a clip and never a second render."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from models.storage import Archive, LocalArchive, open_archive
from reelqueue.states import FailureClass, RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import LoopbackServer, says, serving
from tests.support.rows import Rows
from tests.support.s3 import ARCHIVE_URL, KEY_ID, S3, SECRET, Fault, answering, cutting, garbling, stalling
from tests.support.sample_videos import make_clip
from workers.archive.archive_result import archive_render_job
from workers.runtime.context import Context
from workers.settings import Settings

DAY = 24 * 3600


class FullDisk(LocalArchive):
    """Where every file is on a device that has no space left."""

    @contextmanager
    def incoming(self, suffix: str, *, owner: str = "") -> Iterator[Path]:
        """The kernel's own full device."""
        assert suffix.startswith("."), owner
        yield Path("/dev/full")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def archive(s3: S3, tmp_path: Path) -> Archive:
    """A bucket."""
    assert s3.objects() == []
    return open_archive(ARCHIVE_URL, scratch=tmp_path / "scratch", timeout_seconds=1)


@pytest.fixture
def context(context: Context, archive: Archive) -> Context:
    """With the bucket for an archive."""
    return replace(context, archive=archive)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server of the clip."""
    with serving(says("200 OK", make_clip())) as server:
        yield server


@pytest.fixture
def job_id(jobs: Jobs, server: LoopbackServer) -> UUID:
    """A job whose result waits."""
    return jobs.archiving(url=server.url)


def faults() -> dict[str, Fault]:
    return {
        "refused": answering(403, "AccessDenied"),
        "bucket gone": answering(404, "NoSuchBucket"),
        "overloaded": answering(503, "SlowDown"),
        "broken": answering(500, "InternalError"),
        "cut off": cutting(),
        "garbled": garbling(),
        "video refused": answering(403, "AccessDenied", marked=".mp4"),
    }


def test_a_clip_and_what_is_beside_it_go_to_the_bucket(jobs: Jobs, rows: Rows, s3: S3, job_id: UUID) -> None:
    said = archive_render_job(jobs.context, job_id)

    stem = f"studio/2026/11/23/{job_id}"
    assert said == f"archived {len(make_clip())} bytes"
    assert rows.state(job_id) is RenderState.SUCCEEDED
    assert s3.objects() == [f"{stem}{suffix}" for suffix in (".jpg", ".json", ".last.png", ".mp4")]
    assert s3.read(f"{stem}.mp4").content == make_clip()


def test_the_video_comes_last_so_that_nothing_is_missing_beside_it(jobs: Jobs, s3: S3, job_id: UUID) -> None:
    archive_render_job(jobs.context, job_id)

    put = [path.rpartition(".")[2] for method, path in s3.seen if method == "PUT"]
    assert put == ["jpg", "png", "json", "mp4"]


@pytest.mark.parametrize("fault", faults().values(), ids=list(faults()))
def test_a_job_waits_until_the_archive_works_again(jobs: Jobs, rows: Rows, s3: S3, job_id: UUID, fault: Fault) -> None:
    s3.misbehave(fault)
    said = archive_render_job(jobs.context, job_id)
    waited = rows.state(job_id)
    s3.recover()
    jobs.clock.advance(5)
    archive_render_job(jobs.context, job_id)

    assert said.startswith("not kept: s3://clips/studio: ")
    assert (waited, rows.state(job_id)) == (RenderState.ARCHIVING, RenderState.SUCCEEDED)
    assert jobs.provider.count("submit") == 1
    assert s3.read(f"studio/2026/11/23/{job_id}.mp4").content == make_clip()


def test_a_bucket_that_never_answers_is_given_up(jobs: Jobs, rows: Rows, s3: S3, job_id: UUID) -> None:
    done = threading.Event()
    s3.misbehave(stalling(done))

    said = archive_render_job(jobs.context, job_id)

    done.set()
    assert said.startswith("not kept: s3://clips/studio: ")
    assert (rows.state(job_id), rows.job(job_id).lease_until) == (RenderState.ARCHIVING, None)


def test_the_provider_is_not_asked_for_what_the_archive_did(jobs: Jobs, s3: S3, job_id: UUID) -> None:
    s3.misbehave(answering(403, "AccessDenied"))
    asked = jobs.provider.count("query")

    archive_render_job(jobs.context, job_id)

    assert jobs.provider.count("query") == asked


def test_the_history_says_why_it_waits_and_how_long_it_can(jobs: Jobs, rows: Rows, s3: S3, job_id: UUID) -> None:
    s3.misbehave(answering(403, "AccessDenied"))

    archive_render_job(jobs.context, job_id)

    (event,) = rows.events(job_id, "keep_failed")
    assert event.detail["hours_left"] == 24.0
    assert event.detail["reason"].startswith("s3://clips/studio: HTTP 403 AccessDenied; check the bucket's name")


def test_no_credential_is_logged_or_stored(
    jobs: Jobs, rows: Rows, s3: S3, job_id: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.misbehave(answering(403, "InvalidAccessKeyId"))

    said = archive_render_job(jobs.context, job_id)

    shown = f"{said} {capsys.readouterr()} {[event.detail for event in rows.events(job_id)]} {jobs.context!r}"
    assert "InvalidAccessKeyId" in shown
    assert (KEY_ID in shown, SECRET in shown) == (False, False)


def test_only_the_end_of_the_result_ends_the_job(jobs: Jobs, rows: Rows, s3: S3, job_id: UUID) -> None:
    s3.misbehave(answering(403, "AccessDenied"))
    jobs.clock.advance(DAY)

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.state, job.failure_class) == (RenderState.FAILED, FailureClass.RESULT)
    assert "rendered and billed, but not archived in 1 tries before its result expired" in (job.failure_message or "")


@pytest.mark.parametrize("archive", [FullDisk(Path("/nonexistent"))])
def test_a_full_disk_is_waited_for(jobs: Jobs, rows: Rows, archive: Archive, job_id: UUID) -> None:
    said = archive_render_job(jobs.context, job_id)

    assert said.startswith(f"not kept: {archive.place}: No space left on device; free space there")
    assert (rows.state(job_id), rows.job(job_id).lease_until) == (RenderState.ARCHIVING, None)
