"""The page about money names tests, checks and words that exist."""

from __future__ import annotations

import re

from models import EntryKind, OnAmbiguous
from reelqueue.schemas.statement import Grouping
from tests.system.docs.settings_page import ROOT
from workers.audit import provider as provider_audit
from workers.audit.invariants import Check

PAGE = (ROOT / "docs/money.md").read_text()


def test_every_test_that_it_names_exists() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)`", PAGE)

    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_it_names_every_check_kind_choice_and_group() -> None:
    checks = [value.name for value in vars(provider_audit).values() if isinstance(value, Check)]

    words = [*checks, *EntryKind, *OnAmbiguous, *Grouping]

    assert [word for word in words if f"`{word}`" not in PAGE] == []
