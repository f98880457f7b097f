"""Folders for servers; what root's servers keep elsewhere goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.processes.server_folders import remove_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where one server may keep its data."""
    return tmp_path / "postgres"


@pytest.fixture(autouse=True)
def _nothing_is_left_elsewhere(tmp_path: Path) -> Iterator[None]:
    yield
    for server_folder in [*tmp_path.rglob("postgres"), *tmp_path.rglob("valkey")]:
        remove_folder(server_folder)
