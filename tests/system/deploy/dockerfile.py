"""The Dockerfile's instructions."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from tests.conftest import ROOT

FILE = ROOT / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Word and rest of each instruction, in order, with continued lines joined."""
    lines = [line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def values(word: str) -> list[str]:
    """What follows a word, wherever it stands."""
    return [rest for found, rest in instructions() if found == word]


def copied() -> list[tuple[str, str]]:
    """Source in the checkout and place below the working folder, of everything that the last stage copies."""
    last_stage = instructions()[max(index for index, (word, _) in enumerate(instructions()) if word == "FROM") :]
    copies = [shlex.split(rest) for word, rest in last_stage if word == "COPY" and not rest.startswith("--from=")]
    return [(source, target) for *sources, target in copies for source in sources]


def copy_into(folder: Path) -> None:
    """Make the image's working folder."""
    for source, target in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, folder / target)
