"""Waiting until a transaction waits for another's lock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pytest
from sqlalchemy import Engine

PATIENCE_SECONDS: Final = 20


def wait_until_blocked(engine: Engine) -> None:
    """Wait until a transaction of the engine's database waits for another's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = datetime.now().astimezone() + timedelta(seconds=PATIENCE_SECONDS)
    while datetime.now().astimezone() < deadline:
        with engine.connect() as connection:
            if connection.exec_driver_sql(waiting).scalar_one():
                return
    pytest.fail("no transaction waits for a lock")
