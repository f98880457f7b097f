"""Clips that failed, corrected and applied until all are there: each kind of campaign file, twice around."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from tests.system.acceptance.campaigns.numbers import billed, export
from tests.system.acceptance.campaigns.studio import Studio
from tests.system.acceptance.campaigns.test_repair import correct, finished

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]

BLOCKED: Final = "[[blocked-output]]"
Row = dict[str, str]


def repair(studio: Studio, folder: Path, name: str, change: Callable[[str], str]) -> tuple[Path, str]:
    """Bring the failures of a campaign, change their prompts and apply them; the file and what was said."""
    file = folder / f"{name}.bad.csv"
    studio.campaign("failures", name, "-o", file)
    assert "base64" not in file.read_text()
    assert "0 new, 0 changed" in studio.campaign("plan", file)  # as they failed, they are known
    correct(file, change)
    said = studio.campaign("apply", file, "--yes")
    return file, said


def first_only(prompt: str) -> str:
    """Correct what must be corrected in the first round; the rest fails again, in other words."""
    return prompt.replace(BLOCKED, "") if "easy" in prompt else f"{prompt} again"


def unblocked(prompt: str) -> str:
    return prompt.replace(BLOCKED, "")


def results(studio: Studio, name: str, folder: Path) -> dict[str, Row]:
    return {row["custom_id"]: row for row in export(studio, name, folder / "results.csv")}


def lines_of(studio: Studio, name: str, *where: str) -> list[str]:
    """The clips that a condition chooses among the failed ones."""
    conditions = (part for one in where for part in ("--where", one))
    told = studio.campaign("retry", name, *conditions, "--dry-run", "--json")
    return sorted(json.loads(told)["custom_ids"])


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((640, 640), 90).convert("RGB").save(path, quality=95)
    assert path.stat().st_size > 32_767  # as base64, more than a cell of Excel holds


def test_a_sheet_with_local_pictures(studio: Studio, tmp_path: Path) -> None:
    name = "loop-pictures"
    for number in range(3):
        picture(tmp_path / "bilder" / f"P 00{number}.jpg")
    rows = [
        "a,wan2.6-i2v,a cup,bilder/P 000.jpg,noir",
        f"b,wan2.6-i2v,an easy plate {BLOCKED},bilder/P 001.jpg,noir",
        f"c,wan2.6-i2v,a spoon {BLOCKED},bilder/P 002.jpg,water",
    ]
    sheet = tmp_path / f"{name}.csv"
    heading = "custom_id,model,prompt,image,vars.style,duration,poll_interval_ms"
    sheet.write_text("\n".join([heading, *(f"{row},2,500" for row in rows)]))
    studio.campaign("apply", sheet, "--yes")
    assert finished(studio, name).counts == {"succeeded": 1, "moderated": 2}

    file, said = repair(studio, tmp_path, name, first_only)

    assert "stored: 0 new, 2 changed, 0 there already" in said
    assert "bilder/P 001.jpg" in file.read_text()
    assert finished(studio, name).counts == {"succeeded": 2, "moderated": 1}
    assert lines_of(studio, name, "var.style=water", "row=4") == ["c"]
    assert lines_of(studio, name, "var.style=noir") == []

    repair(studio, tmp_path, name, unblocked)

    assert finished(studio, name).counts == {"succeeded": 3}
    found = results(studio, name, tmp_path)
    assert {row["custom_id"]: json.loads(row["variables"]) for row in found.values()} == {
        "a": {"style": "noir"}, "b": {"style": "noir"}, "c": {"style": "water"}
    }  # fmt: skip
    assert len(billed(studio, {row["prompt"] for row in found.values()}).paid) == 3


def test_a_chain(studio: Studio, tmp_path: Path) -> None:
    name = "loop-chain"
    sheet = tmp_path / f"{name}.csv"
    sheet.write_text(
        "custom_id,model,prompt,after,first_frame,duration,poll_interval_ms\n"
        "s1,wan2.6-t2v,a fox leaves its den,,,2,500\n"
        f"s2,wan2.6-i2v,it easy crosses a river {BLOCKED},s1,last_frame,2,500\n"
        f"s3,wan2.6-i2v,it climbs a hill {BLOCKED},s2,last_frame,2,500\n"
        "s4,wan2.6-i2v,it sleeps,s3,last_frame,2,500\n"
    )
    studio.campaign("apply", sheet, "--yes")
    ended = finished(studio, name)
    assert ended.counts == {"succeeded": 1, "moderated": 1, "cancelled": 2}

    _, said = repair(studio, tmp_path, name, lambda prompt: prompt.replace(BLOCKED, "") if "easy" in prompt else prompt)

    assert "stored: 0 new, 3 changed, 0 there already" in said
    assert finished(studio, name).counts == {"succeeded": 2, "moderated": 1, "cancelled": 1}
    assert lines_of(studio, name, "row=4") == ["s3", "s4"]  # what hangs on it comes along

    file, _ = repair(studio, tmp_path, name, unblocked)

    assert "s2,last_frame" in file.read_text()  # above it in no file, and found on the server
    assert finished(studio, name).counts == {"succeeded": 4}
    assert len(billed(studio, {row["prompt"] for row in results(studio, name, tmp_path).values()}).paid) == 4


def test_a_manifest_with_a_template_and_a_matrix(studio: Studio, tmp_path: Path) -> None:
    name = "loop-matrix"
    (tmp_path / "products.csv").write_text(
        f"SKU,Name,Ground\nK-1,easy cup,marble\nK-2,lamp {BLOCKED},slate\nK-3,vase,\n"
    )
    manifest = tmp_path / f"{name}.yaml"
    manifest.write_text(
        f"campaign: {{name: {name}, budget: 20 USD}}\n"
        "defaults: {model: wan2.7-t2v, duration: 2, pollIntervalMs: 500, resolution: 720P}\n"
        "template:\n  custom_id: '{{ SKU }}'\n  prompt: '{{ Name }} on {{ Ground }}, {{ style.look }}'\n"
        f"matrix:\n  style: [{{id: noir, look: dark}}, {{id: water, look: 'easy {BLOCKED}'}}]\n  ratio: [16:9, 9:16]\n"
        "file: products.csv\n"
    )
    refused = studio.run("reelqueue", "campaign", "apply", manifest, "--yes")
    assert refused.returncode == 1
    bad = tmp_path / "products.bad.csv"
    assert f"reelqueue campaign apply {manifest} --rows {bad}" in refused.stderr
    studio.campaign("apply", manifest, "--skip-bad-rows", "--yes")
    bad.write_text(bad.read_text().replace("K-3,vase,", "K-3,vase,oak"))

    assert "stored: 4 new" in studio.campaign("apply", manifest, "--rows", bad, "--yes")

    ended = finished(studio, name)
    assert ended.counts == {"succeeded": 4, "moderated": 8}
    assert ended.options["budget"] == {"amount": "20", "currency": "USD"}
    assert lines_of(studio, name, "row=4") == ["K-3-water-16x9", "K-3-water-9x16"]

    repair(studio, tmp_path, name, first_only)
    assert finished(studio, name).counts["succeeded"] == 10
    assert lines_of(studio, name, "var.style=noir", "var.SKU=K-2") == ["K-2-noir-16x9", "K-2-noir-9x16"]
    repair(studio, tmp_path, name, unblocked)
    assert finished(studio, name).counts == {"succeeded": 12}

    found = results(studio, name, tmp_path)
    assert {row["custom_id"]: json.loads(row["variables"])["style"] for row in found.values()} == {
        f"K-{number}-{style}-{ratio}": style
        for number in (1, 2, 3) for style in ("noir", "water") for ratio in ("16x9", "9x16")
    }  # fmt: skip
    assert finished(studio, name).options["budget"] == {"amount": "20", "currency": "USD"}

    undoing = studio.run("reelqueue", "campaign", "plan", manifest)
    assert "warning: 6 rows go back to clips that failed: K-1-water-16x9" in undoing.stdout
    assert f"in {name}.bad.csv, which was applied last" in undoing.stdout


def test_json_lines(studio: Studio, tmp_path: Path) -> None:
    name = "loop-lines"
    picture(tmp_path / "in" / "a b.jpg")
    base: dict[str, Any] = {"model": "wan2.6-t2v", "duration": 2, "poll_interval_ms": 500}
    rows = [
        base | {"custom_id": "a", "prompt": "a fox", "vars": {"place": "den"}},
        base | {"custom_id": "b", "prompt": f"an easy owl {BLOCKED}", "vars": {"place": "barn"}},
        base | {"custom_id": "c", "prompt": f"Image 1 flies {BLOCKED}", "variants": 2, "model": "wan2.7-r2v"},
    ]
    rows[-1]["reference_urls"] = ["in/a b.jpg"]
    sheet = tmp_path / f"{name}.jsonl"
    sheet.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    studio.campaign("apply", sheet, "--yes")
    assert finished(studio, name).counts == {"succeeded": 1, "moderated": 3}

    for change, left in ((first_only, 2), (unblocked, 0)):
        file = tmp_path / f"{name}.bad.jsonl"
        studio.campaign("failures", name, "--format", "jsonl", "-o", file)
        found = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(f"{json.dumps(row | {'prompt': change(row['prompt'])})}\n" for row in found))
        studio.campaign("apply", file, "--yes")
        assert finished(studio, name).counts.get("moderated", 0) == left

    ended = results(studio, name, tmp_path)
    assert {row["custom_id"]: (row["variant"], row["variables"]) for row in ended.values()} == {
        "a": ("1", '{"place": "den"}'), "b": ("1", '{"place": "barn"}'), "c": ("1", ""), "c.2": ("2", "")
    }  # fmt: skip
    assert studio.audit() == []


def test_a_repair_is_undone_only_after_a_warning(studio: Studio, tmp_path: Path) -> None:
    name = "loop-undone"
    sheet = tmp_path / f"{name}.csv"
    sheet.write_text(f"custom_id,model,prompt,duration,poll_interval_ms\na,wan2.6-t2v,a kite {BLOCKED},2,500\n")
    studio.campaign("apply", sheet, "--yes")
    finished(studio, name)
    file, _ = repair(studio, tmp_path, name, unblocked)
    assert finished(studio, name).counts == {"succeeded": 1}
    warning = f"1 row goes back to clips that failed: a; the clips in their place now are in {file.name}"

    shown = studio.campaign("plan", sheet)
    refused = studio.run("reelqueue", "campaign", "apply", sheet, "--yes")
    still = finished(studio, name).counts
    agreed = studio.campaign("apply", sheet, "--yes", "--undo-repairs")
    undone = finished(studio, name).counts
    studio.campaign("apply", file, "--yes")

    assert warning in shown
    assert (refused.returncode, warning in refused.stdout, still) == (1, True, {"succeeded": 1})
    assert (warning in agreed, undone) == (True, {"moderated": 1})
    assert finished(studio, name).counts == {"succeeded": 1}
