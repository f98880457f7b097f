"""The API against its own OpenAPI document, as schemathesis reads it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models.api_key import ApiKey
from models.tenant import ensure_tenant
from tests.api.conftest import serving
from tests.conftest import ROOT

# Bounded and with one seed, so that the suite is quick and says the same each time. For the curious:
# schemathesis run --max-examples 1000 http://127.0.0.1:8000/openapi.json
SEED = 20261123
TIMEOUT_SECONDS = 280
KEY = "rq_fuzzer"


@pytest.mark.timeout(TIMEOUT_SECONDS + 20)
def test_a_fuzzer_finds_no_fault_without_keys(api: httpx.Client, tmp_path: Path) -> None:
    run = fuzz(api, tmp_path, "--max-examples", "5")

    assert run.returncode == 0, run.stdout


@pytest.mark.timeout(TIMEOUT_SECONDS + 20)
def test_a_fuzzer_finds_no_fault_with_keys(settings: ApiSettings, rows: Session, tmp_path: Path) -> None:
    rows.add(ApiKey(name="fuzzer", tenant_id=ensure_tenant(rows), sha256=hashlib.sha256(KEY.encode()).hexdigest()))
    rows.commit()

    with serving(settings, require_key=True) as locked:
        run = fuzz(locked, tmp_path, "--phases", "fuzzing", "--max-examples", "2", "-H", f"Authorization: Bearer {KEY}")

    assert run.returncode == 0, run.stdout


def test_the_document_is_openapi_31_and_names_problems(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()

    assert document["openapi"] == "3.1.0"
    refusals = document["paths"]["/v1/jobs"]["post"]["responses"]
    assert set(refusals["422"]["content"]) == {"application/problem+json"}


def fuzz(api: httpx.Client, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A bounded run of schemathesis, in a folder that may be littered."""
    command = Path(sys.executable).with_name("schemathesis")
    fixed = ["--seed", str(SEED), "--generation-database", "none", "--no-color"]
    return subprocess.run(
        [
            command,
            "--config-file",
            ROOT / "schemathesis.toml",
            "run",
            f"{api.base_url}/openapi.json",
            *fixed,
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
