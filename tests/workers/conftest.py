"""Services over one connection that is rolled back, a virtual clock, recorded hints and a scripted provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from models.session import make_engine, make_sessions
from models.settings import ServiceSettings
from models.storage import LocalArchive
from tests.workers.jobs import Jobs
from tests.workers.recorded_hints import RecordedHints
from tests.workers.rows import Rows
from tests.workers.scripted_provider import ScriptedProvider
from tests.workers.virtual_clock import VirtualClock
from workers.services import Services
from workers.settings import ArchiveSettings, CelerySettings, PollSettings, ProviderSettings, Settings

CANARY = "sk-canary-7d1f"
"""The account's key: it must never be seen again."""


@pytest.fixture
def clock() -> VirtualClock:
    """Time, in the test's hands."""
    return VirtualClock()


@pytest.fixture
def hints() -> RecordedHints:
    """What was hinted at."""
    return RecordedHints()


@pytest.fixture
def provider() -> ScriptedProvider:
    """DashScope, by script."""
    return ScriptedProvider()


@pytest.fixture
def sessions(engine: Engine) -> Iterator[sessionmaker[Session]]:
    """Sessions on one connection; what they commit is rolled back after the test."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        transaction.rollback()


@pytest.fixture
def settings(provider: ScriptedProvider) -> Settings:
    """Settings that do not depend on this machine's environment."""
    return Settings(
        services=ServiceSettings(database_url=SecretStr("postgresql+psycopg://x/x"), archive_url="file:x"),
        provider=ProviderSettings(
            video_base_url="https://dashscope.test", http_transport=lambda: provider, query_rate_per_second=20
        ),
        poll=PollSettings(),
        archive=ArchiveSettings(),
        celery=CelerySettings(),
    )


@pytest.fixture
def services(
    settings: Settings,
    sessions: sessionmaker[Session],
    hints: RecordedHints,
    clock: VirtualClock,
    tmp_path: Path,
) -> Services:
    """What the steps work on."""
    return Services(
        settings=settings,
        sessions=sessions,
        archive=LocalArchive(tmp_path / "archive"),
        hints=hints,
        clock=clock,
        environment={"ALIBABA_API_KEY": CANARY},
    )


@pytest.fixture
def own_jobs(services: Services, jobs: Jobs, database_url: str) -> Iterator[Jobs]:
    """Jobs in a database of the test's own, for code that runs on several connections at once."""
    engine = make_engine(database_url, pool_size=12)
    yield replace(jobs, services=replace(services, sessions=make_sessions(engine)))
    engine.dispose()


@pytest.fixture
def rows(sessions: sessionmaker[Session]) -> Rows:
    """What the database says now."""
    return Rows(sessions)


@pytest.fixture
def jobs(services: Services, clock: VirtualClock, hints: RecordedHints, provider: ScriptedProvider) -> Jobs:
    """Jobs on their way."""
    return Jobs(services, clock, hints, provider)
