"""The page about money names every check, kind, choice and group."""

from __future__ import annotations

from pathlib import Path

from models import EntryKind, OnAmbiguous
from reelqueue.schemas.grouping import Grouping
from workers.audit import provider as provider_audit
from workers.audit import text_bill
from workers.audit.check import Check
from workers.provider_bill.differences import Rule

PAGE = (Path(__file__).parents[3] / "docs/money.md").read_text()


def test_it_names_every_check_kind_choice_and_group() -> None:
    named = [*vars(provider_audit).values(), *vars(text_bill).values()]
    checks = [value.name for value in named if isinstance(value, Check)]

    words = [*checks, *EntryKind, *OnAmbiguous, *Grouping, *Rule]

    assert [word for word in words if f"`{word}`" not in PAGE] == []
