"""Each case of the catalogue, alone: every clip is rendered, paid for and stored once, whatever was done."""

from __future__ import annotations

import pytest

from embedded.chaos.cases import CASES, Case
from embedded.chaos.harness import Harness

# One world, so one process of pytest-xdist's.
pytestmark = pytest.mark.xdist_group("faults")


def _parameters() -> list[object]:
    return [pytest.param(case, id=str(case), marks=[] if case.in_ci else pytest.mark.chaos) for case in CASES]


@pytest.mark.parametrize("case", _parameters())
def test_nothing_is_lost_and_nothing_is_paid_for_twice(case: Case, world: Harness) -> None:
    job_ids = case.act(world)

    verdict = world.finish(job_ids)

    assert verdict.is_good, str(verdict)
    assert case.proof(world, job_ids), f"nothing shows that it happened: {world.attempts(job_ids)}"


def test_each_has_a_name_of_its_own() -> None:
    assert len({str(case) for case in CASES}) == len(CASES) >= 45
