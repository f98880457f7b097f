"""The AI SDK, unmodified, against a simulator process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.node_packages import AI_SDK, install

if TYPE_CHECKING:
    from tests.conftest import Simulator

SCRIPT = Path(__file__).parents[2] / "reelqueue/qwen/ai_sdk/against_simulator.mjs"


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("node")
def test_the_ai_sdk_runs_unmodified(simulator: Simulator, tmp_path: Path) -> None:
    install(tmp_path, *AI_SDK)
    script = tmp_path / "against_simulator.mjs"
    script.write_bytes(SCRIPT.read_bytes())
    environment = os.environ | {"BASE_URL": f"{simulator.base_url}/compatible-mode/v1", "NO_PROXY": "127.0.0.1"}

    run = subprocess.run(
        ["node", str(script)],  # noqa: S607
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stderr
