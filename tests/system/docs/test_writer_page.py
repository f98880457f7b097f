"""The commands of docs/writer.md, run in their order as they are copied, against the simulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reelqueue.campaigns.writer.rules import RULES

if TYPE_CHECKING:
    from tests.conftest import Simulator

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"```(md|csv|sh)\n(.*?)```", (ROOT / "docs/writer.md").read_text(), re.DOTALL)
INPUTS = ("brief.md", "products.csv", "brand.md")


def test_the_page_can_be_followed(simulator: Simulator, tmp_path: Path) -> None:
    shown = [text for kind, text in BLOCKS if kind != "sh"]
    for name, text in zip(INPUTS, shown, strict=True):
        (tmp_path / name).write_text(text)
    command = tmp_path / "bin" / "reelqueue"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -c "from reelqueue.cli import main; main()" "$@"\n')
    command.chmod(0o755)
    environment = {
        "ALIBABA_API_KEY": "sk-example",
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "REELQUEUE_TEXT_BASE_URL": f"{simulator.base_url}/compatible-mode/v1",
    }

    for script in [text for kind, text in BLOCKS if kind == "sh"]:
        ran = subprocess.run(
            ["/bin/sh", "-e", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    assert (tmp_path / "autumn" / "clips.jsonl").read_text().count("\n") == 4
    manifest = (tmp_path / "mugs" / "campaign.yaml").read_text()
    assert "{{ name }}" in manifest
    assert "Ostsee" not in manifest


def test_rules_are_sentences() -> None:
    assert all(rule.endswith(".") and rule[0].isalpha() for rule in RULES.values())
