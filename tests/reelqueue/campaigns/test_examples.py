"""The example files, and what is said about the one that is full of mistakes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.campaigns.report.summary import problem_lines, verdict

FILES = Path(__file__).parent / "files"

SAID = """\
error: mistakes.csv:1 (column C): promt: no option has this name, and no template uses it; did you mean prompt?
    Rename it, or begin its name with # if it is a note.
error: mistakes.csv:2 (column E): duration: must be a whole number, such as 5, not '5,5'
    Change it to the type that is named.
error: mistakes.csv:2 (column F): watermark: must be true or false, not 'maybe'
    Change it to the type that is named.
error: mistakes.csv:3 (column E): duration: wan2.6-t2v takes 2 to 15 seconds, not 99
    Change it to an allowed value.
error: mistakes.csv:4 (column A): the id 'b' is taken by the row of line 3
    Give each row an id of its own.
error: mistakes.csv:5 (column G): image: wan2.6-t2w (text-to-video) does not take it. It takes audio, audio_url, \
duration, negative_prompt, prompt, prompt_extend, ratio, resolution, seed, shot_type, watermark; a model id outside \
the catalog may state its mode
    Empty it for this row, or choose a model that takes it.
error: mistakes.csv:6 (column D): prompt: must be a value; the spreadsheet's formula failed, not '#NAME?'
    Repair the formula in the spreadsheet and save the file again.
error: mistakes.csv:6 (column G): image: cannot read FOLDER/fox.png: No such file or directory
    Put the file where its path says, or correct the path.
error: mistakes.csv:7 (column B): model: give the id of a model, such as wan2.6-t2v
    Fill it in, or set it in the manifest's defaults.
warning: mistakes.csv:9: it sends the same as the row of line 8 and is left out: one video is rendered, and paid for, \
once
    Delete one of them; for several takes of one clip give variants or different seeds.
"""


@pytest.mark.parametrize(
    ("name", "clips", "least"),
    [
        ("clips.csv", 3, "2.25"),
        ("europe.csv", 2, "1.50"),
        ("shots.jsonl", 3, "2.25"),
        ("catalogue.yaml", 15, "7.50"),
        ("night.toml", 4, "2.00"),
    ],
)
def test_an_example_is_planned_without_problems(name: str, clips: int, least: str) -> None:
    checked = check_file(FILES / name, region="ap-southeast-1")

    assert (checked.log.error_count, checked.log.warning_count) == (0, 0)
    assert checked.plan.buy_count == clips
    assert str(checked.plan.total.min_amount) == least


def test_every_mistake_is_told_with_its_place_and_remedy(tmp_path: Path) -> None:
    path = shutil.copy(FILES / "mistakes.csv", tmp_path / "mistakes.csv")

    checked = check_file(path, region="ap-southeast-1")

    said = "\n".join(problem_lines(checked.log.groups, most=20)) + "\n"
    assert said == SAID.replace("FOLDER", str(tmp_path))
    assert verdict(checked.log) == "the file itself has 1 error; nothing of it can be applied"


def test_equal_problems_are_told_once_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    rows = "".join(f"r{number},wan2.6-t2v,boat {number},{90 + number}\n" for number in range(9))
    path.write_text(f"custom_id,model,prompt,duration\n{rows}r,wan2.6-t2v,a boat,5\n")

    checked = check_file(path, region="ap-southeast-1")

    first, _ = problem_lines(checked.log.groups, most=20)
    assert first.startswith("error: boats.csv, column D, lines 2, 3, 4, 5, 6 and 4 more: duration: wan2.6-t2v takes")
    assert verdict(checked.log) == "9 of 10 rows cannot be rendered"
