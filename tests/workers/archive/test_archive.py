"""Fetching results: kept whole with what was measured, tried again while they last, rendered never again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from PIL import Image

from models import ProviderTask, RenderJob
from models.storage import LocalArchive
from reelqueue.states import FailureClass, RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import Behaviour, LoopbackServer, hangs_up, says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import HEIGHT_PX, WIDTH_PX, make_clip
from tests.support.scripted_provider import ScriptedProvider, listing, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.archive.archive_result import archive_render_job
from workers.archive.download import Download
from workers.audit.invariants import audit
from workers.orphans.scan import scan_for_orphans
from workers.settings import Settings

CLIP = says("200 OK", make_clip())


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server of the clip."""
    with serving(CLIP) as server:
        yield server


def files_of(archive: LocalArchive) -> list[str]:
    return sorted(str(path.relative_to(archive.root)) for path in archive.root.rglob("*") if path.is_file())


def point_at(rows: Rows, url: str) -> None:
    """Give the finished task another result URL."""
    rows.change(ProviderTask, ProviderTask.result_url.is_not(None), result_url=url)


def test_a_result_is_kept_with_its_measures(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)

    said = archive_render_job(jobs.context, job_id)

    video = rows.assets(job_id)["video"]
    assert said == f"archived {len(make_clip())} bytes"
    assert rows.state(job_id) is RenderState.SUCCEEDED
    assert Download.of(jobs.context.archive.path(video.path)) == Download(video.size_bytes, video.sha256)
    assert (video.width_px, video.height_px, video.video_codec) == (WIDTH_PX, HEIGHT_PX, "h264")
    assert (video.has_audio, video.content_type) == (True, "video/mp4")


def test_a_result_has_a_poster(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)

    archive_render_job(jobs.context, job_id)

    poster = rows.assets(job_id)["poster"]
    with Image.open(jobs.context.archive.path(poster.path)) as picture:
        assert (picture.format, poster.content_type) == ("JPEG", "image/jpeg")


def test_files_stand_by_day_and_job(jobs: Jobs, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)

    archive_render_job(jobs.context, job_id)

    assert files_of(jobs.context.archive) == [
        f"2026/11/23/{job_id}.jpg",
        f"2026/11/23/{job_id}.json",
        f"2026/11/23/{job_id}.last.png",
        f"2026/11/23/{job_id}.mp4",
    ]


def test_nothing_more_is_due_afterwards(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.next_archive_at, job.lease_until, job.next_poll_at) == (None, None, None)
    assert rows.path(job_id) == ["queued", "admitted", "submitting", "rendering", "archiving", "succeeded"]


def test_a_doubled_message_does_nothing(jobs: Jobs, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)
    archive_render_job(jobs.context, job_id)

    assert archive_render_job(jobs.context, job_id) == "no result is due: nothing done"
    assert len(server.requests) == 1


