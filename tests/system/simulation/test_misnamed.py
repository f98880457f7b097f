"""A provider that answers one submit with the task of another, whose own answer it has lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.store.fault import Fault
from tests.system.simulation.bench import Bench
from tests.system.simulation.seed import Story, play
from tests.system.simulation.temper import CALM
from workers.polling import poll_batch

_SEED = 1
"""Its two prompts differ."""
_FAULTS = (Fault("submit", "drop", phase="after"), Fault("submit", "duplicate-task-id"))
_TOLD = "another submit's task, told by its echo"


def misname(bench: Bench) -> Story:
    return play(bench, _SEED, temper=replace(CALM, jobs=2), faults=_FAULTS)


def test_no_job_gets_anothers_clip_and_none_is_paid_for_twice(bench: Bench) -> None:
    story = misname(bench)

    assert not story.problems, str(story)
    assert story.counts[_TOLD] == 1
    assert story.counts["bought again: hidden from the listing"] == 0


def test_whoever_believes_the_id_is_found_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll_batch, "find_misnamed", lambda *_: set())

    story = misname(bench)

    assert any("another prompt" in problem for problem in story.problems), str(story)
