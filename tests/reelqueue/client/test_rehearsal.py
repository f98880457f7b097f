"""``reelqueue campaign plan --rehearse``, as a person calls it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelqueue.cli._app import app

ROWS = "custom_id,model,prompt,duration\na,wan2.6-t2v,a paper boat,5\nb,wan2.6-t2v,a paper crane,5\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A campaign file."""
    path = tmp_path / "autumn.csv"
    path.write_text(ROWS)
    return path


@pytest.mark.usefixtures("server")
def test_a_plan_is_followed_by_its_rehearsal(file: Path) -> None:
    result = CliRunner().invoke(app, ["campaign", "plan", str(file), "--rehearse", "--json"])

    told = json.loads(result.stdout)
    assert (result.exit_code, told["plan"]["new"]) == (0, 2)
    assert told["rehearsal"]["counts"] == {"succeeded": 2}
    assert told["rehearsal"]["billed"] == told["plan"]["total"]["max_amount"]


@pytest.mark.usefixtures("server")
def test_without_the_servers_packages_it_says_where_to_rehearse(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    result = CliRunner().invoke(app, ["campaign", "plan", str(file), "--rehearse"])

    assert result.exit_code == 1
    assert f"./run rehearse {file}" in result.stderr
