"""A database that went back in time, and the list of what was submitted from its future."""

from __future__ import annotations

import pytest

from tests.support.jobs import Jobs
from tests.support.restored import Restored
from tests.support.rows import Rows
from workers.runtime.context import Context


@pytest.fixture
def restored(context: Context, jobs: Jobs, rows: Rows) -> Restored:
    """The default account's database, to be put back."""
    return Restored(context, jobs, rows)
