"""``./run docs``: what the code writes in ``docs/``, then the site in ``site/``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from reelqueue.schemas.sidecar import SCHEMA, Sidecar  # noqa: E402 - found through the line above

_PROLOGUE = """\
import cog, campaign_tables, settings_tables
def show(lines):
    cog.outl("\\n" + "\\n".join(lines).strip() + "\\n")
"""
"""Before the code of each marked place, such as ``show(campaign_tables.limits())``."""

CLIP_SCHEMA = "docs/clip.schema.json"


def main(arguments: list[str]) -> int:
    """Write tables and schema, then build the site; 1 if anything is wrong with a page, a link or an anchor."""
    (ROOT / CLIP_SCHEMA).write_text(clip_schema(), encoding="utf-8")
    written = subprocess.run(  # noqa: S603 - the commands are ours
        tables_command("-r", "--verbosity=1"), cwd=ROOT, check=False
    )
    built = subprocess.run(site_command(*arguments), cwd=ROOT, env=site_environment(), check=False)  # noqa: S603
    return written.returncode or built.returncode


def site_command(*options: str) -> list[str]:
    """The call of MkDocs that builds the site, and fails for a link or an anchor that leads nowhere."""
    return [sys.executable, "-m", "mkdocs", "build", "--strict", *options]


def site_environment() -> dict[str, str]:
    """Its environment: the theme announces MkDocs 2 at each build, which pyproject.toml excludes."""
    return {**os.environ, "NO_MKDOCS_2_WARNING": "1"}


def tables_command(*options: str) -> list[str]:
    """The call of cog for every page with a marked place; ``-r`` writes, ``--check`` compares."""
    paths = [str(path) for path in sorted((ROOT / "docs").rglob("*.md")) if "[[[cog" in path.read_text("utf-8")]
    modules = ["-I", str(ROOT), "-I", str(ROOT / ".ci"), "-p", _PROLOGUE]
    return [sys.executable, "-m", "cogapp", *modules, *options, *paths]


def schema_problems() -> Iterator[str]:
    """Whether the schema in ``docs/`` is that of the type."""
    if (ROOT / CLIP_SCHEMA).read_text(encoding="utf-8") != clip_schema():
        yield f"{CLIP_SCHEMA} differs from reelqueue/schemas/sidecar.py; ./run docs writes it"


def clip_schema() -> str:
    """The JSON Schema of what is beside each clip in the archive."""
    described = Sidecar.model_json_schema(by_alias=True, mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}", "title": "Archived clip"}
    return json.dumps(head | {name: value for name, value in described.items() if name != "title"}, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
