"""The golden set: briefs in three languages, tables, budgets and hostile texts against the scripted writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import writer as golden

if TYPE_CHECKING:
    from tests.conftest import Simulator

CORRECTED = {"broken-answers": 0, "cut-answers": 0, "sloppy-answers": 0}
"""Clips that keep every rule at first, where that is not all of them."""


def test_the_set_is_large_enough() -> None:
    assert len(golden.names()) >= 12


@pytest.mark.parametrize("name", golden.names())
def test_a_brief_of_the_set(name: str, tmp_path: Path, simulator: Simulator) -> None:
    found = golden.measure(name, tmp_path / "campaign", simulator.base_url, simulator.control)

    assert (found.over_cap, found.over_budget, found.invented, found.changed) == ([], [], [], [])
    assert found.posts == found.billed
    if "refused" in found.wanted:
        assert (found.outcome, found.posts) == ("refused", 0)
        assert found.wanted["refused"] in found.why
    elif found.wanted.get("nothing"):
        assert found.outcome == "nothing"
        assert not (tmp_path / "campaign" / "campaign.yaml").exists()
    else:
        assert (found.outcome, found.kept) == ("written", found.clips), found.why
        assert found.first == CORRECTED.get(name, found.clips)
        assert found.cost == found.billed_cost
