"""Imports that are killed on the way, with real processes: half a file is never in force, and no row is there twice."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from embedded.processes.child_process import ChildProcess, Command
from models.campaign import ensure_campaign
from models.operations.campaigns.current_clips import lock_clips
from models.session import make_engine
from models.tenant import ensure_tenant
from tests.conftest import ROOT, answers, free_port

ROW_COUNT = 5_000
SECONDS = 100.0
"""Bounds a wait on a busy machine; none of the waits takes this long."""


class Studio:
    """An API, a command line and the database that both end in, each of which may be killed."""

    def __init__(self, folder: Path, engine: Engine, database_url: str) -> None:
        self.folder = folder
        self._engine = engine
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        environment = os.environ | {
            "REELQUEUE_DATABASE_URL": database_url,
            "REELQUEUE_BROKER_URL": "redis://127.0.0.1:9/0",  # hints go nowhere: nothing is rendered here
            "REELQUEUE_ARCHIVE_URL": f"file:{folder}/archive",
            "REELQUEUE_API_URL": self._url,
        }
        self.api = self._child("api", "-m", "api", "--port", str(port), environment=environment)
        words = ("-m", "reelqueue", "campaign", "apply", str(self._write_rows()), "--yes")
        self.apply = self._child("apply", *words, environment=environment)

    def serve(self) -> None:
        """Start the API."""
        self.api.start()
        with httpx.Client(base_url=self._url, trust_env=False) as client:
            self.api.wait_until(lambda: answers(client, "/healthz"), SECONDS)

    def count(self, what: str) -> int:
        """A number from the database."""
        with self._engine.connect() as connection:
            counted: int = connection.execute(text(what)).scalar_one()
        return counted

    def is_waiting(self) -> bool:
        """Whether the API waits for somebody who is in its way."""
        return self.count("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0

    def has_staged(self) -> bool:
        """Whether a part of the file has arrived."""
        return self.count("SELECT count(*) FROM staged_clips") > 0

    def apply_until_waiting(self) -> None:
        """Start handing the file over, and look until it goes no further."""
        self.apply.start()
        self.apply.wait_until(self.is_waiting, SECONDS)

    def clips(self) -> tuple[int, int]:
        """Clips, and different ids among them."""
        return self.count("SELECT count(*) FROM render_jobs"), self.count(
            "SELECT count(DISTINCT custom_id) FROM render_jobs"
        )

    @contextmanager
    def nobody_staging(self) -> Iterator[None]:
        """Somebody who is in the way of the first batch."""
        with Session(self._engine) as session, session.begin():
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            session.execute(text("LOCK TABLE staged_clips IN SHARE MODE"))
            yield

    @contextmanager
    def nobody_committing(self) -> Iterator[None]:
        """Somebody who has the campaign's turn, and holds it."""
        with Session(self._engine) as session, session.begin():
            campaign_id = ensure_campaign(session, ensure_tenant(session), "autumn")
        with Session(self._engine) as session, session.begin():
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            lock_clips(session, campaign_id)
            yield

    def close(self) -> None:
        """End what runs."""
        self.apply.kill()
        self.api.kill()

    def _child(self, name: str, *words: str, environment: dict[str, str]) -> ChildProcess:
        command = Command(name=name, arguments=[sys.executable, *words], environment=environment, folder=ROOT)
        return ChildProcess(command, logs=self.folder, pids=self.folder)

    def _write_rows(self) -> Path:
        rows = (f"clip-{number},wan2.6-t2v,a paper boat number {number},5\n" for number in range(ROW_COUNT))
        path = self.folder / "autumn.csv"
        path.write_text("custom_id,model,prompt,duration\n" + "".join(rows))
        return path


@pytest.fixture
def studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    """A studio whose API serves."""
    engine = make_engine(database_url)
    studio = Studio(tmp_path, engine, database_url)
    studio.serve()
    yield studio
    studio.close()
    engine.dispose()


@pytest.mark.timeout(SECONDS)
def test_a_killed_command_leaves_nothing_in_force_and_can_be_run_again(studio: Studio) -> None:
    with studio.nobody_staging():
        studio.apply_until_waiting()
        studio.apply.kill()
    studio.api.wait_until(studio.has_staged, SECONDS)
    assert studio.clips() == (0, 0)

    studio.apply.start()

    assert studio.apply.wait(SECONDS) == 0
    assert studio.clips() == (ROW_COUNT, ROW_COUNT)


@pytest.mark.timeout(SECONDS)
def test_a_command_outlives_an_api_that_is_killed_while_clips_arrive(studio: Studio) -> None:
    with studio.nobody_staging():
        studio.apply_until_waiting()
        studio.api.kill()
        assert studio.clips() == (0, 0)

    studio.serve()

    assert studio.apply.wait(SECONDS) == 0
    assert studio.clips() == (ROW_COUNT, ROW_COUNT)


@pytest.mark.timeout(SECONDS)
def test_a_command_outlives_an_api_that_is_killed_in_the_commit(studio: Studio) -> None:
    with studio.nobody_committing():
        studio.apply_until_waiting()
        studio.api.kill()
        assert studio.clips() == (0, 0)

    studio.serve()

    assert studio.apply.wait(SECONDS) == 0
    assert studio.clips() == (ROW_COUNT, ROW_COUNT)
