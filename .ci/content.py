"""What must not be in the repository: names of package hosts, and paths of one person's machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

# Written so that no pattern finds itself.
FORBIDDEN = {
    "the host of a package index, which belongs to a machine's settings": re.compile(
        r"\b(?:[p]ypi\.org|files\.[p]ythonhosted\.org|registry\.[n]pmjs\.org|proxy\.[g]olang\.org|[c]rates\.io)\b"
    ),
    "a path of one machine": re.compile(r"(?<![\w./-])(?:/[w]ork/|/[r]oot/|/[h]ome/\w|/[U]sers/\w)"),
    "a private key": re.compile(r"-----[B]EGIN [A-Z ]*PRIVATE KEY-----"),
    "a key of a provider": re.compile(r"\b[s]k-[0-9a-f]{32}\b"),
}


def problems(root: Path) -> Iterator[str]:
    """Every forbidden text in the tracked files of a checkout."""
    for path in tracked_files(root):
        try:
            text = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):  # binary, or deleted and not yet committed
            continue
        yield from found_in(path, text)


def found_in(path: str, text: str) -> Iterator[str]:
    """Every forbidden text in one file."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield from (f"{path}:{number}: {what}" for what, pattern in FORBIDDEN.items() if pattern.search(line))


def tracked_files(root: Path) -> list[str]:
    """Files that git knows, relative to the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)  # noqa: S607
    return [name for name in listed.stdout.split("\0") if name]
