"""Tools that exist for Node only, from the registry that npm is set up with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

AI_SDK = ("@ai-sdk/alibaba@2.0.58", "ai@7.0.173")
"""The client that calls to language models are held against."""


def install(folder: Path, *packages: str) -> Path:
    """Install *packages* (``name@version``) and return the folder of their commands.

    Skips the test where there is no Node, or no registry on a laptop; a registry that does not answer fails in CI.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no Node here: apt-get install nodejs npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", "--prefix", str(folder)]
    try:
        done = subprocess.run([*command, *packages], capture_output=True, text=True, timeout=180, check=False)
        problem = done.stderr.strip()[-1000:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = "no answer within 180 s"
    if problem:
        message = f"npm cannot install {', '.join(packages)}: {problem}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder / "node_modules" / ".bin"
