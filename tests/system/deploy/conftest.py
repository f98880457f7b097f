"""compose.yaml, read once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.deploy.compose import Service, config


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The whole file."""
    return config()


@pytest.fixture(scope="session")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    """Its services by name."""
    found: dict[str, Service] = compose["services"]
    return found
