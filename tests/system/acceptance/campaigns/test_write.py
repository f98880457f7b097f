"""A campaign written from a brief through a whole stack: its two steps, a kill on the way, and the page about it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.system.acceptance.campaigns.studio import ROOT, Studio

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]

PAGE = re.findall(r"```(md|csv|sh)\n(.*?)```", (ROOT / "docs/writer.md").read_text(), re.DOTALL)


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    path = tmp_path / "brief.md"
    path.write_text("# Boats\n\nThree paper boats in the rain.\n")
    return path


def bill(studio: Studio) -> dict[str, Any]:
    found: dict[str, Any] = studio.simulator.get("texts").json()
    return found


def posts(studio: Studio) -> int:
    return len(studio.simulator.get("log", params={"operation": "chat"}).json()["requests"])


def test_a_brief_becomes_a_checked_campaign_and_the_same_command_pays_for_nothing(studio: Studio, brief: Path) -> None:
    folder, before = brief.parent / "written-whole", bill(studio)
    arguments = (
        "reelqueue",
        "campaign",
        "write",
        brief,
        "-o",
        folder,
        "--clips",
        "3",
        "--budget",
        "3 USD",
        "--yes",
        "--no-stop",
    )

    done = studio.run(*arguments)

    assert done.returncode == 0, done.stderr
    assert "qwen-plus will be asked at most 18 times, for at most 0." in done.stderr
    assert "3 rows, no errors" in done.stdout
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {"NOTES.md", "brief.md", "campaign.yaml", "clips.jsonl", "storyboard.json", "storyboard.md"}
    after = bill(studio)
    assert after["count"] - before["count"] == 4
    paid = Decimal(after["totals"]["USD"]) - Decimal(before["totals"].get("USD", "0"))
    assert f"4 calls for {paid.normalize():f}" in re.sub(r"0+ USD", " USD", files["NOTES.md"].decode())

    assert studio.run(*arguments).returncode == 0

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert bill(studio) == after


def test_a_person_corrects_the_storyboard_between_the_steps(studio: Studio, brief: Path) -> None:
    folder = brief.parent / "written-twice"
    said = studio.campaign("write", brief, "-o", folder, "--clips", "3", "--yes", "--stop")
    storyboard, before = folder / "storyboard.md", posts(studio)
    text = storyboard.read_text()
    storyboard.write_text(text.replace("- seconds: 2", "- seconds: 99", 1))
    refused = studio.run("reelqueue", "campaign", "write", "--continue", "-o", folder, "--yes")
    kept = text[: text.index("## 02")] + text[text.index("## 03") :]
    storyboard.write_text(kept.replace("- dialogue:", "- dialogue: Let it float", 1))

    studio.campaign("write", "--continue", "-o", folder, "--yes")

    assert "reelqueue campaign write --continue" in said
    assert (refused.returncode, "wan2.7-t2v renders 2, 3, 4" in refused.stderr) == (1, True)
    assert posts(studio) - before == 2
    rows = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == ["01", "03"]
    assert 'says: "Let it float' in rows[0]["prompt"]
    assert "* 3 calls for 0." in (folder / "NOTES.md").read_text()


def test_a_killed_command_and_a_killed_worker_pay_for_no_call_twice(studio: Studio, brief: Path) -> None:
    folder, before = brief.parent / "written-killed", posts(studio)
    arguments = ("reelqueue", "campaign", "write", brief, "-o", folder, "--clips", "8", "--yes", "--no-stop")
    command = studio.begin(*arguments)
    studio.wait_for(lambda: posts(studio) > before, "the first call has arrived")
    command.process.kill()
    command.finish()
    studio.kill("text")

    done = studio.run(*arguments)

    assert done.returncode == 0, done.stderr
    jobs = list(studio.client.texts.list(metadata={"written_for": "written-killed"}))
    assert len(jobs) == 9
    lost = sum(job.attempt_count - 1 for job in jobs)
    assert posts(studio) - before == 9 + lost  # the worker's kill may have lost answers, which are asked for once more
    assert (folder / "campaign.yaml").exists()


def test_the_page_can_be_followed(studio: Studio, tmp_path: Path) -> None:
    shown = [text for kind, text in PAGE if kind != "sh"]
    for name, text in zip(("brief.md", "products.csv", "brand.md"), shown, strict=True):
        (tmp_path / name).write_text(text)
    command = tmp_path / "bin" / "reelqueue"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -c "from reelqueue.cli import main; main()" "$@"\n')
    command.chmod(0o755)
    environment = studio.environment(PATH=f"{command.parent}:{os.environ['PATH']}", PYTHONPATH=str(ROOT))

    for script in [text for kind, text in PAGE if kind == "sh"]:
        ran = subprocess.run(
            ["/bin/sh", "-e", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    assert (tmp_path / "autumn" / "clips.jsonl").read_text().count("\n") == 4
    manifest = (tmp_path / "mugs" / "campaign.yaml").read_text()
    assert "{{ name }}" in manifest
    assert "Ostsee" not in manifest
