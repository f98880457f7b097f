"""Clips that failed: brought home, corrected by hand and applied again, or rendered again as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from reelqueue.schemas.campaigns import Campaign, Phase
from tests.system.acceptance.campaigns.numbers import billed, export
from tests.system.acceptance.campaigns.studio import Studio

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("stack")]

HEAD = "custom_id,model,prompt,duration,poll_interval_ms\n"
GOOD = "a cup on a table"
BAD = "a cup on a table [[fail=InvalidParameter]]"


def test_corrected_rows_are_bought_and_no_others(studio: Studio, tmp_path: Path) -> None:
    ended = apply(studio, tmp_path, "repaired", [GOOD, BAD, "a plate [[blocked-input]]", "a spoon"])
    file = tmp_path / "repaired.bad.csv"
    studio.campaign("failures", "repaired", "-o", file)
    correct(file, lambda prompt: prompt.partition(" [[")[0] + ", seen from above")

    applied = studio.campaign("apply", file, "--yes")

    assert ended.counts == {"succeeded": 2, "failed": 1, "moderated": 1}
    assert "stored: 0 new, 2 changed, 0 there already" in applied
    assert finished(studio, "repaired").counts == {"succeeded": 4}
    rows = export(studio, "repaired", tmp_path / "results.csv")
    assert len(billed(studio, {row["prompt"] for row in rows}).paid) == 4
    assert studio.audit() == []


def test_a_retry_shows_rows_and_cost_and_buys_once(studio: Studio, tmp_path: Path) -> None:
    apply(studio, tmp_path, "retried", [GOOD.replace("cup", "vase"), BAD, "a lamp [[fail=InvalidParameter]]"])
    chosen = ("retry", "retried", "--class", "input", "--where", "row=3")

    studio.campaign("pause", "retried")  # or it may have failed again before the second retry
    preview = studio.run("reelqueue", "campaign", *chosen, "--dry-run")
    first, second = (json.loads(studio.campaign(*chosen, "--yes", "--json")) for _ in range(2))

    assert preview.stderr == "1 clip, at most 0.30 USD: row-1\n"
    assert (first["count"], Decimal(first["max_amount"])) == (1, Decimal("0.30"))
    assert second["count"] == 0
    studio.campaign("resume", "retried")
    assert finished(studio, "retried").counts == {"succeeded": 1, "failed": 2}


def apply(studio: Studio, folder: Path, name: str, prompts: list[str]) -> Campaign:
    """Apply a file of these prompts, and give the campaign when it has ended."""
    file = folder / f"{name}.csv"
    rows = (f"row-{number},wan2.6-t2v,{prompt},2,500\n" for number, prompt in enumerate(prompts))
    file.write_text(HEAD + "".join(rows))
    studio.campaign("apply", file, "--yes")
    return finished(studio, name)


def finished(studio: Studio, name: str) -> Campaign:
    studio.wait_for(lambda: studio.client.campaigns.get(name).phase is Phase.FINISHED, f"{name} has ended")
    return studio.client.campaigns.get(name)


def correct(file: Path, change: Callable[[str], str]) -> None:
    """Change the prompts of a file as a person does in a spreadsheet."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with file.open("w", encoding="utf-8", newline="") as stream:
        sheet = csv.DictWriter(stream, rows[0].keys())
        sheet.writeheader()
        sheet.writerows(row | {"prompt": change(row["prompt"])} for row in rows)
