"""Without the extra, spreadsheets are read and manifests say what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = Path(__file__).parent / "files"
PROGRAM = """
import sys
sys.modules.update(jinja2=None, yaml=None, openpyxl=None)
from pathlib import Path
from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.errors import ReelqueueError
try:
    print(check_file(Path(sys.argv[1]), region="ap-southeast-1").plan.clip_count)
except ReelqueueError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clips.csv", "3"),
        ("shots.jsonl", "3"),
        ("catalogue.yaml", "YAML manifests need PyYAML; run: pip install 'reelqueue[campaigns]'"),
        ("boats.xlsx", "workbooks need openpyxl; run: pip install 'reelqueue[xlsx]'"),
        ("night.toml", "templates need jinja2; run: pip install 'reelqueue[campaigns]'"),
    ],
)
def test_only_manifests_and_workbooks_need_an_extra(name: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(FILES / name)], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.strip() == said
