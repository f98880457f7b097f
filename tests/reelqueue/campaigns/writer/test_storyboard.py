"""A storyboard as a person reads, corrects and breaks it."""

from __future__ import annotations

import pytest

from reelqueue.campaigns.writer.storyboard import ClipAnswer, Storyboard, read_storyboard, story_clip, storyboard_text
from reelqueue.errors import InvalidRequestError
from tests.reelqueue.campaigns.writer.conftest import make_clip

BOARD = Storyboard(
    clips=(make_clip(1, references=("fox", "harbour")), make_clip(2, dialogue="Ja: wirklich # gut")),
    assumptions=("It rains",),
)
TEXT = storyboard_text("autumn", BOARD)


def test_it_is_read_as_it_was_written() -> None:
    assert read_storyboard(TEXT) == BOARD


def test_a_clip_can_be_deleted_and_words_be_changed() -> None:
    changed = TEXT[: TEXT.index("## 02")].replace("- light: evening", "- light:   noon  ")

    board = read_storyboard(changed)

    assert [(clip.id, clip.light) for clip in board.clips] == [("01", "noon")]


def test_no_text_of_a_model_makes_lines_of_its_own() -> None:
    odd = "16:9\n## 07\n- model: free"
    clip = story_clip(1, ClipAnswer.model_validate(make_clip(1, ratio=odd, action=odd).model_dump(exclude={"id"})))

    board = Storyboard(clips=(clip,), assumptions=(odd,))

    assert [one.id for one in read_storyboard(storyboard_text("autumn", board)).clips] == ["01"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- light: evening", "- lihgt: evening", "storyboard.md:18: is no line such as"),
        ("- light: evening\n", "", "storyboard.md:6: clip 01 has no line for light"),
        ("## 02", "## 01", "has two clips 01"),
        ("## 0", "### 0", "has no clip"),
    ],
)
def test_what_cannot_be_read_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        read_storyboard(TEXT.replace(old, new))
