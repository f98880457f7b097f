"""One world for all cases: its own Postgres, Valkey, simulator and workers, because cases kill them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from embedded.chaos.harness import Harness
from embedded.errors import BinaryNotFoundError
from tests.conftest import skip_or_fail
from tests.support.shared_stacks import SharedStack, sharing


@pytest.fixture(scope="session")
def worlds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStack[Harness]]:
    """Starts a world when a test needs one."""
    with sharing(request.session, Path(__file__).parent, partial(_running, tmp_path_factory)) as worlds:
        yield worlds


@contextmanager
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    world = Harness(tmp_path_factory.mktemp("faults"))
    try:
        world.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    yield world
    world.stop()


@pytest.fixture
def world(worlds: SharedStack[Harness], request: pytest.FixtureRequest) -> Iterator[Harness]:
    """The world, with nothing in hand and nothing armed; a case that fails has it made anew for the next one."""
    whole_world = worlds.get()
    failed_before = request.session.testsfailed
    yield whole_world
    if request.session.testsfailed > failed_before:
        whole_world.renew()
    else:
        whole_world.calm()