def test_a_message_while_another_worker_fetches_does_nothing(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1")
    rows.change(RenderJob, RenderJob.id == job_id, lease_until=jobs.clock.at(1000))

    assert archive_render_job(jobs.context, job_id) == "no result is due: nothing done"


def test_a_worker_that_lost_its_lease_changes_nothing(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1")

    def slow(connection: object) -> None:
        rows.change(RenderJob, RenderJob.id == job_id, epoch=99, next_archive_at=jobs.clock.at(500))
        CLIP(connection)  # type: ignore[arg-type]

    with serving(slow) as server:
        jobs.provider.on_query(succeeded(server.url))
        point_at(rows, server.url)
        archive_render_job(jobs.context, job_id)

    assert (rows.state(job_id), rows.assets(job_id)) == (RenderState.ARCHIVING, {})
    assert rows.job(job_id).next_archive_at == jobs.clock.at(500)


BAD = [
    (says("200 OK", b""), "empty"),
    (says("200 OK", b"<html>Sign in</html>"), "not a playable mp4"),
    (says("200 OK", make_clip()[:500], Content_Length=""), "not the whole mp4 file"),  # cut where nobody counted
    (says("200 OK", make_clip(), Content_Length="999999"), "broke off"),
    (says("403 Forbidden", b"<Error/>"), "HTTP 403"),
    (says("302 Found", b"", Location="http://127.0.0.1:1/"), "HTTP 302"),
    (says("503 Busy", b""), "HTTP 503"),
    (hangs_up, "broke off"),
]


@pytest.mark.parametrize(("behaviour", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_result_is_tried_again_later(jobs: Jobs, rows: Rows, behaviour: Behaviour, reason: str) -> None:
    with serving(behaviour) as server:
        job_id = jobs.archiving(url=server.url)
        said = archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert reason in said
    assert (job.state, job.lease_until, job.archive_count) == (RenderState.ARCHIVING, None, 1)
    assert job.next_archive_at == jobs.clock.now() + timedelta(seconds=5)
    assert [event.detail["reason"] for event in rows.events(job_id, "fetch_failed")] == [said.split(": ", 1)[1]]
    assert files_of(jobs.context.archive) == []


@pytest.mark.parametrize("behaviour", [behaviour for behaviour, _ in BAD], ids=[reason for _, reason in BAD])
def test_a_bad_result_is_never_rendered_again(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, behaviour: Behaviour
) -> None:
    with serving(behaviour, CLIP) as server:
        job_id = jobs.archiving(url=server.url)
        archive_render_job(jobs.context, job_id)
        jobs.clock.advance(5)
        archive_render_job(jobs.context, job_id)

    assert rows.state(job_id) is RenderState.SUCCEEDED
    assert provider.count("submit") == 1


def test_the_task_is_asked_for_its_url_anew(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1/stale.mp4")
    jobs.provider.on_query(succeeded(server.url))

    archive_render_job(jobs.context, job_id)
    jobs.clock.advance(5)
    archive_render_job(jobs.context, job_id)

    assert rows.tasks(job_id)[0].result_url == server.url
    assert rows.state(job_id) is RenderState.SUCCEEDED


@pytest.mark.parametrize("said", [task("UNKNOWN"), task("RUNNING"), httpx.ReadError("cut")])
def test_without_a_new_url_the_old_one_is_tried_again(jobs: Jobs, rows: Rows, said: object) -> None:
    url = "http://127.0.0.1:1/clip.mp4"
    job_id = jobs.archiving(url=url)
    jobs.provider.on_query(said)  # type: ignore[arg-type]

    archive_render_job(jobs.context, job_id)

    assert rows.tasks(job_id)[0].result_url == url
    assert rows.job(job_id).next_archive_at is not None


def test_tries_are_ever_further_apart(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1")

    delays = []
    for _ in range(9):
        archive_render_job(jobs.context, job_id)
        due_at = rows.job(job_id).next_archive_at
        assert due_at is not None
        delays.append((due_at - clock.now()).total_seconds())
        clock.time = due_at

    assert delays == [5, 10, 20, 40, 80, 160, 320, 600, 600]


def test_the_last_try_is_made_when_the_result_expires(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1")
    expires_at = rows.tasks(job_id)[0].result_expires_at
    assert expires_at is not None
    clock.time = expires_at - timedelta(seconds=1)

    archive_render_job(jobs.context, job_id)

    assert (rows.state(job_id), rows.job(job_id).next_archive_at) == (RenderState.ARCHIVING, expires_at)


def test_an_expired_result_ends_the_job(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1")
    jobs.clock.advance(24 * 3600)

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.state, job.failure_class) == (RenderState.FAILED, FailureClass.RESULT)
    assert "rendered and billed" in (job.failure_message or "")
    assert (job.next_archive_at, job.lease_until) == (None, None)


@pytest.mark.parametrize("url", ["https://[::1", "http://x\u2100.example/", "file:///etc/passwd", "", "\x7f"])
def test_a_url_that_is_none_leaves_no_lease_behind(jobs: Jobs, rows: Rows, url: str) -> None:
    job_id = jobs.archiving(url="http://127.0.0.1:1")
    point_at(rows, url)

    archive_render_job(jobs.context, job_id)

    assert rows.job(job_id).lease_until is None
    assert rows.job(job_id).next_archive_at == jobs.clock.now() + timedelta(seconds=5)


def test_a_file_in_the_archives_place_is_a_reason_to_try_later(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)
    jobs.context.archive.root.write_text("not a folder")

    said = archive_render_job(jobs.context, job_id)

    assert "Not a directory; make it a folder" in said
    assert rows.job(job_id).lease_until is None
    assert rows.state(job_id) is RenderState.ARCHIVING


def test_a_late_video_is_collected(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)
    jobs.poll()
    jobs.poll(succeeded(server.url))

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.state, job.collected_late, job.failure_message) == (RenderState.SUCCEEDED, True, None)
    assert rows.path(job_id)[-2:] == ["timed_out", "succeeded"]


def test_the_video_of_a_lost_job_that_turns_up_is_collected(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.rendering()
    jobs.clock.advance(jobs.context.settings.poll.unknown_seconds)
    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll(task("UNKNOWN"))
    made = jobs.clock.now().timestamp() * 1000
    jobs.provider.on_list(listing({"task_id": "task-1", "status": "SUCCEEDED", "gmt_create": round(made)}))
    jobs.provider.on_query(succeeded(server.url))
    scan_for_orphans(jobs.context)

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.state, job.collected_late, job.failure_message) == (RenderState.SUCCEEDED, True, None)
    assert rows.path(job_id)[-2:] == ["lost", "succeeded"]
    with rows.sessions() as session:
        assert not [finding for finding in audit(session) if finding.rows]


def test_a_late_video_that_cannot_be_had_leaves_the_job_timed_out(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)
    jobs.poll()
    jobs.poll(succeeded("http://127.0.0.1:1"))
    jobs.clock.advance(24 * 3600)

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.state, job.next_archive_at, job.failure_class) == (RenderState.TIMED_OUT, None, FailureClass.RESULT)


def test_a_file_without_its_row_is_fetched_over(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)
    left = jobs.context.archive.path(f"2026/11/23/{job_id}.mp4")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of a worker that was killed before its commit")

    archive_render_job(jobs.context, job_id)

    assert left.read_bytes() == make_clip()
    assert rows.state(job_id) is RenderState.SUCCEEDED


def test_a_job_that_has_no_result_is_left_alone(jobs: Jobs) -> None:
    job_id = jobs.rendering()

    assert archive_render_job(jobs.context, job_id) == "no result is due: nothing done"
