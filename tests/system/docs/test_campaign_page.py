from __future__ import annotations

import re
from pathlib import Path

import pytest

from reelqueue.campaigns import limits
from reelqueue.campaigns.plan.check_file import check_file

PAGE = Path(__file__).parents[3] / "docs/campaigns/write-a-file.md"


def test_the_page_tells_every_limit() -> None:
    text = PAGE.read_text()
    told_elsewhere = {"SEEN_CHARACTERS_MAX"}

    numbers = {name: value for name, value in vars(limits).items() if name.endswith("_MAX")}

    assert not [name for name in numbers.keys() - told_elsewhere if f"| {numbers[name]:,} |" not in text]


@pytest.mark.parametrize("block", re.findall(r"```(yaml|toml|csv|json)\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_every_example_of_the_page_can_be_read(block: tuple[str, str], tmp_path: Path) -> None:
    kind, text = block
    (tmp_path / "products.csv").write_text("custom_id,name\ncup,A blue cup\nlamp,A brass lamp\n")
    path = tmp_path / f"example.{kind.replace('json', 'jsonl')}"
    path.write_text(text)

    checked = check_file(path, region="ap-southeast-1")

    assert [group.first.message for group in checked.log.groups] == []
    assert checked.plan.clip_count
