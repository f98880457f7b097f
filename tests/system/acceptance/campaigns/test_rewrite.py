"""Clips that moderation refused, rewritten once by the simulated model and applied: only these are paid for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.acceptance.campaigns.numbers import billed, export
from tests.system.acceptance.campaigns.studio import Studio
from tests.system.acceptance.campaigns.test_repair import finished

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


def test_a_refused_clip_is_rewritten_once_and_renders(studio: Studio, tmp_path: Path) -> None:
    name = "rewritten"
    rows = [
        {"custom_id": "a", "prompt": "a rewritten cup"},
        {"custom_id": "b", "prompt": 'a rewritten plate says: "eat" [[blocked-output]]'},
        {"custom_id": "c", "prompt": "a rewritten spoon [[blocked-output]]", "metadata": {"rewritten": True}},
    ]
    common = {"model": "wan2.6-t2v", "duration": 2, "poll_interval_ms": 500}
    sheet, file = tmp_path / f"{name}.jsonl", tmp_path / "again.jsonl"
    sheet.write_text("".join(json.dumps({**common, **row}) + "\n" for row in rows))
    studio.campaign("apply", sheet, "--yes")
    assert finished(studio, name).counts == {"succeeded": 1, "moderated": 2}

    done = studio.run("reelqueue", "campaign", "rewrite", name, "-o", file, "--yes")

    assert done.returncode == 0, done.stderr
    assert "c: it was rewritten once and refused again, so a person decides" in done.stderr
    assert '+a rewritten plate says: "eat" Calm and friendly.' in done.stdout
    assert "may have been refused: output" in done.stdout
    assert [json.loads(line)["custom_id"] for line in file.read_text().splitlines()] == ["b"]

    said = studio.campaign("apply", file, "--name", name, "--yes")

    assert "0 new, 1 changed" in said
    assert finished(studio, name).counts == {"succeeded": 2, "moderated": 1}
    found = {row["custom_id"]: row for row in export(studio, name, tmp_path / "results.csv")}
    assert len(billed(studio, {row["prompt"] for row in found.values()}).paid) == 2
    again = studio.run("reelqueue", "campaign", "rewrite", name, "-o", file, "--yes")
    assert (again.returncode, "no clip of rewritten can be rewritten" in again.stderr) == (1, True)
