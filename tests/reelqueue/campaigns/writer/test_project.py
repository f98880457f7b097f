"""A project's folder: it holds all that its second step needs, and a person's corrections are never overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from bench.writer import DirectCalls
from reelqueue.campaigns.writer.calls import CountedCalls
from reelqueue.campaigns.writer.offer import read_wish
from reelqueue.campaigns.writer.project import (
    Project,
    new_project,
    open_project,
    read_board,
    run_prompts,
    run_storyboard,
)
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen import QwenClient
from tests.reelqueue.campaigns.writer.conftest import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Simulator


@pytest.fixture
def calls(simulator: Simulator) -> Iterator[CountedCalls]:
    with QwenClient({"api_key": "sk-a", "base_url": f"{simulator.base_url}/compatible-mode/v1"}) as client:
        yield CountedCalls(DirectCalls(client))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder with a brief that has a picture of its own, a brand file and a table."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    # The smallest picture that a first frame may be.

    Image.new("RGB", (640, 640), "red").save(folder / "fox.png")
    (folder / "brief.md").write_text("# A fox\n\n![fox](fox.png)\n\nA fox of 7 years.\n")
    (folder / "brand.md").write_text("## Banned claims\n\n- best fox\n")
    (folder / "products.csv").write_text(
        "custom_id,name,claim\na,Red fox,runs all night\nb,Grey fox,climbs each tree\n"
    )
    return folder


def begin(inputs: Path, folder: Path, *, with_table: bool = False) -> Project:
    return new_project(
        folder,
        inputs / "brief.md",
        wish=read_wish(clips=2, budget="5 USD"),
        model="qwen-plus",
        region=REGION,
        brand=inputs / "brand.md",
        products=inputs / "products.csv" if with_table else None,
    )


@pytest.mark.parametrize("with_table", [False, True])
def test_the_second_step_needs_nothing_but_the_folder(
    inputs: Path, tmp_path: Path, calls: CountedCalls, *, with_table: bool
) -> None:
    folder = tmp_path / "autumn"
    board = run_storyboard(begin(inputs, folder, with_table=with_table), calls)
    for path in inputs.iterdir():
        path.unlink()

    opened = open_project(folder)
    result = run_prompts(opened, read_board(opened), calls)

    assert read_board(opened) == board
    assert opened.sources.banned == ("best fox",)
    assert result.checked.log.error_count == 0
    assert result.checked.plan.clip_count == (4 if with_table else 2)
    assert len(opened.asked) == 1
    assert len(calls.asked) == 3


def test_a_corrected_storyboard_is_not_written_again(inputs: Path, tmp_path: Path, calls: CountedCalls) -> None:
    folder = tmp_path / "autumn"
    run_storyboard(begin(inputs, folder), calls)
    begin(inputs, folder)  # as long as nobody has touched it
    page = folder / "storyboard.md"
    page.write_text(page.read_text().replace("- voice:", "- voice: a child"))

    with pytest.raises(InvalidRequestError, match="was corrected"):
        begin(inputs, folder)


def test_a_folder_without_a_first_step(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="begin with: reelqueue campaign write"):
        open_project(tmp_path)
    (tmp_path / "storyboard.json").write_text("{}")
    with pytest.raises(InvalidRequestError, match="it was changed"):
        open_project(tmp_path)
