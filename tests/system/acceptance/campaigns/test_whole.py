"""A real campaign from its spreadsheet to its last clip, with everything that may go wrong on the way.

Told as one story, because it takes most of a minute: 240 clips of a matrix are handed in by a command that is killed
on the way, workers are killed, an answer is lost, the campaign is paused and resumed, its budget runs out and is
raised. In the end every side that counts clips or money says the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from reelqueue.schemas.campaigns import Campaign, Phase
from reelqueue.states import RenderState
from tests.system.acceptance.campaigns.autumn import (
    BAD_ROWS,
    BROKEN_ROW,
    CLIPS,
    CLIPS_A_ROW,
    MODERATED_ROW,
    set_budget,
    write_autumn,
)
from tests.system.acceptance.campaigns.numbers import (
    Numbers,
    billed,
    entered,
    export,
    exported,
    kept,
    read_table,
    shown,
)
from tests.system.acceptance.campaigns.studio import Studio

# One stack at a time: each takes both processors.
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("stack")]

SMALL_BUDGET = Decimal(16)
UNMOVED = ("admitted", "submitting", "rendering", "cancelling", "archiving")
ENDS = Counter(succeeded=CLIPS - 2 * CLIPS_A_ROW, moderated=CLIPS_A_ROW, failed=CLIPS_A_ROW)


@dataclass(frozen=True)
class Story:
    """What was seen."""

    folder: Path
    planned: CompletedProcess[str]
    clips_at_kill: int
    """In force when the first import was killed, of which a part had arrived."""
    imported: str
    """What the second import said."""
    paused: Campaign
    """When nothing of it was under way any more."""
    broke: Campaign
    """When its budget could pay for nothing more."""
    raised: str
    """What applying it with a larger budget said."""
    ended: Campaign
    rows: list[dict[str, str]]
    """Its results."""
    sides: dict[str, Numbers]
    files: dict[str, str]
    """Checksums of its videos by job."""
    broken: list[dict[str, Any]]
    """Invariants that do not hold."""


def test_the_plan_names_what_is_bad_and_stores_nothing(story: Story) -> None:
    assert story.planned.returncode == 1
    assert f"{BAD_ROWS} of 43 rows cannot be rendered" in story.planned.stdout
    assert f"against the server: {CLIPS} new, 0 changed, 0 present" in story.planned.stdout


def test_every_bad_row_is_told_beside_the_file(story: Story) -> None:
    told = {(row["line"], row["code"]) for row in read_table(story.folder / "autumn.errors.csv")}

    assert told == {("42", "out_of_range"), ("43", "local_path_refused"), ("44", "duplicate_id")}


def test_a_killed_import_leaves_nothing_in_force_and_is_whole_the_next_time(story: Story) -> None:
    assert story.clips_at_kill == 0
    assert f"stored: {CLIPS} new, 0 changed, 0 there already" in story.imported


def test_a_paused_campaign_stands_still(story: Story) -> None:
    assert story.paused.phase is Phase.PAUSED
    assert story.paused.counts[RenderState.QUEUED] > 0


def test_its_budget_is_never_crossed(story: Story) -> None:
    (money,) = story.broke.money

    assert (money.spent, money.reserved, money.cap) == (SMALL_BUDGET, Decimal(0), SMALL_BUDGET)


def test_a_raised_budget_buys_the_rest_and_nothing_twice(story: Story) -> None:
    assert f"stored: 0 new, 0 changed, {CLIPS} there already" in story.raised
    assert story.ended.counts == ENDS


def test_refused_and_failed_clips_are_those_that_should_be(story: Story) -> None:
    ended = {state: {row["custom_id"] for row in story.rows if row["state"] == state} for state in ENDS}

    assert {name.rsplit("-", 2)[0] for name in ended["moderated"]} == {MODERATED_ROW}
    assert {name.rsplit("-", 2)[0] for name in ended["failed"]} == {BROKEN_ROW}


def test_every_side_counts_the_same_clips(story: Story) -> None:
    assert story.sides["export"].states == story.sides["page"].states == story.ended.counts == ENDS


@pytest.mark.parametrize("side", ["page", "ledger", "simulator"])
def test_every_side_names_the_same_payments(story: Story, side: str) -> None:
    assert story.sides[side].paid == story.sides["export"].paid
    assert len(story.sides[side].paid) == ENDS["succeeded"]


def test_the_api_says_what_all_of_them_cost(story: Story) -> None:
    (money,) = story.ended.money

    assert money.spent == story.sides["simulator"].total == Decimal("0.20") * ENDS["succeeded"]
    assert money.reserved == 0


def test_every_video_is_the_file_that_the_export_describes(story: Story) -> None:
    described = {row["job_id"]: row["sha256"] for row in story.rows if row["state"] == "succeeded"}

    assert len(described) == ENDS["succeeded"]
    assert story.files == described


def test_no_invariant_is_broken(story: Story) -> None:
    assert story.broken == []


@pytest.fixture(scope="module")
def story(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("studio")
    file = write_autumn(folder, budget=f"{SMALL_BUDGET} USD")
    planned = studio.run("reelqueue", "campaign", "plan", file)
    studio.simulator.post("faults", json={"operation": "submit", "kind": "drop", "phase": "after", "skip": 20})
    clips_at_kill = _kill_the_import(studio, file)
    imported = _apply(studio, file)
    _kill_workers(studio)
    paused = _stand_still(studio)
    studio.campaign("resume", "autumn")
    broke = _until(studio, Phase.OUT_OF_BUDGET)
    set_budget(file, "60 USD")
    raised = _apply(studio, file)
    ended = _until(studio, Phase.FINISHED)
    studio.wait_until_idle()
    rows = export(studio, "autumn", folder / "results.csv")
    sides = {
        "export": exported(rows),
        "page": shown(studio, "autumn"),
        "ledger": entered(studio, "autumn"),
        "simulator": billed(studio, {row["prompt"] for row in rows}),
    }
    files = kept(studio, {row["job_id"] for row in rows})
    return Story(
        folder, planned, clips_at_kill, imported, paused, broke, raised, ended, rows, sides, files, studio.audit()
    )


def _apply(studio: Studio, file: Path) -> str:
    return studio.campaign("apply", file, "--skip-bad-rows", "--yes")


def _kill_the_import(studio: Studio, file: Path) -> int:
    """Kill the command while its first batch is on its way."""
    with Session(studio.engine) as session, session.begin():
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        session.execute(text("LOCK TABLE staged_clips IN SHARE MODE"))
        command = studio.begin("reelqueue", "campaign", "apply", file, "--skip-bad-rows", "--yes")
        studio.wait_for(lambda: _count(studio, "pg_locks WHERE NOT granted") > 0, "the first batch has come")
        command.process.kill()
        command.finish()
    studio.wait_for(lambda: _count(studio, "staged_clips") > 0, "the first batch is staged")
    return _count(studio, "render_jobs WHERE campaign_id IN (SELECT id FROM campaigns WHERE name = 'autumn')")


def _count(studio: Studio, rows: str) -> int:
    with Session(studio.engine) as session:
        return int(session.scalars(text(f"SELECT count(*) FROM {rows}")).one())  # noqa: S608 - the test's own words


def _kill_workers(studio: Studio) -> None:
    """Kill those who submit, fetch and poll."""
    studio.wait_for(lambda: _succeeded(studio) >= 20, "some clips are there")
    studio.kill("render", "poll")
    studio.wait_for(lambda: _succeeded(studio) >= 40, "it goes on")


def _succeeded(studio: Studio) -> int:
    return studio.client.campaigns.get("autumn").counts.get(RenderState.SUCCEEDED, 0)


def _stand_still(studio: Studio) -> Campaign:
    """Pause it, kill who dispatches meanwhile, and wait until nothing of it is under way."""
    studio.campaign("pause", "autumn")
    studio.kill("control", "beat")

    def is_still() -> bool:
        return not studio.client.campaigns.get("autumn").counts.keys() & set(UNMOVED)

    studio.wait_for(is_still, "what was submitted has ended")
    return studio.client.campaigns.get("autumn")


def _until(studio: Studio, phase: Phase) -> Campaign:
    studio.wait_for(lambda: studio.client.campaigns.get("autumn").phase is phase, f"the campaign is {phase}")
    return studio.client.campaigns.get("autumn")
