"""What a queued job waits for, in words for its owner and for operators."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import Account, Campaign, RenderJob
from models.operations.admission.conditions import Cause
from models.operations.money.slot_reservations import Quote
from models.operations.scheduling.submit_gates import Cause as GateCause
from models.operations.waiting.queued import Wait
from models.operations.waiting.words import Facts, Said, about, say_queued
from reelqueue.states import RenderState
from tests.support.stored_jobs import NOW

AUTUMN, OTHERS = uuid4(), uuid4()
ACCOUNT = Account(name="b", region="ap-southeast-1")
MODEL = "wan2.6-t2v"


def say(cause: Cause, *, is_operator: bool = False, wait: dict[str, Any] | None = None, **facts: Any) -> Said:
    campaign = Campaign(name="autumn", **facts.pop("campaign", {}))
    job = RenderJob(id=uuid4(), model=MODEL, state=RenderState.QUEUED, **facts.pop("job", {}))
    found = Wait(cause=cause, account=ACCOUNT, **wait or {})
    return say_queued(Facts(job=job, campaign=campaign, wait=found, now=NOW, is_operator=is_operator, **facts))


def behind(**more: Any) -> dict[str, Any]:
    return {"ahead": Counter({AUTUMN: 14, OTHERS: 3}), "missing_slots": 6, "slots": 5, "leased": 7, **more}


NAMES: dict[UUID, str] = {AUTUMN: "autumn", OTHERS: "theirs"}


def test_an_operator_reads_who_is_ahead_at_which_account_and_for_how_long() -> None:
    said = say(Cause.SLOTS, is_operator=True, wait=behind(), names=NAMES, mean_seconds=300.0)

    assert said.reason == "behind 14 of campaign autumn and 3 of campaign theirs on account b; slot in about 6 min"


def test_an_owner_reads_of_others_as_a_number_and_of_no_account() -> None:
    said = say(Cause.SLOTS, wait=behind(is_far=True), names={AUTUMN: "autumn"}, mean_seconds=300.0)

    assert said.reason == "behind more than 14 of campaign autumn and 3 of other owners; slot in at least about 6 min"


def test_slots_that_are_all_taken_are_counted() -> None:
    assert say(Cause.SLOTS, wait={"slots": 5, "leased": 7, "missing_slots": 1}).reason == (
        "7 of 5 slots for wan2.6-t2v are taken"
    )


def test_a_budget_names_what_is_missing_and_the_command() -> None:
    campaign = {"budget_amount": Decimal(10), "budget_currency": "USD"}
    price = Quote(Decimal("3.50"), Decimal("0.70"), "USD")

    said = say(Cause.OUT_OF_BUDGET, campaign=campaign, price=price, committed=Decimal("9.70"))

    assert (said.reason, said.is_blocking) == ("paused: budget, 3.20 USD missing", True)
    assert said.remedy == "reelqueue campaign set autumn 'budget=13.20 USD'"


@pytest.mark.parametrize(
    ("cause", "facts", "reason", "remedy"),
    [
        (Cause.RUN_AT, {"campaign": {"run_at": NOW + timedelta(hours=3)}}, "run_at in 3 h", "run_at=none"),
        (Cause.PAUSED, {"campaign": {"paused_reason": "holiday"}}, "paused: holiday", "campaign resume autumn"),
        (Cause.PAUSED, {"campaign": {"paused_reason": "dear", "repriced_at": NOW}}, "paused: dear", "approve autumn"),
        (Cause.CANARY, {"campaign": {"canary_count": 3}}, "needs approval: the canary of 3", "approve autumn"),
        (Cause.CHAIN, {"before": RenderJob(custom_id="shot-1", state="rendering")}, "shot-1 is rendering", "why"),
        (Cause.NOT_OFFERED, {}, "renders wan2.6-t2v", "tell an operator of this server"),
        (Cause.ACCOUNT_PAUSED, {"wait": {"reason": "Arrearage"}}, "for wan2.6-t2v is paused (Arrearage)", "tell an"),
        (Cause.UNPRICED, {}, "no price for wan2.6-t2v in ap-southeast-1", "set autumn budget=none"),
    ],
)  # fmt: skip
def test_an_owner_reads_the_reason_and_what_changes_it(
    cause: Cause, facts: dict[str, Any], reason: str, remedy: str
) -> None:
    said = say(cause, **facts)

    assert reason in said.reason
    assert remedy in (said.remedy or "")
    assert "account b" not in f"{said.reason} {said.remedy}"


@pytest.mark.parametrize(
    ("cause", "facts", "reason", "remedy"),
    [
        (Cause.ACCOUNT_PAUSED, {"wait": {"reason": "Arrearage"}}, "account b is paused", "accounts resume"),
        (Cause.GATE, {"wait": {"reason": GateCause.RESTORED}}, "shut after a restore", "python -m workers recover"),
        (Cause.NO_SLOTS, {}, "may have no task of it", "--slots wan2.6-t2v=N"),
    ],
)
def test_an_operator_reads_the_account_and_the_command(
    cause: Cause, facts: dict[str, Any], reason: str, remedy: str
) -> None:
    said = say(cause, is_operator=True, **facts)

    assert reason in said.reason
    assert remedy in (said.remedy or "")


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("is_operator", [True, False])
def test_every_cause_has_words(cause: Cause, is_operator: bool) -> None:  # noqa: FBT001
    reason = GateCause.RESTARTED if cause is Cause.GATE else None

    assert say(cause, is_operator=is_operator, wait={"reason": reason}).reason


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "1 s"), (89, "89 s"), (360, "6 min"), (3 * 3600, "3 h"), (72 * 3600, "3 days")]
)
def test_a_length_of_time_is_rounded(seconds: float, words: str) -> None:
    assert about(seconds) == words
