"""A clip that continues another, while the archive does not give the picture that it begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from models.storage import LocalArchive, StorageUnavailableError
from reelqueue.states import RenderState
from tests.models.stored_clips import apply, clip, make_campaign
from tests.workers.clips import make_clip
from tests.workers.jobs import Jobs
from tests.workers.loopback import LoopbackServer, says, serving
from tests.workers.rows import Rows
from tests.workers.scripted_provider import succeeded
from workers.archive import archive_render_job
from workers.dispatch import dispatch
from workers.settings import Settings
from workers.submission import submit_render_job


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


def test_it_goes_back_to_the_queue_and_nothing_is_sent(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    with jobs.services.sessions.begin() as session:
        apply(session, make_campaign(session), clip("a"), clip("b", after="a", first_frame="last_frame"))
    dispatch(jobs.services)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(succeeded(server.url))
    archive_render_job(jobs.services, jobs.hints.fetches[-1])
    dispatch(jobs.services)
    hint = jobs.hints.submits[-1]

    services = replace(jobs.services, archive=Away(jobs.services.archive.root))
    said = submit_render_job(services, hint.job_id, hint.epoch)

    job = rows.job(hint.job_id)
    assert said.startswith("its first frame cannot be read now: handed back: s3://clips: HTTP 503")
    assert (job.state, jobs.provider.count("submit")) == (RenderState.QUEUED, 1)
    assert job.not_before_at == jobs.clock.now() + timedelta(seconds=30)
    assert not rows.has_slot(hint.job_id)
