"""Each decision has its date, a reason, and what was not chosen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[3] / "docs/decisions.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("choice", "text"), ENTRIES, ids=[choice for choice, _ in ENTRIES])
def test_a_choice_has_date_reason_and_alternative(choice: str, text: str) -> None:
    assert re.fullmatch(r"\s*\d{4}-\d\d-\d\d\. \S.+\n\nInstead of: \S.+\.\s*", text, re.DOTALL), choice


def test_every_paragraph_belongs_to_a_choice() -> None:
    assert len(ENTRIES) > 50
    assert re.findall(r"^\*\*.*", TEXT, re.MULTILINE) == []
