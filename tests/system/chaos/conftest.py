"""One world for all cases: its own Postgres, Valkey, simulator and workers, because cases kill them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.chaos.harness import Harness
from embedded.errors import BinaryNotFoundError
from tests.conftest import skip_or_fail


@pytest.fixture(scope="session")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """Everything, running."""
    world = Harness(tmp_path_factory.mktemp("faults"))
    try:
        world.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    yield world
    world.stop()


@pytest.fixture
def world(whole_world: Harness, request: pytest.FixtureRequest) -> Iterator[Harness]:
    """The world, with nothing in hand and nothing armed; a case that fails has it made anew for the next one."""
    failed_before = request.session.testsfailed
    yield whole_world
    if request.session.testsfailed > failed_before:
        whole_world.renew()
    else:
        whole_world.calm()
