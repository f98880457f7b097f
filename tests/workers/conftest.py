"""A context over one connection that is rolled back, a virtual clock, recorded hints and a scripted provider."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from models.session import make_engine, make_sessions
from models.settings import ServiceSettings
from models.storage import LocalArchive
from tests.conftest import rolled_back
from tests.support.agreed_clocks import AgreedClocks
from tests.support.commands import Ended, Run
from tests.support.gates import open_default_gate
from tests.support.jobs import Jobs
from tests.support.lock_order import watched_locks
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import ScriptedProvider
from tests.support.virtual_clock import AccompanyingHost, VirtualClock
from workers.__main__ import main
from workers.runtime.context import Context
from workers.settings import ArchiveSettings, CelerySettings, PollSettings, ProviderSettings, Settings
from workers.settings import settings as read_settings

CANARY = "sk-canary-7d1f"
"""The account's key: it must never be seen again."""


@pytest.fixture(autouse=True)
def _lock_order() -> Iterator[None]:
    """Fail a test in which a transaction locks a poll lane, and then something that others lock before lanes."""
    with watched_locks() as wrong:
        yield
    assert not wrong, f"after a poll lane: {wrong[0]}"


@pytest.fixture
def clock() -> VirtualClock:
    """Time, in the test's hands."""
    return VirtualClock()


@pytest.fixture
def hints() -> RecordedHints:
    """What was hinted at."""
    return RecordedHints()


@pytest.fixture
def provider(clock: VirtualClock) -> ScriptedProvider:
    """DashScope, by script."""
    return ScriptedProvider(clock)


@pytest.fixture
def sessions(engine: Engine) -> Iterator[sessionmaker[Session]]:
    """Sessions on one connection; what they commit is rolled back after the test."""
    with rolled_back(engine) as connection:
        yield sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")


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
def context(
    settings: Settings,
    sessions: sessionmaker[Session],
    hints: RecordedHints,
    clock: VirtualClock,
    tmp_path: Path,
) -> Context:
    """What the steps work on."""
    return Context(
        settings=settings,
        sessions=sessions,
        archive=LocalArchive(tmp_path / "archive"),
        hints=hints,
        clock=clock,
        clocks=AgreedClocks(),
        host=AccompanyingHost(clock),
        environment={"ALIBABA_API_KEY": CANARY},
    )


@pytest.fixture
def own_jobs(
    context: Context, clock: VirtualClock, hints: RecordedHints, provider: ScriptedProvider, database_url: str
) -> Iterator[Jobs]:
    """Jobs in a database of the test's own, for code that runs on several connections at once."""
    engine = make_engine(database_url, pool_size=12)
    own = replace(context, sessions=make_sessions(engine))
    open_default_gate(own)
    yield Jobs(own, clock, hints, provider)
    engine.dispose()


@pytest.fixture
def rows(sessions: sessionmaker[Session]) -> Rows:
    """What the database says now."""
    return Rows(sessions)


@pytest.fixture
def jobs(context: Context, clock: VirtualClock, hints: RecordedHints, provider: ScriptedProvider) -> Jobs:
    """Jobs on their way, at an account that takes submits."""
    open_default_gate(context)
    return Jobs(context, clock, hints, provider)


@pytest.fixture
def own_engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database of the test's own."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def run(
    database_url: str,
    broker_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Runs a command against a database of the test's own."""
    variables = {"DATABASE_URL": database_url, "BROKER_URL": broker_url, "ARCHIVE_URL": f"file:{tmp_path}/archive"}
    for name, value in variables.items():
        monkeypatch.setenv(f"REELQUEUE_{name}", value)

    def run_command(*words: str, **environment: str) -> Ended:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        read_settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["workers", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())

    yield run_command
    read_settings.cache_clear()
    structlog.reset_defaults()
