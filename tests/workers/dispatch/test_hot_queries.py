"""Millions of finished jobs cost nothing: each question that is asked all the time has its index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from models.session import make_engine
from tests.support.jobs import Jobs
from tests.support.scripted_provider import Killed, succeeded, task
from workers.archive.archive_result import archive_render_job
from workers.sweep.sweep import sweep

# Tables that grow with every job ever rendered.
_SCAN = re.compile(r"Seq Scan on (render_jobs|attempts|provider_tasks|job_events|job_references|assets)")

Asked = dict[str, Any]


@pytest.fixture
def asked(engine: Engine) -> Iterator[Asked]:
    """Every statement that is executed, with parameters of one of its executions."""
    statements: Asked = {}

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and not isinstance(parameters, list):
            statements[statement] = parameters

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_no_step_of_a_life_reads_a_whole_table(jobs: Jobs, asked: Asked) -> None:
    asked.clear()
    live_a_whole_life(jobs)

    with jobs.context.sessions.begin() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plans = {
            statement: "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
            for statement, parameters in asked.copy().items()
        }

    assert len(plans) > 30
    assert [statement for statement, plan in plans.items() if _SCAN.search(plan)] == []


def live_a_whole_life(jobs: Jobs) -> None:
    """Take a job to its archive, kill a worker in its POST, let a job expire, and heal."""
    jobs.rendering()
    jobs.poll(task("RUNNING"))
    jobs.poll(succeeded("https://[::1"))
    archive_render_job(jobs.context, jobs.hints.fetches[0])
    jobs.provider.on_submit(Killed())
    with pytest.raises(Killed):
        jobs.rendering(start_by=jobs.clock.at(60).isoformat())
    jobs.queued(start_by=jobs.clock.at(60).isoformat())
    jobs.clock.advance(100)
    sweep(jobs.context)


def test_plans_are_made_for_the_question_and_not_kept(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        for number in range(20):
            connection.execute(text("SELECT count(*) FROM render_jobs WHERE priority = :number"), {"number": number})

        kept = connection.execute(text("SELECT statement FROM pg_prepared_statements")).all()
    engine.dispose()

    assert kept == []
