"""The workers of today as those of yesterday: they work on while a newer release has expanded the schema."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from models import Base
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from workers.archive.archive_result import archive_render_job
from workers.audit.invariants import audit
from workers.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


def test_a_job_goes_all_the_way_on_a_schema_that_has_grown(jobs: Jobs, rows: Rows) -> None:
    with jobs.context.sessions.begin() as session:
        for table in Base.metadata.tables:
            session.execute(text(f"ALTER TABLE {table} ADD COLUMN later_fact text"))
            session.execute(text(f"ALTER TABLE {table} ADD COLUMN later_count integer NOT NULL DEFAULT 0"))
        session.execute(text("CREATE TABLE later_table (id integer PRIMARY KEY)"))

    with serving(says("200 OK", make_clip())) as server:
        job_id = jobs.archiving(url=server.url)
        archive_render_job(jobs.context, job_id)

    assert rows.state(job_id) is RenderState.SUCCEEDED
    with jobs.context.sessions.begin() as session:
        assert [finding.check.name for finding in audit(session) if finding.rows] == []
