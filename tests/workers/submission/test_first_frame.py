"""A clip that continues another, while the archive does not give the picture that it begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from models.storage import LocalArchive, StorageUnavailableError
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import LoopbackServer, says, serving
from tests.support.recorded_hints import SubmitHint
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import succeeded
from tests.support.stored_clips import apply, clip, make_campaign
from workers.archive.archive_result import archive_render_job
from workers.dispatch.dispatcher import dispatch
from workers.settings import Settings
from workers.submission.submit import submit_render_job


class Away(LocalArchive):
    """Gives nothing."""

    def open(self, key: str, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Nothing."""
        raise StorageUnavailableError(f"s3://clips: HTTP 503 SlowDown ({key}, {begin}, {end})")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server of the clip that is continued."""
    with serving(says("200 OK", make_clip(size_px=(640, 360)))) as server:
        yield server


@pytest.fixture
def hint(jobs: Jobs, server: LoopbackServer) -> SubmitHint:
    """A clip continues another, which is in the archive; this one is admitted."""
    with jobs.context.sessions.begin() as session:
        apply(session, make_campaign(session), clip("a"), clip("b", after="a", first_frame="last_frame"))
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(succeeded(server.url))
    archive_render_job(jobs.context, jobs.hints.fetches[-1])
    dispatch(jobs.context)
    return jobs.hints.submits[-1]


def test_it_goes_back_to_the_queue_and_nothing_is_sent(jobs: Jobs, rows: Rows, hint: SubmitHint) -> None:
    context = replace(jobs.context, archive=Away(jobs.context.archive.root))
    said = submit_render_job(context, hint.job_id, hint.epoch)

    job = rows.job(hint.job_id)
    assert said.startswith("its first frame cannot be read now: queued again: s3://clips: HTTP 503")
    assert (job.state, jobs.provider.count("submit")) == (RenderState.QUEUED, 1)
    assert job.not_before_at == jobs.clock.now() + timedelta(seconds=30)
    assert not rows.has_slot(hint.job_id)


def test_another_clip_is_sent_while_it_is_read(jobs: Jobs, rows: Rows, hint: SubmitHint) -> None:
    other = jobs.admitted(model="wan2.6-i2v", image="https://pictures.example/a.png")

    class Slow(LocalArchive):
        """Stalls until the other clip of the lane is rendering."""

        def open(self, key: str, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
            """The file, after that."""
            jobs.submit(other)
            return super().open(key, begin=begin, end=end)

    submit_render_job(replace(jobs.context, archive=Slow(jobs.context.archive.root)), hint.job_id, hint.epoch)

    sent = [json.loads(request.content)["input"] for request in jobs.provider.requests if request.method == "POST"][1:]
    assert [one["img_url"].partition(",")[0] for one in sent] == [
        "https://pictures.example/a.png", "data:image/png;base64"
    ]  # fmt: skip
    assert [rows.state(one.job_id) for one in (other, hint)] == [RenderState.RENDERING] * 2
