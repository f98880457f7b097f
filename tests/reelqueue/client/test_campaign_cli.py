"""``reelqueue campaign``: a file checked without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reelqueue.cli._app import app

HEAD = "custom_id,model,prompt,duration\n"


@pytest.fixture
def boats(tmp_path: Path) -> Path:
    path = tmp_path / "boats.csv"
    path.write_text(f"{HEAD}a,wan2.6-t2v,a boat,5\nb,wan2.6-t2v,a ship,10\n")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["campaign", "check", *map(str, arguments)])


def test_a_good_file_ends_with_its_price(boats: Path) -> None:
    result = run(boats, "--render-seconds", "120-240")

    assert result.exit_code == 0
    assert "wan2.6-t2v  2      15       2.25   2.25  USD" in result.stdout
    assert "time: 0:0" in result.stdout
    assert result.stdout.endswith("2 rows, no errors\n")
    assert list(boats.parent.iterdir()) == [boats]


def test_a_bad_row_is_the_exit_code_and_two_files(boats: Path) -> None:
    boats.write_text(f"{boats.read_text()}c,wan2.6-t2v,a raft,99\n")

    result = run(boats)

    assert result.exit_code == 1
    assert "boats.csv:4 (column D): duration: wan2.6-t2v takes 2 to 15 seconds, not 99" in result.stdout
    assert "boats.errors.csv" in result.stderr
    assert {path.name for path in boats.parent.iterdir()} == {"boats.csv", "boats.errors.csv", "boats.bad.csv"}


def test_json_says_the_same_for_machines(boats: Path) -> None:
    boats.write_text(f"{boats.read_text()}c,wan2.6-t2v,a raft,99\n")

    result = run(boats, "--json", "--no-files", "--render-seconds", "60-90")

    said = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (said["plan"]["to_buy"], said["plan"]["total"]["min_amount"]) == (2, "2.25")
    assert said["campaign"]["name"] == "boats"
    assert said["check"]["problems"][0]["letter"] == "D"
    assert said["plan"]["eta"]["p50_seconds"] >= 60
    assert list(boats.parent.iterdir()) == [boats]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "error: there is no file 'nowhere.csv'"),
        (["nowhere.csv", "--render-seconds", "soon"], "must be two times such as 120-240"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_expanding_writes_what_each_row_becomes(boats: Path) -> None:
    boats.write_text(f"{boats.read_text()}c,wan2.6-t2v,a raft,99\n")

    result = CliRunner().invoke(app, ["campaign", "expand", str(boats)])

    assert [json.loads(line)["custom_id"] for line in result.stdout.splitlines()] == ["a", "b"]
    assert (result.exit_code, "1 of 3 rows cannot be rendered" in result.stderr) == (1, True)


def test_control_characters_of_a_file_do_not_reach_the_terminal(boats: Path) -> None:
    boats.write_text(f"{HEAD}a\x1b[2J,wan2.6-t2v,a boat,5\x1b[31m\n")

    result = run(boats, "--no-files")

    assert "\x1b" not in result.stdout
