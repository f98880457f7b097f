"""docs/metrics.md names every metric with its labels, and its commands run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from embedded.servers.valkey import ValkeyServer
from models.operations.monitoring.figures import read_figures
from tests.api.conftest import serving
from tests.support.stored_jobs import NOW

PAGE = (Path(__file__).parents[3] / "docs/metrics.md").read_text()
KEY = "an operators' key of 32 characters"
ROW = re.compile(r"^\| `reelqueue_(\w+)` \| (.*?) \|", re.MULTILINE)
WITHOUT_ROWS = {"first_expiry_hours", "last_dispatch_seconds"}
"""Metrics that an empty record has not."""


def test_it_names_every_metric_with_its_labels(session: Session) -> None:
    named = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE)}

    found = {figure.name: figure.labels for figure in read_figures(session, NOW)}

    assert {name: labels for name, labels in named.items() if name not in WITHOUT_ROWS} == found


@pytest.mark.parametrize("require_key", [False, True])
def test_its_commands_run(database_url: str, valkey_server: ValkeyServer, tmp_path: Path, *, require_key: bool) -> None:
    settings = ApiSettings(
        database_url=SecretStr(database_url),
        broker_url=SecretStr(valkey_server.broker_url),
        archive_url=f"file:{tmp_path}",
        api_metrics_key=SecretStr(KEY),
    )
    command = re.findall(r"^\$ (curl .*)$", PAGE, re.MULTILINE)[int(require_key)]

    with serving(settings, require_key=require_key) as api:
        place = command.replace("http://127.0.0.1:8000", str(api.base_url).rstrip("/"))
        environment = {"REELQUEUE_API_METRICS_KEY": KEY, "PATH": "/usr/bin:/bin"}
        ran = subprocess.run(
            ["/bin/sh", "-c", place], env=environment, capture_output=True, text=True, timeout=60, check=True
        )

    assert "reelqueue_overdue_polls" in {family.name for family in text_string_to_metric_families(ran.stdout)}


def test_its_scrape_configuration_is_whole() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    (job,) = yaml.safe_load(block)["scrape_configs"]

    assert job["authorization"] == {"credentials_file": "/etc/prometheus/reelqueue-metrics-key"}
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8000"]}]
