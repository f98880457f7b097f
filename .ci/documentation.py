"""``./run docs``: the tables that the code writes into the pages, then the site in ``site/``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PROLOGUE = """\
import cog, campaign_tables, settings_tables
def show(lines):
    cog.outl("\\n" + "\\n".join(lines).strip() + "\\n")
"""
"""Before the code of each marked place, such as ``show(campaign_tables.limits())``."""


def main(arguments: list[str]) -> int:
    """Write the tables, then build the site; 1 if anything is wrong with a page, a link or an anchor."""
    written = subprocess.run(  # noqa: S603 - the commands are ours
        tables_command("-r", "--verbosity=1"), cwd=ROOT, check=False
    )
    # The theme announces MkDocs 2 at each build, which pyproject.toml excludes.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", *arguments]
    built = subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603
    return written.returncode or built.returncode


def tables_command(*options: str) -> list[str]:
    """The call of cog for every page with a marked place; ``-r`` writes, ``--check`` compares."""
    paths = [str(path) for path in sorted((ROOT / "docs").rglob("*.md")) if "[[[cog" in path.read_text("utf-8")]
    modules = ["-I", str(ROOT), "-I", str(ROOT / ".ci"), "-p", _PROLOGUE]
    return [sys.executable, "-m", "cogapp", *modules, *options, *paths]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
