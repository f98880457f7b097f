from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from models.session import DatabaseClock, make_engine, make_sessions
from reelqueue.states import RenderState
from tests.conftest import Simulator, free_port
from tests.support.commands import Run
from tests.support.pgbouncer import pooling
from tests.support.recorded_hints import RecordedHints
from tests.support.simulated import KEY, Simulated
from workers.archive.archive_result import archive_render_job
from workers.audit.invariants import audit
from workers.runtime.context import Context


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    with TemporaryDirectory(prefix="rq-pooler-") as folder, pooling(database_url, Path(folder), free_port()) as url:
        yield url


def test_a_job_is_rendered_paid_and_audited_behind_a_pooler(
    context: Context, hints: RecordedHints, simulator: Simulator, pooled_url: str
) -> None:
    provider = context.settings.provider.model_copy(
        update={"video_base_url": simulator.base_url, "http_transport": None}
    )
    engine = make_engine(pooled_url)
    outside = {"sessions": make_sessions(engine), "clock": DatabaseClock(), "environment": {"ALIBABA_API_KEY": KEY}}
    settings = replace(context.settings, provider=provider)
    simulated = Simulated(replace(context, settings=settings, **outside), hints, simulator)

    job_id = simulated.rendered()
    archive_render_job(simulated.context, job_id)
    with simulated.context.sessions() as session:
        broken = [finding for finding in audit(session) if finding.rows]
    state = simulated.rows.state(job_id)
    engine.dispose()

    assert state is RenderState.SUCCEEDED
    assert len(simulated.charges()) == 1
    assert broken == []


def test_the_doctor_finds_a_pooled_database_well(run: Run, pooled_url: str) -> None:
    lines = run("doctor", REELQUEUE_DATABASE_URL=pooled_url).out.splitlines()

    assert [line for line in lines if line.startswith("ok  database")] != []
    assert [line for line in lines if line.startswith(("BAD database", "BAD schema"))] == []
