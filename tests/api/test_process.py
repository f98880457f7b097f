"""``python -m api`` as a process: what it starts with, and what it does not start with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    "setting",
    [
        "REELQUEUE_DATABASE_URL=nonsense",
        "REELQUEUE_DATABASE_URL=mysql://user:canary@host/name",
        "REELQUEUE_BROKER_URL=carrier-pigeon://user:canary@host",
        "REELQUEUE_BROKER_URL=redis://:a:canary@host:x/0",
        "REELQUEUE_ARCHIVE_URL=ftp://bucket",
        "REELQUEUE_VIDEO_BASE_URL=nope",
        "REELQUEUE_API_MAX_BODY_BYTES=0",
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line_that_names_it(setting: str) -> None:
    name, _, value = setting.partition("=")

    run = subprocess.run(
        [sys.executable, "-m", "api", "--port", "0"],
        env=os.environ | {name: value},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert name in run.stderr
    assert "canary" not in run.stderr
