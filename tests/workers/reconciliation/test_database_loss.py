"""The database goes away while a worker holds a task id that nobody else knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models.session import make_engine, make_sessions
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import CUT_OFF, WatchedProvider
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import refused
from tests.support.virtual_clock import VirtualClock
from workers.runtime.commit_retry import commit_with_retry
from workers.runtime.context import Context


@pytest.fixture
def own_engine(database_url: str) -> Iterator[Engine]:
    """An engine whose connections can be killed."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def real(context: Context, own_engine: Engine) -> Context:
    """A context with commits of its own."""
    return replace(context, sessions=make_sessions(own_engine))


@pytest.fixture
def real_jobs(real: Context, clock: VirtualClock, hints: RecordedHints, provider: WatchedProvider) -> Jobs:
    """Jobs in that database."""
    return Jobs(real, clock, hints, provider)


@pytest.fixture
def real_rows(real: Context) -> Rows:
    """What that database says."""
    return Rows(real.sessions)


def test_a_task_id_survives_a_database_that_goes_before_the_commit(
    real_jobs: Jobs, real_rows: Rows, own_engine: Engine, provider: WatchedProvider
) -> None:
    hint = real_jobs.admitted()
    provider.during("submit", lambda: _at_next_commit(own_engine, _cut))

    real_jobs.submit(hint)

    assert [task.provider_task_id for task in real_rows.tasks(hint.job_id)] == ["task-1"]
    assert real_rows.state(hint.job_id) is RenderState.RENDERING
    assert real_jobs.hints.wakes


def test_a_task_id_is_stored_once_if_only_the_answer_to_the_commit_is_lost(
    real_jobs: Jobs, real_rows: Rows, own_engine: Engine, provider: WatchedProvider
) -> None:
    hint = real_jobs.admitted()
    provider.during("submit", lambda: _at_next_commit(own_engine, _commit_and_cut))

    real_jobs.submit(hint)

    assert len(real_rows.tasks(hint.job_id)) == 1
    assert real_rows.attempts(hint.job_id)[0].state is AttemptState.BOUND
    assert real_rows.path(hint.job_id).count("rendering") == 1
    assert real_jobs.hints.wakes[-1].at == real_rows.job(hint.job_id).next_poll_at


@pytest.mark.parametrize("cut", ["before the commit", "after the commit"])
def test_a_refusal_survives(
    cut: str, real_jobs: Jobs, real_rows: Rows, own_engine: Engine, provider: WatchedProvider
) -> None:
    hint = real_jobs.admitted()
    provider.on_submit(refused(400, "InvalidParameter"))
    lose = _cut if cut == "before the commit" else _commit_and_cut
    provider.during("submit", lambda: _at_next_commit(own_engine, lose))

    real_jobs.submit(hint)

    assert real_rows.attempts(hint.job_id)[0].state is AttemptState.REJECTED
    assert real_rows.path(hint.job_id).count("failed") == 1


def test_a_doubt_survives(real_jobs: Jobs, real_rows: Rows, own_engine: Engine, provider: WatchedProvider) -> None:
    hint = real_jobs.admitted()
    provider.on_submit(CUT_OFF)
    provider.during("submit", lambda: _at_next_commit(own_engine, _cut))

    real_jobs.submit(hint)

    assert real_rows.attempts(hint.job_id)[0].state is AttemptState.AMBIGUOUS


def test_an_intent_whose_commit_is_lost_is_never_sent(
    real_jobs: Jobs, real_rows: Rows, own_engine: Engine, provider: WatchedProvider
) -> None:
    hint = real_jobs.admitted()
    _at_next_commit(own_engine, _commit_and_cut)

    with pytest.raises(OperationalError):
        real_jobs.submit(hint)

    assert provider.count("submit") == 0
    assert real_rows.attempts(hint.job_id)[0].state is AttemptState.INTENT


def test_patience_has_an_end(real: Context) -> None:
    calls = []

    def write(_session: Session, _now: object) -> None:
        calls.append(1)
        raise OperationalError("SELECT 1", None, psycopg.OperationalError("the server is gone"))

    with pytest.raises(OperationalError):
        commit_with_retry(real, write, for_seconds=0.2)

    assert len(calls) > 1


def _at_next_commit(engine: Engine, lose: Callable[[Connection], None]) -> None:
    """Lose the connection of the next transaction at its commit."""
    event.listen(engine, "commit", lose, once=True)


def _cut(connection: Connection) -> None:
    """Kill the connection before its commit."""
    raw: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
    pid = raw.info.backend_pid
    with psycopg.connect(raw.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def _commit_and_cut(connection: Connection) -> None:
    """Let the commit be made, and kill the connection before anybody hears of it."""
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("BEGIN")  # or the driver knows that there is nothing left to commit
    _cut(connection)
