"""What a campaign buys, what it costs and how long it takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from reelqueue.campaigns import Budget, CampaignOptions
from reelqueue.campaigns.plan.check_file import campaign_warnings
from reelqueue.campaigns.plan.cost_plan import Plan
from reelqueue.campaigns.plan.eta import Eta, Lane, eta
from reelqueue.campaigns.plan.server_diff import ClipChange, ServerState, UndoneRepair
from reelqueue.campaigns.report.summary import plan_object
from tests.reelqueue.campaigns.conftest import Read

ROWS = [
    {"custom_id": "a", "model": "wan2.6-t2v", "prompt": "a boat", "duration": 5, "resolution": "720P"},
    {"custom_id": "b", "model": "wan2.6-t2v", "prompt": "a boat", "duration": 10, "resolution": "1080P"},
    {"custom_id": "c", "model": "wan9-t2v", "prompt": "a cat"},
]


def plan_of(read: Read, rows: list[dict[str, object]], known: ServerState | None = None) -> Plan:
    plan = Plan("ap-southeast-1", known)
    for clip in read("a.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows)).clips:
        plan.add(clip)
    return plan


def test_prices_are_summed_by_model_and_in_all(read: Read) -> None:
    plan = plan_of(read, ROWS)

    assert plan.models["wan2.6-t2v"].min_amount == Decimal("0.5") + Decimal("1.5")
    assert plan.models["wan9-t2v"].unpriced_count == 1
    assert plan.total.clip_count == 3
    assert "no price is known for wan9-t2v" in plan.warnings[0].message
    assert json.loads(json.dumps(plan_object(plan, Eta(1, 2))))["total"]["min_amount"] == str(plan.total.min_amount)


def test_a_corrected_file_buys_only_the_difference(read: Read) -> None:
    clips = read("a.jsonl", "".join(f"{json.dumps(row)}\n" for row in ROWS)).clips
    contents = {clip.custom_id: clip.content_sha256 for clip in clips}
    known = ServerState(contents, frozenset(contents.values()))
    changed = [ROWS[0], ROWS[1] | {"prompt": "a ship"}, ROWS[2] | {"custom_id": "renamed"}]
    added = {"custom_id": "d", "model": "wan2.6-t2v", "prompt": "a dog"}

    plan = plan_of(read, [*changed, added], known)

    assert {change: count for change, count in plan.counts.items() if count} == {
        ClipChange.PRESENT: 1,
        ClipChange.SHARED: 1,
        ClipChange.CHANGED: 1,
        ClipChange.NEW: 1,
    }
    assert plan.total.clip_count == 2


def test_models_without_end_are_counted_together(read: Read) -> None:
    rows = [{"custom_id": f"r{number}", "model": f"any-{number}", "prompt": "x"} for number in range(105)]

    plan = plan_of(read, rows)

    assert (len(plan.models), plan.models["other models"].clip_count, plan.total.clip_count) == (101, 5, 105)


@pytest.mark.parametrize(
    ("amount", "said"),
    [("1.99", "does not cover even the least"), ("2.00", None)],
)
def test_a_budget_is_compared_with_the_price(read: Read, amount: str, said: str | None) -> None:
    plan = plan_of(read, ROWS[:2])

    warning = plan.budget_warning(Budget(amount=Decimal(amount), currency="USD"))

    assert warning is None if said is None else said in str(warning)


def test_a_budget_in_another_currency_is_told(read: Read) -> None:
    warning = plan_of(read, ROWS[:1]).budget_warning(Budget(amount=Decimal(5), currency="CNY"))

    assert warning == "the budget is in CNY, and ap-southeast-1 bills in USD"


def test_an_end_that_comes_too_early_is_told(read: Read) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    options = CampaignOptions(finish_by=now + timedelta(hours=1))

    warnings = campaign_warnings(options, plan_of(read, ROWS), Eta(3000, 4000), now)

    late = "finish_by 2026-12-01T01:00:00+00:00 is too early: nine times in ten the last clip is there by"
    assert warnings == [f"{late} 2026-12-01T01:06+00:00"]


def lane(count: int, p50: float = 120, p90: float = 200, *, slots: int = 5, pace: float = 5) -> Lane:
    return Lane(clip_count=count, slots=slots, submits_per_second=pace, p50_seconds=p50, p90_seconds=p90)


def test_many_clips_take_the_work_divided_by_the_slots() -> None:
    told = eta([lane(100_000, 150, 150)])

    assert told.p50_seconds == pytest.approx(100_000 * 150 / 5, rel=0.001)


def test_playing_and_calculating_agree_where_they_meet() -> None:
    played, calculated = eta([lane(1000)]), eta([lane(1001)])

    assert played.p50_seconds == pytest.approx(calculated.p50_seconds, rel=0.01)
    assert played.p90_seconds == pytest.approx(calculated.p90_seconds, rel=0.01)


def test_the_same_question_gets_the_same_answer() -> None:
    assert eta([lane(20)]) == eta([lane(20)])


def test_the_slowest_lane_decides_and_the_pace_of_submits_is_a_floor() -> None:
    assert eta([lane(20), lane(100)]) == eta([lane(100)])
    assert eta([lane(100, 1, 1, slots=100, pace=1)]).p50_seconds == 99 + 1
    assert eta([]) == Eta(0, 0)


@pytest.mark.parametrize("wrong", [lane(1, slots=0), lane(1, 100, 50), lane(1, 0, 50), lane(1, pace=0)])
def test_times_that_cannot_be_are_refused(wrong: Lane) -> None:
    with pytest.raises(ValueError, match="no time can be estimated"):
        eta([wrong])


@pytest.mark.parametrize(
    ("state", "count"), [("succeeded", 1), ("rendering", 1), ("timed_out", 1), ("moderated", 0), ("lost", 0)]
)
def test_a_failed_clip_that_would_displace_another_is_counted_and_named(read: Read, state: str, count: int) -> None:
    (clip,) = read("a.jsonl", f"{json.dumps(ROWS[0])}\n").clips
    known = ServerState.read(
        [
            {"custom_id": "a", "content_sha256": "0" * 64, "state": state},
            {"custom_id": "a", "content_sha256": clip.content_sha256, "state": "moderated", "earlier": True},
        ]
    )

    plan = plan_of(read, ROWS[:1], known)

    assert plan.counts[ClipChange.RESTORED] == 1
    undone = UndoneRepair("a", "a.jsonl", 1, failed_state="moderated", current_state=state)
    assert (plan.undone_count, plan.undone) == (count, [undone] * count)
