"""Find the file that a campaign file names, whatever the Unicode form and path separator of the name."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath


def find_file(root: Path, name: str | Path) -> Path:
    """The file below *root* that *name* means, resolved; one that is not there if there is none.

    Windows divides folders by a backslash; a Mac's archive spells an umlaut with two characters, a spreadsheet with
    one. A file that has exactly this name comes first.

    Raises:
        OSError: It is no name that this system can look for.
        ValueError: It holds NUL.
    """
    exact = (root / name).resolve()
    parts = PurePosixPath(str(name).replace("\\", "/")).parts
    if ".." in parts or "/" in parts[:1] or exact.exists():
        return exact
    found = root
    for part in parts:
        found /= _spelling(found, part)
    return found.resolve()


def _spelling(folder: Path, name: str) -> str:
    """*name* as the folder has it."""
    if name.isascii() or (folder / name).exists() or not folder.is_dir():
        return name
    wanted = unicodedata.normalize("NFC", name)
    return next((entry.name for entry in folder.iterdir() if unicodedata.normalize("NFC", entry.name) == wanted), name)
