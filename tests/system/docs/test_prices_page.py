"""The commands of docs/prices.md, run in its order as they are copied."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from reelqueue.catalog.price_list import PriceSource
from tests.conftest import Simulator

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/prices.md").read_text()
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
FILES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_every_source_is_explained() -> None:
    assert [source for source in PriceSource if f"| `{source}` |" not in PAGE] == []


def test_its_commands_run(database_url: str, broker_url: str, simulator: Simulator, tmp_path: Path) -> None:
    (file,) = FILES
    (tmp_path / "prices.yaml").write_text(file)
    environment = {
        "ALIBABA_API_KEY": "sk-example",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REELQUEUE_DATABASE_URL": database_url,
        "REELQUEUE_BROKER_URL": broker_url,
        "REELQUEUE_ARCHIVE_URL": f"file:{tmp_path}/archive",
        "REELQUEUE_VIDEO_BASE_URL": simulator.base_url,
    }
    said: dict[str, str] = {}
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "python"
        ran = subprocess.run(
            [sys.executable, "-P", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
        said[command] = ran.stdout

    assert "release" in said["python -m workers prices list wan2.6-t2v"]
    assert "operator" in said["python -m workers prices list acme-video"]
    assert said["python -m workers prices import prices.yaml"] == "1 set, 0 cleared\n"
