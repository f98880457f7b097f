"""Rows that only the server refuses: told like any others, and nothing is stored unless they are left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, update

from api.http import clip_batches
from api.settings import ApiSettings
from models import RenderJob
from reelqueue.campaigns.clip_json import read_clip
from reelqueue.campaigns.clips import Clip
from reelqueue.errors import InvalidRequestError
from reelqueue.states import RenderState
from tests.reelqueue.client.test_campaigns import run

ROWS = "custom_id,model,prompt,duration\na,wan2.6-t2v,a paper boat,5\nb,wan2.6-t2v,a paper crane,10\n"


@pytest.fixture
def server(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A running API that takes no clip of 10 seconds, as an older version might."""

    def read(data: Mapping[str, Any], *arguments: Any) -> Clip:
        if data.get("duration") == 10:
            raise InvalidRequestError("out_of_range", "duration: wan2.6-t2v takes 2 to 9 seconds, not 10", "duration")
        return read_clip(data, *arguments)

    monkeypatch.setattr(clip_batches, "read_clip", read)
    return server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A campaign file whose second row the server refuses."""
    path = tmp_path / "autumn.csv"
    path.write_text(ROWS)
    return path


def stored_ids() -> list[str]:
    """The clips of the campaign."""
    results = run("results", "autumn", "--format", "jsonl").stdout.splitlines()
    return [json.loads(line)["custom_id"] for line in results]


def lines_of(path: Path) -> list[dict[str, str]]:
    """The rows of a spreadsheet."""
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_a_row_that_only_the_server_refuses_keeps_the_others_from_being_stored(server: str, file: Path) -> None:
    result = run("apply", file, "--yes")

    assert (result.exit_code, "nothing was stored" in result.stderr) == (1, True)
    assert "autumn.csv:3 (column D): duration: wan2.6-t2v takes 2 to 9 seconds, not 10" in result.stdout
    assert json.loads(run("list", "--json").stdout) == []


def test_refused_rows_are_written_beside_the_file_and_the_others_stored(server: str, file: Path) -> None:
    result = run("apply", file, "--yes", "--skip-bad-rows")

    assert (result.exit_code, stored_ids()) == (0, ["a"])
    (problem,) = lines_of(file.with_name("autumn.errors.csv"))
    assert [problem[name] for name in ("line", "column", "letter", "seen", "custom_id")] == [
        "3",
        "duration",
        "D",
        "10",
        "b",
    ]
    assert "takes 2 to 9 seconds" in problem["message"]
    (bad,) = lines_of(file.with_name("autumn.bad.csv"))
    assert (bad["custom_id"], bad["duration"]) == ("b", "10")


def test_what_comes_after_a_refused_row_is_refused_with_it(server: str, file: Path) -> None:
    rows = ROWS.replace("duration\n", "duration,after\n").replace(",5\n", ",5,\n").replace(",10\n", ",10,\n")
    file.write_text(f"{rows}c,wan2.6-t2v,a paper swan,5,b\n")

    result = run("apply", file, "--yes", "--skip-bad-rows")

    assert (result.exit_code, stored_ids()) == (0, ["a"])
    problems = lines_of(file.with_name("autumn.errors.csv"))
    assert [(problem["line"], problem["code"]) for problem in problems] == [("3", "out_of_range"), ("4", "bad_chain")]


def test_rows_refused_here_and_there_are_told_together(server: str, file: Path) -> None:
    file.write_text(f"{ROWS}c,wan2.6-t2v,,5\n")

    run("apply", file, "--yes")

    problems = lines_of(file.with_name("autumn.errors.csv"))
    assert [(problem["line"], problem["code"]) for problem in problems] == [
        ("3", "out_of_range"),
        ("4", "missing_option"),
    ]


def test_a_plan_tells_what_is_shared_and_not_rendered_again(server: str, file: Path, settings: ApiSettings) -> None:
    file.write_text(ROWS.replace("10", "5"))
    run("apply", file, "--yes")
    engine = create_engine(settings.database_url.get_secret_value())
    with engine.begin() as connection:
        connection.execute(update(RenderJob).values(state=RenderState.MODERATED))
    engine.dispose()
    file.write_text("custom_id,model,prompt,duration\nc,wan2.6-t2v,a paper boat,5\nb,wan2.6-t2v,a paper crane,5\n")

    told = run("plan", file).stdout

    assert "0 new, 0 changed, 1 present, 1 shared" in told
    assert "2 clips ended without a video, and will not be rendered again by this: reelqueue campaign retry" in told
