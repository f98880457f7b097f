"""One bench per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.servers.postgres import PostgresServer
from tests.conftest import TEMPLATE
from tests.system.simulation.bench import Bench, open_bench


@pytest.fixture(scope="session")
def bench(postgres_server: PostgresServer) -> Iterator[Bench]:
    """A database of its own, and what goes with it."""
    postgres_server.create_database("simulation", template=TEMPLATE)
    with open_bench(postgres_server.url("simulation")) as bench:
        yield bench
