"""Text jobs at the real simulator, in a database of each test's own, with short time limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.session import make_engine, make_sessions
from models.settings import ServiceSettings
from models.storage import LocalArchive
from tests.conftest import Simulator
from tests.support.asked import Asked
from tests.support.recorded_hints import RecordedHints
from workers.runtime.context import Context
from workers.settings import ProviderSettings, Settings, TextSettings

SHORT = {"IDLE_SECONDS": 3.0, "EXTEND_SECONDS": 0.05, "RETRY_SECONDS": 0.0, "SETTLE_WITHIN_SECONDS": 5.0}


@pytest.fixture
def asked(simulator: Simulator, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Asked]:
    """Text jobs at the simulator."""
    engine = make_engine(database_url, pool_size=12)
    hints = RecordedHints()
    context = Context(
        settings=Settings(
            services=ServiceSettings(
                database_url=SecretStr(database_url), archive_url="file:x", broker_url=SecretStr(broker_url)
            ),
            provider=ProviderSettings(video_base_url=simulator.base_url),
            text=TextSettings(**{name.lower(): value for name, value in SHORT.items()}),
        ),
        sessions=make_sessions(engine),
        archive=LocalArchive(tmp_path / "archive"),
        hints=hints,
        environment={"ALIBABA_API_KEY": "sk-simulated"},
    )
    yield Asked(context, hints, simulator)
    engine.dispose()
