"""A provider during whose answers things happen, and doubts about it."""

from __future__ import annotations

import pytest

from tests.support.doubts import Doubts, WatchedProvider
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.virtual_clock import VirtualClock
from workers.runtime.context import Context


@pytest.fixture
def provider(clock: VirtualClock) -> WatchedProvider:
    """DashScope, by script."""
    return WatchedProvider(clock)


@pytest.fixture
def doubts(context: Context, jobs: Jobs, rows: Rows, provider: WatchedProvider) -> Doubts:
    """Jobs in doubt."""
    return Doubts(context, jobs, rows, provider)
