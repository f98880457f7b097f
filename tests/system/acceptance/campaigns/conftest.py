"""One stack for every campaign of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.errors import BinaryNotFoundError
from tests.conftest import skip_or_fail
from tests.system.acceptance.campaigns.studio import Studio


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Everything, running; whoever uses it leaves no job waiting."""
    studio = Studio(tmp_path_factory.mktemp("campaigns"))
    try:
        studio.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    yield studio
    studio.stop()
