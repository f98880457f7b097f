"""``reelqueue campaign write``: what is refused before anything is asked. Its two steps are tested on a whole stack."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reelqueue.cli import _jobs
from reelqueue.cli._app import app


@pytest.fixture
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A brief, in an environment without a server: what got as far as a call would end otherwise."""
    monkeypatch.setenv("REELQUEUE_API_URL", "http://127.0.0.1:9")
    path = tmp_path / "brief.md"
    path.write_text("# Boats\n\nThree paper boats in the rain.\n")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["campaign", "write", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say --yes"),
        (["--yes", "--text-model", "my-own", "--max-text-cost", "1"], "no price is known for my-own"),
        (["--yes", "--max-text-cost", "much"], "--max-text-cost: must be an amount"),
        (["--yes", "--max-text-cost", "0.000001"], "might bring the text above 0.000001"),
        (["--yes", "--model", "wan9-t2v"], "is in no table"),
        (
            ["--yes", "--model", "wan2.7-t2v-2026-04-25", "--budget", "5 USD"],
            "no price is published for wan2.7-t2v-2026-04-25",
        ),
        (["--yes", "--budget", "much"], "must be an amount and a currency"),
        (["--yes", "--products", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--continue"], "give either a brief or --continue"),
    ],
)
def test_what_cannot_be_done_costs_nothing(brief: Path, arguments: list[str], said: str) -> None:
    result = run(brief, "-o", brief.parent / "autumn", *arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_without_a_server_nothing_is_asked(brief: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jobs, "_RETRY_SECONDS", 0.0)

    result = run(brief, "-o", brief.parent / "autumn", "--yes")

    assert result.exit_code == 1
    assert "is the API running there?" in result.stderr


def test_a_folder_of_other_things_is_left_alone(brief: Path) -> None:
    (brief.parent / "mine").mkdir()
    (brief.parent / "mine" / "notes.txt").write_text("mine")

    result = run(brief, "-o", brief.parent / "mine", "--yes")

    assert result.exit_code == 1
    assert "not of a written campaign" in result.stderr
