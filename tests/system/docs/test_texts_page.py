"""The examples of docs/texts.md, run as they are copied, against the simulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Simulator

ROOT = Path(__file__).parents[3]
DIRECT = (ROOT / "docs/texts.md").read_text().partition("\n## Text jobs\n")[0]
"""Text jobs need a server: tests/system/packaging/test_readme.py runs theirs."""
EXAMPLES = re.findall(r"```python\n(.*?)```", DIRECT, re.DOTALL)
OUTPUT = (
    "You said: Name a paper boat. stop\n",
    "You said: Of what colour?\n",
    "text You said: Na\n",
    "\nYou said: Name a paper boat.\n",
    "You said: How warm is Ulm? 1 TextCost(",
    "text 1 TextCost(",
    "0 You said: Name boat 0.\n",
)


@pytest.mark.parametrize(("example", "words"), list(zip(EXAMPLES, OUTPUT, strict=True)))
def test_an_example_runs_as_it_is(simulator: Simulator, tmp_path: Path, example: str, words: str) -> None:
    environment = {
        "ALIBABA_API_KEY": "sk-example",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REELQUEUE_TEXT_BASE_URL": f"{simulator.base_url}/compatible-mode/v1",
    }

    ran = subprocess.run(
        [sys.executable, "-P", "-c", example],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert words in ran.stdout
