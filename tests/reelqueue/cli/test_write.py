"""``reelqueue campaign write``: what it asks before it spends, its two steps, and going on after a kill."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from reelqueue.cli._app import app
from reelqueue.qwen.settings import KEY_VARIABLES, URL_VARIABLE

if TYPE_CHECKING:
    from tests.conftest import Simulator


@pytest.fixture
def brief(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A brief, in an environment that leads to the simulator."""
    monkeypatch.setenv(KEY_VARIABLES[0], "sk-writer")
    monkeypatch.setenv(URL_VARIABLE, f"{simulator.base_url}/compatible-mode/v1")
    path = tmp_path / "brief.md"
    path.write_text("# Boats\n\nThree paper boats in the rain.\n")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["campaign", "write", *map(str, arguments)])


def posts(simulator: Simulator) -> int:
    return len(simulator.control.get("log", params={"operation": "chat"}).json()["requests"])


def test_a_brief_becomes_a_checked_campaign(brief: Path, simulator: Simulator) -> None:
    folder = brief.parent / "autumn"

    result = run(brief, "-o", folder, "--clips", "3", "--budget", "3 USD", "--yes")

    assert result.exit_code == 0, result.output
    assert "qwen-plus will be asked at most 18 times, for at most 0." in result.stderr
    assert "3 rows, no errors" in result.stdout
    assert {path.name for path in folder.iterdir()} == {
        "NOTES.md", "brief.md", "campaign.yaml", "clips.jsonl", "storyboard.json", "storyboard.md", "texts.jsonl"
    }  # fmt: skip
    assert posts(simulator) == 4
    checked = CliRunner().invoke(app, ["campaign", "check", str(folder / "campaign.yaml")])
    assert checked.exit_code == 0
    billed = Decimal(simulator.control.get("texts").json()["totals"]["USD"])
    assert f"4 calls for {billed:f} USD" in (folder / "NOTES.md").read_text()
    assert "The cache gave" in (folder / "NOTES.md").read_text()


def test_a_person_corrects_the_storyboard_between_the_steps(brief: Path, simulator: Simulator) -> None:
    folder = brief.parent / "autumn"
    first = run(brief, "-o", folder, "--clips", "3", "--yes", "--stop")
    storyboard = folder / "storyboard.md"
    text = storyboard.read_text()
    kept = text[: text.index("## 02")] + text[text.index("## 03") :]
    storyboard.write_text(kept.replace("- dialogue:", "- dialogue: Let it float", 1))

    second = run("--continue", "-o", folder, "--yes")

    assert (first.exit_code, second.exit_code) == (0, 0), second.output
    assert "reelqueue campaign write --continue" in first.stdout
    rows = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == ["01", "03"]
    assert 'says: "Let it float' in rows[0]["prompt"]
    assert posts(simulator) == 3
    billed = Decimal(simulator.control.get("texts").json()["totals"]["USD"])
    assert f"3 calls for {billed:f} USD" in (folder / "NOTES.md").read_text()


def test_a_storyboard_that_a_person_broke_is_refused_without_a_call(brief: Path, simulator: Simulator) -> None:
    folder = brief.parent / "autumn"
    run(brief, "-o", folder, "--clips", "2", "--yes", "--stop")
    storyboard = folder / "storyboard.md"
    storyboard.write_text(storyboard.read_text().replace("- seconds: 2", "- seconds: 99", 1))

    result = run("--continue", "-o", folder, "--yes")

    assert result.exit_code == 1
    assert "wan2.7-t2v renders 2, 3, 4" in result.stderr
    assert posts(simulator) == 1


def test_the_same_command_again_pays_for_nothing(brief: Path, simulator: Simulator) -> None:
    folder = brief.parent / "autumn"
    arguments = (brief, "-o", folder, "--clips", "3", "--yes")
    run(*arguments)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert run(*arguments).exit_code == 0

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert posts(simulator) == 4


def test_a_run_that_failed_on_the_way_goes_on_where_it_was(brief: Path, simulator: Simulator) -> None:
    folder = brief.parent / "autumn"
    arguments = (brief, "-o", folder, "--clips", "3", "--yes")
    fault = {"operation": "chat", "kind": "error", "status": 401}
    run(brief, "-o", folder, "--clips", "3", "--yes", "--stop")
    simulator.control.post("faults", json=[{**fault, "skip": 1}]).raise_for_status()

    refused = run(*arguments)
    again = run(*arguments)

    assert (refused.exit_code, again.exit_code) == (1, 0), again.output
    assert simulator.control.get("texts").json()["count"] == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say --yes"),
        (["--yes", "--text-model", "my-own", "--max-text-cost", "1"], "no price is known for my-own"),
        (["--yes", "--max-text-cost", "much"], "--max-text-cost: must be an amount"),
        (["--yes", "--max-text-cost", "0.000001"], "might bring the text above 0.000001"),
        (["--yes", "--model", "wan9-t2v"], "is in no table"),
        (["--yes", "--model", "wan3.0-video", "--budget", "5 USD"], "no price is published for wan3.0-video"),
        (["--yes", "--budget", "much"], "must be an amount and a currency"),
        (["--yes", "--products", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--continue"], "give either a brief or --continue"),
    ],
)
def test_what_cannot_be_done_costs_nothing(brief: Path, simulator: Simulator, arguments: list[str], said: str) -> None:
    result = run(brief, "-o", brief.parent / "autumn", *arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert posts(simulator) == 0


def test_without_a_key_nothing_is_begun(brief: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLES[0])
    monkeypatch.delenv(KEY_VARIABLES[1], raising=False)

    result = run(brief, "-o", brief.parent / "autumn", "--yes")

    assert (result.exit_code, (brief.parent / "autumn").exists()) == (1, False)
    assert "no key for the language models" in result.stderr


def test_a_folder_of_other_things_is_left_alone(brief: Path) -> None:
    (brief.parent / "mine").mkdir()
    (brief.parent / "mine" / "notes.txt").write_text("mine")

    result = run(brief, "-o", brief.parent / "mine", "--yes")

    assert result.exit_code == 1
    assert "not of a written campaign" in result.stderr
