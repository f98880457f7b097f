"""A campaign that would go on after a model has ended is refused before it begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reelqueue.campaigns.plan.model_ends import late_models
from reelqueue.schemas.campaigns import ModelSpeed

BEGIN = datetime(2026, 11, 30, tzinfo=UTC)


def speed(ends_at: datetime | None, **more: object) -> ModelSpeed:
    facts = {"model": "wan2.6-t2v", "slots": 5, "submits_per_second": 5.0, "clip_count": 9, "p50_seconds": 100.0,
             "p90_seconds": 200.0, "ends_at": ends_at}  # fmt: skip
    return ModelSpeed.model_validate(facts | more)


def late(clips: int, one: ModelSpeed) -> list[str]:
    return late_models({one.model: clips}, [one], begin=BEGIN, slack=timedelta(0))


def test_a_finish_before_the_end_is_nothing_to_tell() -> None:
    assert late(100, speed(BEGIN + timedelta(days=1))) == []
    assert late(10_000, speed(None)) == []
    assert late(0, speed(BEGIN)) == []


def test_a_finish_after_the_end_names_both_and_an_alternative() -> None:
    (said,) = late(10_000, speed(BEGIN + timedelta(days=1)))

    assert "wan2.6-t2v ends on 2026-12-01 00:00 UTC" in said
    assert "10000 clips would be rendered by 2026-12-0" in said
    assert "use wan2.7-t2v" in said


@pytest.mark.parametrize("more", [{"p50_seconds": None, "p90_seconds": None}, {"slots": 0}, {"model": "acme"}])
def test_a_model_that_was_never_measured_is_judged_too(more: dict[str, object]) -> None:
    assert len(late(1, speed(BEGIN - timedelta(days=1), **more))) == 1
