"""The examples, run as their readers run them, side by side."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Asset, AssetKind, Campaign, RenderJob
from tests.system.acceptance.campaigns.studio import ROOT, Studio

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("stack")]

EXAMPLES = ROOT / "examples"
CAMPAIGNS = {"product-catalogue": "spring-catalogue", "storyboard": "fox", "nightly": "night-2026-01-01"}


@dataclass(frozen=True)
class Ran:
    """What an example left behind."""

    exit_code: int
    words: str
    folder: Path


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == set(CAMPAIGNS)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_it_ends_well(ran: Mapping[str, Ran], name: str) -> None:
    assert ran[name].exit_code == 0, ran[name].words


def test_the_catalogue_has_each_product_in_each_style_and_ratio(ran: Mapping[str, Ran]) -> None:
    folder = ran["product-catalogue"].folder

    assert len(list(folder.rglob("*.mp4"))) == 3 * 2 * 2
    assert "cup-noir-16x9" in (folder / "index.html").read_text()


def test_each_shot_begins_with_the_last_frame_of_the_one_before(ran: Mapping[str, Ran], studio: Studio) -> None:
    assert len(list(ran["storyboard"].folder.rglob("*.mp4"))) == 3
    with Session(studio.engine) as session:
        of_it = select(RenderJob).join(Campaign, Campaign.id == RenderJob.campaign_id)
        continued = of_it.where(RenderJob.is_continued, Campaign.name == CAMPAIGNS["storyboard"])
        shots = {shot.custom_id: shot for shot in session.scalars(continued)}
        kept = set(session.scalars(select(Asset.job_id).where(Asset.kind == AssetKind.LAST_FRAME)))
    assert shots.keys() == {"river", "ridge"}
    assert {shot.after_job_id for shot in shots.values()} <= kept


def test_the_night_ends_where_its_money_does(ran: Mapping[str, Ran]) -> None:
    report = ran["nightly"].folder / CAMPAIGNS["nightly"] / "results.csv"

    with report.open(encoding="utf-8-sig", newline="") as stream:
        assert Counter(row["state"] for row in csv.DictReader(stream)) == {"succeeded": 2, "cancelled": 1}
    assert CAMPAIGNS["nightly"] in ran["nightly"].words


@pytest.fixture(scope="module")
def ran(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Ran]:
    folder = tmp_path_factory.mktemp("examples")
    commands = folder / "bin"
    commands.mkdir()
    # As the wheel installs it.
    (commands / "reelqueue").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m reelqueue "$@"\n')
    (commands / "reelqueue").chmod(0o755)
    environment = studio.environment(PATH=f"{commands}:{os.environ['PATH']}", DAY="2026-01-01")
    started = {name: _start(name, folder, environment) for name in CAMPAIGNS}
    studio.wait_for(lambda: all(process.poll() is not None for process in started.values()), "the examples have ended")
    return {
        name: Ran(process.wait(), (folder / f"{name}.log").read_text(), folder / name)
        for name, process in started.items()
    }


def _start(name: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [EXAMPLES / name / "run.sh", folder / name], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
