"""What newcomers look for is where ``questions.yaml`` says, and the file says so itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
QUESTIONS = yaml.safe_load((Path(__file__).parent / "questions.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked["path"])
def test_the_path_answers_the_question(asked: dict[str, str]) -> None:
    assert asked["question"].endswith("?")
    assert asked["holds"] in (ROOT / asked["path"]).read_text(encoding="utf-8")


def test_no_question_is_asked_twice() -> None:
    assert len(QUESTIONS) >= 48
    assert (
        len({asked["question"] for asked in QUESTIONS}) == len({asked["path"] for asked in QUESTIONS}) == len(QUESTIONS)
    )
