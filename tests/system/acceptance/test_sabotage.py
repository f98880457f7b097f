"""``./run demo --sabotage``: what is broken on purpose is told, heals, and costs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.processes.server_folders import remove_folder
from tests.system.acceptance.processes import Running, running

# One stack at a time: each takes both processors.
pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]

BLOWS = ["kill -9 of the poller", "kill -9 of dispatcher and beat", "kill -9 of the submitter", "FLUSHALL"]


def test_its_last_line_and_exit_code_are_the_proof(demo: Running) -> None:
    assert re.fullmatch(r"24/24 succeeded · billed 24 · duplicates 0 · adopted [1-9]\d*", demo.lines[-1]), demo.lines
    assert demo.finish() == 0


@pytest.mark.parametrize("blow", BLOWS)
def test_each_blow_is_told_and_heals(demo: Running, blow: str) -> None:
    struck, healed = (
        [number for number, line in enumerate(demo.lines) if mark in line and blow in line] for mark in "✗✓"
    )

    assert len(struck) == len(healed) == 1
    assert struck < healed


def test_every_lost_answer_is_told(demo: Running) -> None:
    assert len([line for line in demo.lines if "its answer was dropped" in line]) == 3


def test_every_invariant_is_audited(demo: Running) -> None:
    assert re.search(r"^\d+ invariants audited, 0 broken$", demo.lines[-2])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One run, from start to end."""
    folder: Path = tmp_path_factory.mktemp("sabotage")
    with running("demo", "--sabotage", "--folder", str(folder)) as demo:
        demo.finish()
        yield demo
    remove_folder(folder / "state" / "postgres")
