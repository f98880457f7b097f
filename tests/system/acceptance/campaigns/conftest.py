"""One stack for every campaign of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from embedded.errors import BinaryNotFoundError
from tests.conftest import skip_or_fail
from tests.support.shared_stacks import SharedStack, sharing
from tests.system.acceptance.campaigns.studio import Studio


@pytest.fixture(scope="session")
def studios(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStack[Studio]]:
    """Starts a studio when a test needs one."""
    with sharing(request.session, Path(__file__).parent, partial(_running, tmp_path_factory)) as studios:
        yield studios


@pytest.fixture(scope="module")
def studio(studios: SharedStack[Studio]) -> Studio:
    """Everything, running; a module that uses it leaves no job waiting."""
    return studios.get()


@contextmanager
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(tmp_path_factory.mktemp("campaigns"))
    try:
        studio.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    yield studio
    studio.stop()
