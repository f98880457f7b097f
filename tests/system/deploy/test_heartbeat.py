"""``python -m workers.heartbeat``: the health check of workers and beat."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from workers.heartbeat import FRESH_SECONDS, main


def test_a_fresh_sign_of_life_is_well(tmp_path: Path) -> None:
    (tmp_path / "heartbeat").touch()

    assert main([str(tmp_path / "heartbeat")]) == 0


def test_an_old_one_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "heartbeat").touch()
    then = time.time() - FRESH_SECONDS - 5
    os.utime(tmp_path / "heartbeat", (then, then))

    assert main([str(tmp_path / "heartbeat")]) == 1
    assert "the last sign of life was 35 s ago" in capsys.readouterr().err


def test_none_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "heartbeat")]) == 1
    assert "no sign of life yet" in capsys.readouterr().err


def test_the_check_does_not_load_celery(tmp_path: Path) -> None:
    (tmp_path / "heartbeat").touch()
    look = (
        f"import sys, workers.heartbeat as h; h.main([{str(tmp_path / 'heartbeat')!r}]); print('celery' in sys.modules)"
    )

    checked = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)

    assert checked.stdout == "False\n"
