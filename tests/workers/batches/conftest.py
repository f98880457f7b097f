"""Batches of text jobs at the real simulator, in a database of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.session import make_engine, make_sessions
from models.settings import ServiceSettings
from models.storage import LocalArchive
from tests.conftest import Simulator
from tests.support.batched import Batched
from tests.support.recorded_hints import RecordedHints
from workers.runtime.context import Context
from workers.settings import BatchSettings, ProviderSettings, Settings, TextSettings


@pytest.fixture
def batched(simulator: Simulator, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Batched]:
    """Text jobs in batches at the simulator; nothing is waited for before a batch is made."""
    engine = make_engine(database_url, pool_size=12)
    hints = RecordedHints()
    context = Context(
        settings=Settings(
            services=ServiceSettings(
                database_url=SecretStr(database_url), archive_url="file:x", broker_url=SecretStr(broker_url)
            ),
            provider=ProviderSettings(video_base_url=simulator.base_url),
            text=TextSettings(retry_seconds=0),
            batch=BatchSettings(gather_seconds=0),
        ),
        sessions=make_sessions(engine),
        archive=LocalArchive(tmp_path / "archive"),
        hints=hints,
        environment={"ALIBABA_API_KEY": "sk-simulated"},
    )
    yield Batched(context, hints, simulator)
    engine.dispose()
