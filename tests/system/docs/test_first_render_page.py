"""docs/first-real-render.md: its ten lines, its prices, and its commands, run in its order against the simulator."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from simulator.assemble import CAPTURE_FORMAT
from tests.conftest import Simulator
from workers.probe.capture import FORMAT
from workers.probe.paid.plan import STEPS
from workers.probe.run import FREE

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/first-real-render.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ python (.*)$", PAGE, re.MULTILINE)


def test_it_has_ten_lines_and_says_the_price_before_the_clip() -> None:
    lines = re.findall(r"^\d+\. (.*)$", PAGE, re.MULTILINE)

    assert len(lines) == 10
    assert f"{len(FREE)} questions" in lines[4]
    assert ("0.10 USD" in lines[7], "--output" in lines[8]) == (True, True)


def test_its_table_has_every_step() -> None:
    assert len(re.findall(r"^\| .* USD \|", PAGE, re.MULTILINE)) == len(STEPS)
    assert [step.id for step in STEPS if step.request.model not in PAGE] == []


def test_the_simulator_reads_what_the_probe_writes() -> None:
    assert CAPTURE_FORMAT == FORMAT


def test_its_commands_run(database_url: str, broker_url: str, simulator: Simulator, tmp_path: Path) -> None:
    simulator.control.post("config", json={"clips": {"width": 64, "height": 36, "seconds": 1}}).raise_for_status()
    environment = {
        "ALIBABA_API_KEY": "sk-example-of-a-key",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REELQUEUE_DATABASE_URL": database_url,
        "REELQUEUE_BROKER_URL": broker_url,
        "REELQUEUE_ARCHIVE_URL": f"file:{tmp_path}/archive",
        "REELQUEUE_VIDEO_BASE_URL": simulator.base_url,
    }
    said: list[str] = []
    for command in COMMANDS:
        ran = subprocess.run(
            [sys.executable, "-P", *shlex.split(command)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
        said.append(ran.stdout)

    dry, probed, statement = said
    assert dry.endswith("nothing was sent\n")
    assert "spent    0.10 USD" in probed
    assert "0.10" in statement
    assert simulator.control.get("ledger").json()["count"] == 1
    assert "sk-example" not in (tmp_path / "capture.json").read_text()
